"""Sampled expressions are possible ones, and every unit gets its turn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmface_core.conventions import rotation_to_euler
from train.data.sampling import INDEX, WIDEST_CLOSURE, make_plausible, sample_expression, sample_pose


@given(st.integers(0, 2**32 - 1))
def test_no_face_does_opposites_at_once(seed: int) -> None:
    weights = sample_expression(np.random.default_rng(seed))
    assert weights.dtype == np.float32
    assert ((weights >= 0) & (weights <= 1)).all()
    assert weights[INDEX["mouthClose"]] <= weights[INDEX["jawOpen"]]
    assert min(weights[INDEX["jawLeft"]], weights[INDEX["jawRight"]]) == 0
    assert min(weights[INDEX["eyeLookUpLeft"]], weights[INDEX["eyeLookDownLeft"]]) == 0
    np.testing.assert_allclose(make_plausible(weights)[INDEX["mouthClose"]], weights[INDEX["mouthClose"]])


def test_closed_eyes_and_open_mouths_are_common_and_no_unit_is_forgotten() -> None:
    rng = np.random.default_rng(0)
    weights = np.stack([sample_expression(rng) for _ in range(4000)])
    lids = weights[:, [INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]]
    assert 0.22 < (lids.max(1) > 0.4).mean() < 0.45
    assert 0.22 < (weights[:, INDEX["jawOpen"]] > 0.1).mean() < 0.6
    assert ((weights > 0.2).mean(0) > 0.01).all()
    furthest = np.full(len(INDEX), 0.75)
    furthest[INDEX["mouthClose"]] = 0.8 * WIDEST_CLOSURE  # it goes as far as the jaw is open
    assert (weights.max(0) > furthest).all()


def test_lips_seldom_close_on_an_open_jaw_and_never_on_a_wide_one() -> None:
    rng = np.random.default_rng(0)
    weights = np.stack([sample_expression(rng) for _ in range(4000)])
    closed = weights[:, INDEX["mouthClose"]] > 0.05
    assert 0.01 < closed.mean() < 0.05
    assert np.median(weights[closed, INDEX["jawOpen"]]) < 0.45
    assert weights[:, INDEX["mouthClose"]].max() <= WIDEST_CLOSURE + 1e-6


@pytest.mark.parametrize("limit", [30.0, 90.0])
def test_poses_keep_their_limits(limit: float) -> None:
    rng = np.random.default_rng(1)
    angles = []
    for _ in range(500):
        pose = sample_pose(rng, limit)
        angles.append(np.degrees([float(a) for a in rotation_to_euler(pose.rotation)]))
        assert 0.8 < pose.scale / 1.28 < 1.25
        assert np.abs(pose.translation - 127.5).max() < 21
    assert np.abs(angles).max(0)[0] <= limit + 1e-6
    assert np.abs(np.array(angles)[:, 1]).max() <= 50.001
