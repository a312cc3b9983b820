"""Folds lie where the units pull, on the right side, and are seen on the skin alone."""

from dataclasses import replace

import numpy as np
import pytest

from train.data import sampling
from train.data.head import default_head
from train.data.render import fold_map
from train.data.render.face import FaceRenderer, SkinColours, sample_mouth_colours
from train.data.render.folds import sample_folds, with_folds
from train.data.render.light import sample_eyes, sample_light

FRONT = sampling.Pose(np.eye(3), 1.0, np.array([128.0, 128.0]), np.inf)


def folded(seed: int = 0, **units: float) -> np.ndarray:
    """The depths (SIZE, SIZE) of the folds that units make beyond those at rest, on one of the faces that fold well."""
    rest, moved = np.zeros(len(sampling.INDEX), np.float32), np.zeros(len(sampling.INDEX), np.float32)
    for name, value in units.items():
        moved[sampling.INDEX[name]] = value
    maps = [sample_folds(np.random.default_rng(seed), weights)[..., 0].astype(int) for weights in (rest, moved)]
    return np.clip(maps[1] - maps[0], 0, None)


def centre_mm(depth: np.ndarray) -> np.ndarray:
    """Where on the mean head (x, y) mm the folds lie in the mean."""
    rows, columns = np.nonzero(depth > 20)
    from_middle = np.array([columns.mean(), rows.mean()]) + 0.5 - fold_map.SIZE / 2
    return fold_map.MM_PER_PIXEL * from_middle + np.array([0.0, fold_map.CENTRE_Y_MM])


@pytest.fixture(scope="module")
def supple() -> int:
    """The seed of a face whose skin folds easily."""
    return max(range(8), key=lambda seed: folded(seed, browInnerUp=1.0).sum())


def test_raised_brows_fold_the_forehead_and_a_frown_the_skin_between_the_brows(supple):
    marks = default_head().landmarks(default_head().mean)
    assert centre_mm(folded(supple, browInnerUp=1.0))[1] > marks[19, 1]
    frown = centre_mm(folded(supple, browDownLeft=1.0, browDownRight=1.0))
    assert abs(frown[0]) < 4.0
    assert marks[28, 1] < frown[1] < marks[19, 1]


@pytest.mark.parametrize("unit", ["mouthSmile", "eyeSquint", "noseSneer", "browOuterUp", "mouthFrown"])
def test_a_unit_of_one_side_folds_that_side(supple, unit):
    assert centre_mm(folded(supple, **{f"{unit}Left": 1.0}))[0] > 3.0
    assert centre_mm(folded(supple, **{f"{unit}Right": 1.0}))[0] < -3.0


def test_some_faces_hardly_fold():
    depths = [folded(seed, mouthSmileLeft=1.0, mouthSmileRight=1.0).max() for seed in range(40)]
    assert min(depths) < 40 < 120 < max(depths)


def test_folds_shade_the_skin_that_they_lie_on_and_leave_the_rest(supple):
    head, rng = default_head(), np.random.default_rng(0)
    count = head.parts["skin"].stop
    place, none = np.zeros((count, 2), np.float32), np.zeros(count, np.float32)
    grey = np.full((256, 256, 3), 128, np.uint8)
    skin = SkinColours(grey, place, place, none, colours=np.full((count, 3), 0.6, np.float32))
    uniforms = sample_light(rng, 0.3) | sample_eyes(rng) | {"tint": (1.0, 1.0, 1.0), "fold_strength": (0.4, 1.0)}
    mouth = sample_mouth_colours(rng)
    frowning = np.zeros(head.n_expression, np.float32)
    frowning[[sampling.INDEX["browDownLeft"], sampling.INDEX["browDownRight"]]] = 1.0
    renderer = FaceRenderer(256)

    def drawn(some: SkinColours) -> np.ndarray:
        return renderer.render(head.mean, FRONT, some, mouth, uniforms)[0].astype(int)

    plain = drawn(skin)
    np.testing.assert_array_equal(plain, drawn(replace(skin, folds=fold_map.flat())))
    lines = with_folds(np.random.default_rng(supple), skin, frowning)
    changed = np.abs(drawn(lines) - plain).max(-1)
    marks = 128.0 + head.landmarks(head.mean) * [1.0, -1.0, 1.0]
    between = changed[int(marks[19, 1]) : int(marks[27, 1]), int(marks[21, 0]) : int(marks[22, 0])]
    assert between.max() > 15
    np.testing.assert_array_equal(changed[:20], 0)  # above the forehead
