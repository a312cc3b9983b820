import csv
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("yaml")

from mmface_core.errors import UserError
from mmface_core.geometry.camera import weak_perspective
from mmface_core.model.dense_points import point_names
from mmface_core.model.face_model import FaceModel
from tests.tiny_network import TINY
from train.checkpoint import load_checkpoint, network_from_checkpoint, save_checkpoint
from train.config import RunConfig, Stage, read_config, write_config
from train.evaluate import correlations, evaluate
from train.loop import Trainer, append_row
from train.model_samples import ModelSamples
from train.objective import MOST_RARE, rarity
from train.parallel import Ranks
from train.targets import PointModel

BATCH = 2


def tiny_config(**changes) -> RunConfig:
    values = {
        "stages": (Stage("only", images=8 * BATCH, batch=BATCH, warmup_images=4, learning_rate=2e-3),),
        "network_changes": TINY,
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


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path, model, batches, optimiser):
    config = tiny_config(optimiser=optimiser)
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


def _start(rank: int, rendezvous: Path, folder: Path, results) -> None:
    ranks = Ranks.join(rank, 2, rendezvous)
    made = Trainer(tiny_config(), folder, FaceModel.load(), lambda *_: [], model_samples=32, ranks=ranks)
    weights = [value.numpy() for value in (*made.net.state_dict().values(), *made.average.state().values())]
    results.put((rank, weights))
    ranks.leave()


def test_all_ranks_start_from_the_same_weights_although_each_draws_its_own_samples(tmp_path):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    members = [context.Process(target=_start, args=(rank, tmp_path / "meet", tmp_path, results)) for rank in range(2)]
    for member in members:
        member.start()
    weights = dict(results.get(timeout=240) for _ in members)
    for member in members:
        member.join(timeout=30)
    assert all(np.array_equal(one, other) for one, other in zip(weights[0], weights[1], strict=True))


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


def test_the_logs_columns_mean_the_same_in_all_stages(tmp_path, model, batches, monkeypatch):
    monkeypatch.setattr("train.loop.LOG_EVERY", 1)
    stages = [
        Stage(parts, images=BATCH, batch=BATCH, parts=parts, warmup_images=1) for parts in ("vmn", "pmn", "joint")
    ]
    trainer(tiny_config(stages=tuple(stages)), tmp_path, model, batches).run()
    with (tmp_path / "log.csv").open() as file:
        rows = {row["stage"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["vmn", "pmn", "joint"]
    given = {name: {column for column, cell in row.items() if cell} for name, row in rows.items()}
    assert "volume" in given["vmn"] and "identity" not in given["vmn"]
    assert "identity" in given["pmn"] and "volume" not in given["pmn"]
    assert given["joint"] == set(rows["joint"])
    assert all(float(row["total"]) > 0 for row in rows.values())


def test_a_log_that_an_earlier_version_began_keeps_its_columns(tmp_path):
    (tmp_path / "log.csv").write_text("step,b,a\n1,2,3\n")
    append_row(tmp_path / "log.csv", {"step": 2, "a": 30, "b": 20, "new": 40})
    assert (tmp_path / "log.csv").read_text().splitlines() == ["step,b,a", "1,2,3", "2,20,30"]


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
    paths = sorted((Path(__file__).parents[2] / "train" / "configs").rglob("*.yaml"))
    assert len(paths) >= 10 and any("ablations" in path.parts for path in paths)
    for path in paths:
        config = read_config(path)
        assert config.network_config(point_names()).n_points > 0, path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("network: lite", "no stages"),
        ("stages: [{name: a, minuts: 3}]", "minuts"),
        ("stages: [{name: a}]", "budget"),
        ("stages: [{name: a, minutes: 1, parts: both}]", "both"),
        ("stages: [{name: a, minutes: 1}]\noptimiser: sgd", "'sgd'.*adamw, muon"),
        ("stages: [{name: a, minutes: 1}]\nprecision: fp8", "'fp8'.*fp32, bf16"),
        ("stages: [", "not valid YAML"),
    ],
)
def test_a_wrong_configuration_is_a_sentence(tmp_path, text, message):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_config(path)


def test_a_run_of_another_optimiser_is_not_gone_on_with(tmp_path, model, batches):
    trainer(tiny_config(), tmp_path, model, batches).run(stop_after=1)
    with pytest.raises(UserError, match="another optimiser"):
        trainer(tiny_config(optimiser="muon"), tmp_path, model, batches)


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
