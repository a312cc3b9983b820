import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmface_core.conventions import euler_to_rotation
from mmface_core.model.arkit import ARKIT_INDEX
from retarget import Settings
from retarget.calibration import Calibration
from retarget.cleaning import Cleaning
from retarget.live import LiveCleaner

JAW = ARKIT_INDEX["jawOpen"]


@settings(max_examples=20)
@given(st.integers(0, 500))
def test_what_is_shown_stays_within_0_and_1_and_is_a_rotation(seed):
    rng = np.random.default_rng(seed)
    cleaner = LiveCleaner()
    for k in range(20):
        seen = rng.random() > 0.3
        turn = euler_to_rotation(*rng.uniform(-0.5, 0.5, 3))
        weights, rotation = cleaner(k / 30, rng.random(52) if seen else None, turn if seen else None)
        assert (weights >= 0).all() and (weights <= 1).all()
        assert np.allclose(rotation @ rotation.T, np.eye(3))


def test_a_lost_face_holds_then_eases_to_rest_and_comes_back():
    cleaner = LiveCleaner()
    weights, turn = np.zeros(52), euler_to_rotation(0.4, 0, 0)
    weights[JAW] = 0.8
    for k in range(30):
        cleaner(k / 30, weights, turn)
    assert cleaner(1.0, None, None)[0][JAW] > 0.75
    assert cleaner(1.2, None, None)[0][JAW] > 0.75
    rest, straight = cleaner(2.5, None, None)
    assert not rest.any() and np.allclose(straight, np.eye(3))
    assert cleaner(2.53, weights, turn)[0][JAW] > 0.3


def test_the_persons_own_neutral_is_zero_and_smoothing_can_be_off():
    neutral = np.full(52, 0.3)
    cleaner = LiveCleaner(Settings(smooth=0), Calibration(neutral))
    assert not cleaner(0.0, neutral, np.eye(3))[0].any()
    jump = neutral.copy()
    jump[JAW] = 1.0
    assert cleaner(0.03, jump, np.eye(3))[0][JAW] == 1.0


def test_each_part_of_the_face_has_its_own_smoothing_and_a_new_one_takes_over_at_once():
    cleaner = LiveCleaner(Settings(smooth=0, regions={"brows": 1.0, "head": 1.0}))
    brow = ARKIT_INDEX["browInnerUp"]
    cleaner(0.0, np.zeros(52), np.eye(3))
    up, turn = np.full(52, 0.6), euler_to_rotation(0.3, 0, 0)
    weights, rotation = cleaner(0.03, up, turn)
    assert weights[JAW] == 0.6 and 0 < weights[brow] < 0.5
    assert 0 < np.arccos((np.trace(rotation) - 1) / 2) < 0.25
    cleaner.settings = Settings(smooth=0)
    weights, rotation = cleaner(0.06, up, turn)
    assert weights[brow] == 0.6 and np.allclose(rotation, turn)


def test_the_present_face_becomes_the_rest_and_a_known_range_stays():
    full = np.ones(52)
    full[JAW] = 0.7
    cleaner = LiveCleaner(Settings(smooth=0), Calibration(np.zeros(52), full))
    rest, turn = np.full(52, 0.2), euler_to_rotation(0.2, 0.1, 0)
    cleaner(0.0, rest, turn)
    cleaner.rest_here()
    weights, rotation = cleaner(0.03, rest, turn)
    assert not weights.any() and np.allclose(rotation, np.eye(3))
    opened = rest.copy()
    opened[JAW] = 0.7
    assert cleaner(0.06, opened, turn)[0][JAW] == 1.0


def test_left_and_right_are_evened_out_live_too():
    weights = np.zeros(52)
    weights[ARKIT_INDEX["mouthSmileLeft"]], weights[ARKIT_INDEX["mouthSmileRight"]] = 0.5, 0.4
    shown, _ = LiveCleaner(Settings(smooth=0, cleaning=Cleaning(symmetry=1.0)))(0.0, weights, np.eye(3))
    assert 0 <= shown[ARKIT_INDEX["mouthSmileLeft"]] - shown[ARKIT_INDEX["mouthSmileRight"]] < 0.06
