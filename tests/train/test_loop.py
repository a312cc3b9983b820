from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("yaml")

from mmface_core.errors import UserError
from mmface_core.geometry.camera import weak_perspective
from mmface_core.model.face_model import FaceModel
from train.checkpoint import load_checkpoint, network_from_checkpoint, save_checkpoint
from train.config import RunConfig, Stage, read_config, write_config
from train.evaluate import correlations, evaluate
from train.loop import Trainer, learning_rate
from train.model_samples import ModelSamples
from train.objective import MOST_RARE, rarity
from train.targets import PointModel

BATCH = 2
TINY = {
    "stem_channels": 4,
    "channels": 8,
    "bottleneck": 2,
    "depth": 2,
    "volume_convs": [[2, 4, 4, 0], [4, 2, 2, 0], [4, 4, 2, 1], [8, 3, 1, 1], [8, 4, 1, 0]],
    "map_convs": [4, 4, 4],
    "hidden": 16,
}


def tiny_config(**changes) -> RunConfig:
    values = {
        "stages": (Stage("only", images=8 * BATCH, batch=BATCH, warmup_images=4, learning_rate=2e-3),),
        "network_changes": {
            k: tuple(map(tuple, v)) if k == "volume_convs" else tuple(v) if isinstance(v, list) else v
            for k, v in TINY.items()
        },
        "pool": 0,
        "regressor_steps": 2,
        "threads": 1,
    }
    return RunConfig(**(values | changes))


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load()


@pytest.fixture(scope="module")
def batches(model) -> list[dict[str, torch.Tensor]]:
    """Noise for pictures, and plausible labels."""
    samples = ModelSamples(PointModel(model), 24, 5)
    rng = np.random.default_rng(5)
    made = []
    for start in range(0, 2 * 12, BATCH):
        rows = slice(start % 24, start % 24 + BATCH)
        identity, expression = samples.identity[rows], samples.expression[rows]
        pose = (samples.rotation[rows], samples.scale[rows], samples.translation[rows])
        one = torch.ones(BATCH)
        made.append(
            {
                "crop": torch.from_numpy(rng.integers(0, 256, (BATCH, 256, 256, 3), dtype=np.uint8)),
                "identity": identity,
                "expression": expression,
                "rotation": pose[0],
                "scale": pose[1],
                "translation": pose[2],
                "points": weak_perspective(samples.points(identity, expression), *pose)[..., :2],
                "identity_weight": one,
                "expression_weight": torch.ones_like(expression),
                "pose_weight": one,
                "points_weight": one,
                "volume_weight": one,
            }
        )
    return made


