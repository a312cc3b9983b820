import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch

from mmface_core.geometry.camera import weak_perspective
from mmface_core.model.face_model import FaceModel
from train.model_samples import ModelSamples
from train.pool import HEAD_START, SamplePool, mirror_some, shifted, vary
from train.targets import PointModel

POINTS = PointModel(FaceModel.load())
A_MOMENT = 0.5  # seconds in which what should not happen would happen


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def labelled(count: int, seed: int = 1) -> dict[str, torch.Tensor]:
    samples = ModelSamples(POINTS, count, seed)
    pose = (samples.rotation, samples.scale, samples.translation)
    return {
        "crop": torch.randint(0, 256, (count, 64, 64, 3), dtype=torch.uint8),
        "identity": samples.identity,
        "expression": samples.expression,
        "expression_weight": torch.ones_like(samples.expression),
        "rotation": pose[0],
        "scale": pose[1],
        "translation": pose[2],
        "points": weak_perspective(POINTS(samples.identity, samples.expression), *pose)[..., :2],
    }


def points_of(batch: dict[str, torch.Tensor]) -> torch.Tensor:
    pose = (batch["rotation"], batch["scale"], batch["translation"])
    return weak_perspective(POINTS(batch["identity"], batch["expression"]), *pose)[..., :2]


def test_mirrored_labels_describe_the_mirrored_face():
    batch = mirror_some(labelled(6), torch.tensor([True, False] * 3), POINTS.mirror)
    # The identity basis is symmetric to a fraction of a pixel only.
    assert (points_of(batch) - batch["points"]).norm(dim=2).mean() < 0.6


def test_mirroring_twice_changes_nothing_but_rounding():
    batch, every = labelled(4), torch.ones(4, dtype=torch.bool)
    again = mirror_some(mirror_some(batch, every, POINTS.mirror), every, POINTS.mirror)
    for key in ("crop", "expression", "rotation", "translation", "points"):
        assert torch.allclose(again[key].float(), batch[key].float(), atol=1e-4), key


def test_varied_labels_still_fit_their_points():
    batch = vary(labelled(6), np.random.default_rng(2), POINTS.mirror)
    assert (points_of(batch) - batch["points"]).norm(dim=2).mean() < 0.6
    assert batch["crop"].dtype == torch.uint8


def test_shifting_moves_pixels_right_and_down():
    picture = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    moved = shifted(picture, 1, 2)
    assert moved[2, 1, 0] == picture[0, 0, 0]
    assert moved[0, 0, 0] == picture[0, 0, 0]


def test_the_pool_reuses_samples_but_not_without_end():
    more = threading.Event()

    def loader():
        yield labelled(32)
        more.wait(60.0)
        yield labelled(32, seed=2)

    pool = SamplePool(loader(), capacity=32, reuse=3.0, seed=0, point_mirror=POINTS.mirror)
    for _ in range(33):  # each sample twice, and the draw that goes over it
        assert pool.draw(2)["crop"].shape == (2, 64, 64, 3)
    further = threading.Thread(target=pool.draw, args=(2,), daemon=True)
    further.start()
    further.join(A_MOMENT)
    assert further.is_alive() and pool.drawn == 66
    more.set()
    further.join(60.0)
    assert not further.is_alive() and pool.drawn == 68
    pool.close()


def test_a_loader_that_fails_is_reported():
    def failing():
        raise OSError("disk gone")
        yield

    pool = SamplePool(failing(), capacity=8, reuse=1.0, seed=0, point_mirror=POINTS.mirror)
    with pytest.raises(RuntimeError, match="loader stopped"):
        pool.draw(1)


def test_rendering_waits_while_its_samples_are_hardly_used():
    made = []

    def loader():
        for i in range(1000):
            made.append(i)
            yield labelled(4, seed=1 + i % 3)

    pool = SamplePool(loader(), capacity=80, reuse=2.0, seed=1, point_mirror=POINTS.mirror)
    enough = HEAD_START * 80
    wait_until(lambda: 4 * len(made) >= enough)
    time.sleep(A_MOMENT)
    assert 4 * len(made) <= enough + 12  # the head start, and what is on its way
    for _ in range(60):
        pool.draw(4)
    enough += 240 / 2  # draws, two of each
    wait_until(lambda: 4 * len(made) >= enough)
    time.sleep(A_MOMENT)
    pool.close()
    assert 4 * len(made) <= 2 * enough  # of 4000: some more come while a draw waits
