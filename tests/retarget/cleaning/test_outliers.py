import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmface_core.conventions import euler_to_rotation
from mmface_core.model.arkit import ARKIT_INDEX
from retarget import rotations
from retarget.cleaning.outliers import jumped_frames, without_spikes

COUNT = 80
GOOD = np.ones(COUNT, bool)


def turning(seed=0):
    rng = np.random.default_rng(seed)
    yaw = 0.6 * np.sin(np.arange(COUNT) / 12)
    clean = np.stack([euler_to_rotation(y, 0.1, 0.0) for y in yaw])
    return clean @ rotations.exp(0.005 * rng.normal(size=(COUNT, 3)))


@given(st.integers(0, 200), st.integers(3, COUNT - 4))
def test_a_frame_that_jumps_away_is_found_and_no_other(seed, where):
    rotation = turning(seed)
    rotation[where] = rotation[where] @ euler_to_rotation(0.5, 0.2, 0.1)
    confidence = np.ones(COUNT)
    confidence[where] = 0.4
    found = jumped_frames(rotation, np.ones(COUNT), confidence, GOOD)
    assert list(np.flatnonzero(found)) == [where]


def test_a_steady_or_a_quick_turn_is_no_jump():
    yaw = np.clip((np.arange(COUNT) - 40) * 0.25, 0, 1.0)  # 14 degrees a frame, and it stays
    rotation = np.stack([euler_to_rotation(y, 0, 0) for y in yaw])
    assert not jumped_frames(rotation, np.ones(COUNT), np.ones(COUNT), GOOD).any()


def test_a_zoom_in_one_frame_is_a_jump():
    scale = np.full(COUNT, 2.0)
    scale[30] = 2.6
    assert list(np.flatnonzero(jumped_frames(turning(), scale, np.ones(COUNT), GOOD))) == [30]


def test_frames_without_a_face_are_not_judged():
    rotation, good = turning(), GOOD.copy()
    rotation[20], good[20] = np.eye(3), False
    assert not jumped_frames(rotation, np.ones(COUNT), np.ones(COUNT), good).any()


@given(st.integers(0, 1000))
def test_nothing_leaves_the_range_of_its_neighbours(seed):
    weights = np.random.default_rng(seed).random((30, 52))
    cleaned = without_spikes(weights, np.ones(30, bool))
    assert (cleaned >= 0).all() and (cleaned <= 1).all()
    low = np.min([weights[max(0, k - 2) : k + 3].min(0) for k in range(30)], axis=0)
    assert (cleaned >= low - 1e-12).all()


@given(st.integers(0, 1000))
def test_what_rises_steadily_stays(seed):
    rises = np.sort(np.random.default_rng(seed).random((30, 52)), axis=0)
    assert np.array_equal(without_spikes(rises, np.ones(30, bool)), rises)


def test_a_brow_that_jumps_for_a_frame_stays_and_a_blink_is_none():
    weights = np.zeros((30, 52))
    weights[12, ARKIT_INDEX["browInnerUp"]] = 0.9
    weights[20, ARKIT_INDEX["eyeBlinkLeft"]] = 0.9
    cleaned = without_spikes(weights, np.ones(30, bool))
    assert cleaned[12, ARKIT_INDEX["browInnerUp"]] == 0
    assert cleaned[20, ARKIT_INDEX["eyeBlinkLeft"]] == 0.9