def trainer(config: RunConfig, folder: Path, model: FaceModel, batches, report=lambda line: None) -> Trainer:
    return Trainer(config, folder, model, lambda stage, used: batches[used // BATCH :], report=report, model_samples=32)


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path, model, batches):
    config = tiny_config()
    whole = trainer(config, tmp_path / "whole", model, batches)
    whole.run()
    trainer(config, tmp_path / "parts", model, batches).run(stop_after=3)
    resumed = trainer(config, tmp_path / "parts", model, batches)
    assert resumed.step == 3
    resumed.run()
    assert resumed.step == whole.step == 8
    for name, value in whole.net.state_dict().items():
        assert torch.allclose(value.float(), resumed.net.state_dict()[name].float(), atol=1e-6), name
    for name, value in whole.average.state().items():
        assert torch.allclose(value.float(), resumed.average.state()[name].float(), atol=1e-6), name


def test_a_finished_run_leaves_averaged_weights_for_export(tmp_path, model, batches):
    made = trainer(tiny_config(), tmp_path, model, batches)
    made.run()
    net = network_from_checkpoint(tmp_path / "only.pt")
    assert not net.training
    assert torch.equal(net.state_dict()["vmn.first.weight"], made.average.state()["vmn.first.weight"])


def test_learning_on_one_batch_lowers_the_loss(tmp_path, model, batches):
    config = tiny_config(stages=(Stage("only", images=80 * BATCH, batch=BATCH, warmup_images=2),))
    made = trainer(config, tmp_path, model, batches)
    totals = [made.train_step(config.stages[0], batches[0])["total"] for _ in range(80)]
    assert np.mean(totals[-5:]) < 0.7 * np.mean(totals[:5])


@pytest.mark.parametrize(
    ("parts", "trained", "left"),
    [
        ("vmn", "vmn.first.weight", "pmn.identity.0.weight"),
        ("pmn", "pmn.identity.0.weight", "point_head.scores.weight"),
    ],
)
def test_the_papers_stages_train_their_own_part(tmp_path, model, batches, parts, trained, left):
    stage = Stage("part", images=BATCH, batch=BATCH, parts=parts, warmup_images=1)
    made = trainer(tiny_config(stages=(stage,)), tmp_path, model, batches)
    before = {name: value.clone() for name, value in made.net.state_dict().items()}
    terms = made.train_step(stage, batches[0])
    after = made.net.state_dict()
    assert not torch.equal(before[trained], after[trained])
    assert torch.equal(before[left], after[left])
    assert ("volume" in terms) == (parts == "vmn")
    assert ("identity" in terms) == (parts == "pmn")


def test_the_rate_warms_up_and_anneals():
    stage = Stage("s", images=1000, batch=10, warmup_images=100, learning_rate=1e-3, final_learning_rate=1e-5)
    assert learning_rate(stage, 0.0, 0) == pytest.approx(1e-4)
    assert learning_rate(stage, 0.0, 200) == pytest.approx(1e-3)
    assert learning_rate(stage, 1.0, 1000) == pytest.approx(1e-5)


def test_figures_are_finite_and_perfect_answers_correlate(tmp_path, model, batches):
    made = trainer(tiny_config(), tmp_path, model, batches)
    samples = {key: torch.cat([batch[key] for batch in batches]) for key in batches[0]}
    figures = evaluate(made.net, samples, made.maker)
    assert all(np.isfinite(value) for value in figures.values())
    truth = samples["expression"].numpy()
    perfect = correlations(truth, truth)
    assert perfect["r"] == pytest.approx(1.0)
    assert perfect["r_jaw"] == pytest.approx(1.0)


def test_configuration_survives_a_round_trip(tmp_path):
    config = tiny_config()
    write_config(config, tmp_path / "run.yaml")
    assert read_config(tmp_path / "run.yaml").stages == config.stages
    assert read_config(tmp_path / "run.yaml").losses == config.losses


def test_the_shipped_configurations_are_valid():
    for path in sorted((Path(__file__).parents[2] / "train" / "configs").glob("*.yaml")):
        assert read_config(path).stages, path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("network: lite", "no stages"),
        ("stages: [{name: a, minuts: 3}]", "minuts"),
        ("stages: [{name: a}]", "budget"),
        ("stages: [{name: a, minutes: 1, parts: both}]", "both"),
        ("stages: [", "not valid YAML"),
    ],
)
def test_a_wrong_configuration_is_a_sentence(tmp_path, text, message):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_config(path)


def test_broken_checkpoints_are_sentences(tmp_path):
    with pytest.raises(UserError, match="no checkpoint"):
        load_checkpoint(tmp_path / "none.pt")
    path = tmp_path / "some.pt"
    save_checkpoint(path, {"step": 1})
    assert load_checkpoint(path)["step"] == 1
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="can be read"):
        load_checkpoint(path)
    torch.save({"schema": "other/1"}, path)
    with pytest.raises(UserError, match="another version"):
        load_checkpoint(path)


def test_weights_of_another_network_start_what_fits_and_say_so(model, batches, tmp_path):
    first = trainer(tiny_config(), tmp_path / "first", model, batches)
    first.save(tmp_path / "start.pt")
    said: list[str] = []
    wider = tiny_config(
        network_changes=tiny_config().network_changes | {"hidden": 24}, initial=str(tmp_path / "start.pt")
    )
    second = trainer(wider, tmp_path / "second", model, batches, said.append)
    assert torch.equal(second.net.vmn.first.weight, first.average.state()["vmn.first.weight"])
    assert second.net.pmn.pose[0].weight.shape[0] == 24
    assert any("the rest anew" in line and "%" in line for line in said)


def test_a_unit_that_is_seldom_on_weighs_more():
    expressions = torch.zeros(200, 3)
    expressions[::2, 0], expressions[::100, 1] = 1.0, 1.0
    often, seldom, never = rarity(expressions)
    assert often == 1.0 and 1.0 < seldom <= never == MOST_RARE
