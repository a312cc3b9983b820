"""Labels are trusted as far as the picture tells them, and held-out portraits are all that the test set shows."""

from pathlib import Path

import numpy as np
import pytest

from mmface_core.model.arkit import ARKIT_NAMES
from train.data import loader, streams
from train.data.portraits.store import is_held_out
from train.data.streams import SampleMaker

EYES = [name.startswith("eye") for name in ARKIT_NAMES]
MOUTH = [name.startswith(("jaw", "mouth", "cheekPuff", "tongue")) for name in ARKIT_NAMES]


def dress(monkeypatch: pytest.MonkeyPatch, glasses: float, mask: float) -> None:
    monkeypatch.setattr(streams, "GLASSES_SHARE", glasses)
    monkeypatch.setattr(streams, "MASK_SHARE", mask)


@pytest.mark.parametrize("stream", ["procedural", "textured"])
def test_a_bare_face_is_trusted_whole(maker: SampleMaker, monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
    dress(monkeypatch, 0.0, 0.0)
    sample = getattr(maker, stream)(np.random.default_rng(1))
    assert (sample["expression_weight"] == 1.0).all() and sample["identity_weight"] == 1.0


@pytest.mark.parametrize("stream", ["procedural", "textured"])
def test_the_darker_the_glasses_the_less_the_eyes_units_count(
    maker: SampleMaker, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    dress(monkeypatch, 1.0, 0.0)
    worn = []
    sample_glasses = streams.sample_glasses
    monkeypatch.setattr(streams, "sample_glasses", lambda *given: worn.append(sample_glasses(*given)) or worn[-1])
    for seed in range(8):
        weight = getattr(maker, stream)(np.random.default_rng(seed))["expression_weight"]
        assert weight[EYES] == pytest.approx(max(1.0 - worn[-1].hides, streams.HIDDEN_WEIGHT))
        assert (weight[np.invert(EYES)] == 1.0).all()
    assert min(glasses.hides for glasses in worn) < 0.5 < max(glasses.hides for glasses in worn)


@pytest.mark.parametrize("stream", ["procedural", "textured"])
def test_behind_a_mask_the_mouths_units_hardly_count(
    maker: SampleMaker, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    dress(monkeypatch, 0.0, 1.0)
    weight = getattr(maker, stream)(np.random.default_rng(2))["expression_weight"]
    assert weight[MOUTH] == pytest.approx(streams.HIDDEN_WEIGHT) and (weight[np.invert(MOUTH)] == 1.0).all()


def test_what_the_fit_of_a_portrait_cannot_know_does_not_count(maker: SampleMaker) -> None:
    weight = dict(zip(ARKIT_NAMES, maker.portrait(np.random.default_rng(3))["expression_weight"], strict=True))
    unknown = {name for name, trust in weight.items() if trust == 0.0}
    assert unknown == {"tongueOut", "cheekPuff", "mouthClose", "jawForward", "jawLeft", "jawRight"}
    assert {trust for name, trust in weight.items() if name not in unknown} == {
        np.float32(streams.FITTED_EXPRESSION_WEIGHT)
    }


def test_the_rendered_test_set_shows_held_out_portraits_alone(
    painted_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMFACE_TRAIN_CACHE", str(painted_cache))
    monkeypatch.setattr(loader, "_makers", {})
    loader.heldout_sample(0, 64)
    (maker,) = loader._makers.values()
    assert maker.store is not None and len(maker.store) >= 1
    assert all(is_held_out(str(name)) for name in maker.store.names)
    assert maker.augmented == 0.0 and not maker.cartoons


def test_held_out_renders_with_painted_skin_show_no_portrait_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "_makers", {})
    monkeypatch.setattr(loader, "load_store", lambda **_: pytest.fail("portraits were opened"))
    sample = loader.heldout_sample(0, 64, {"procedural": 1.0})
    assert sample["stream"] == streams.PROCEDURAL
