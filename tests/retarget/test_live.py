import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmface_core.conventions import euler_to_rotation
from mmface_core.model.arkit import ARKIT_INDEX
from retarget import Settings
from retarget.calibration import Calibration
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
