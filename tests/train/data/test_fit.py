"""Fitting the model to points that it made itself, and taking habits of a landmark model out of the result."""

import numpy as np
import pytest

from mmface_core.conventions import euler_to_rotation, rotation_to_euler
from train.data import camera, sampling
from train.data.head import default_head
from train.data.portraits.correspond import Correspondence
from train.data.portraits.debias import debias
from train.data.portraits.fit import OUTLINE, Fit, FitSettings, fit


@pytest.fixture(scope="module")
def synthetic() -> tuple[Fit, Fit]:
    """True parameters of 24 heads and the fit to their projected points."""
    head, rng = default_head(), np.random.default_rng(3)
    front = np.flatnonzero(head.mean[: head.parts["skin"].stop, 2] > 5.0)
    chosen = rng.choice(front, 300, replace=False)
    free = [index for index in range(478) if index not in OUTLINE][:300]
    places = Correspondence(
        np.array(free), np.repeat(chosen[:, None], 3, 1), np.tile(np.float32([1, 0, 0]), (300, 1)), np.full(300, 0.5)
    )
    jaw = head.landmark_vertices[:17, 0]
    truth = {key: [] for key in ("identity", "expression", "rotation", "scale", "translation")}
    points = np.zeros((24, 478, 2), np.float32)
    for row in range(24):
        expression = np.zeros(head.n_expression, np.float32)
        for name in ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp", "eyeBlinkLeft"):
            expression[sampling.INDEX[name]] = rng.choice([0.0, rng.uniform(0.2, 0.9)])
        identity = 0.6 * rng.standard_normal(head.n_identity).astype(np.float32)
        rotation = euler_to_rotation(*np.radians(rng.normal(0, (12, 6, 4))))
        values = (identity, expression, rotation, 0.85, np.array([128.0, 130.0]))
        for key, value in zip(truth, values, strict=True):
            truth[key].append(value)
        pixels = camera.project(head.shape(identity, expression), *values[2:], np.inf)
        points[row, free] = pixels[chosen, :2]
        outline = np.array(
            [head.landmarks(pixels)[i, :2] for i in np.linspace(16, 0, len(OUTLINE)).round().astype(int)]
        )
        points[row, list(OUTLINE)] = outline
    assert len(jaw) == 17
    known = Fit(**{key: np.stack(value) for key, value in truth.items()}, error=np.zeros(24))
    return known, fit(points, places, FitSettings(outline=0.0))


def test_points_are_met_closely(synthetic: tuple[Fit, Fit]) -> None:
    assert np.median(synthetic[1].error) < 0.6


def test_pose_comes_back(synthetic: tuple[Fit, Fit]) -> None:
    truth, found = synthetic
    for one, other in zip(rotation_to_euler(truth.rotation), rotation_to_euler(found.rotation), strict=True):
        assert np.degrees(np.abs(one - other)).mean() < 2.5
    assert np.abs(found.scale / truth.scale - 1).mean() < 0.04


def test_strong_expressions_come_back_and_stay_within_bounds(synthetic: tuple[Fit, Fit]) -> None:
    truth, found = synthetic
    for name in ("jawOpen", "mouthSmileLeft", "browInnerUp"):
        column = sampling.INDEX[name]
        assert np.corrcoef(truth.expression[:, column], found.expression[:, column])[0, 1] > 0.85, name
    assert found.expression.min() >= 0
    assert found.expression.max() <= 1


def test_a_unit_that_is_on_in_every_portrait_counts_as_zero(synthetic: tuple[Fit, Fit]) -> None:
    truth, _ = synthetic
    biased = truth.expression.copy()
    sneer = sampling.INDEX["noseSneerLeft"]
    biased[:, sneer] += 0.3
    mended = debias(Fit(truth.identity, biased, truth.rotation, truth.scale, truth.translation, truth.error))
    assert np.abs(mended.expression[:, sneer]).max() < 1e-6
    jaw = sampling.INDEX["jawOpen"]
    np.testing.assert_array_equal(mended.expression[:, jaw], biased[:, jaw])
    looking = mended.expression[:, [sampling.INDEX["eyeLookOutLeft"], sampling.INDEX["eyeLookInLeft"]]]
    expected = np.degrees(np.arctan2(truth.rotation[:, 2, 0], truth.rotation[:, 2, 2])) / 30.0
    assert np.isfinite(looking).all()
    assert np.median(np.abs(looking[:, 0] - looking[:, 1] - expected)) < 0.5
