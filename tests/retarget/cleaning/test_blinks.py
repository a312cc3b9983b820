import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmface_core.model.arkit import ARKIT_INDEX
from retarget.cleaning.blinks import sharpened

BLINK = ARKIT_INDEX["eyeBlinkLeft"]


def eyes(values, fps=30.0):
    weights = np.zeros((len(values), 52))
    weights[:, BLINK] = values
    return weights, np.arange(len(values)) / fps


def blink(peak, rest, count=60, where=30):
    values = np.full(count, float(rest))
    values[where - 2 : where + 3] = rest + (peak - rest) * np.array([0.3, 0.8, 1.0, 0.6, 0.2])
    return values


@given(st.floats(0.6, 0.95), st.floats(0.0, 0.15))
def test_a_blink_reaches_closed_at_the_same_frame_and_is_no_longer(peak, rest):
    weights, time = eyes(blink(peak, rest))
    result = sharpened(weights, time)[:, BLINK]
    assert result.max() == pytest.approx(1.0) and result.argmax() == 30
    before, after = weights[:, BLINK], result
    assert (after > 0.5 * (1 + rest)).sum() <= (before > 0.5 * (peak + rest)).sum()  # no longer at half height
    assert np.allclose(after[:27], rest) and np.allclose(after[34:], rest)


@given(st.floats(0.6, 0.95), st.floats(0.0, 0.15))
def test_a_second_time_changes_nothing(peak, rest):
    weights, time = eyes(blink(peak, rest))
    once = sharpened(weights, time)
    assert np.array_equal(sharpened(once, time), once)


@given(st.integers(0, 10_000))
def test_any_curve_stays_within_0_and_1_and_only_lids_change(seed):
    rng = np.random.default_rng(seed)
    weights = rng.random((60, 52))
    result = sharpened(weights, np.arange(60) / 30)
    assert (result >= 0).all() and (result <= 1).all()
    others = [i for i in range(52) if i not in (BLINK, ARKIT_INDEX["eyeBlinkRight"])]
    assert np.array_equal(result[:, others], weights[:, others])


@given(st.integers(0, 10_000))
def test_played_backwards_gives_the_same_backwards(seed):
    values = np.random.default_rng(seed).random(60)
    weights, time = eyes(values)
    assert np.allclose(sharpened(weights[::-1], time), sharpened(weights, time)[::-1])


def test_a_squint_and_a_glance_down_are_no_blinks():
    values = np.zeros(90)
    values[20:50] = 0.7  # a second
    weights, time = eyes(values)
    assert np.array_equal(sharpened(weights, time), weights)


def test_a_flutter_is_no_blink():
    weights, time = eyes(blink(0.4, 0.1))
    assert np.array_equal(sharpened(weights, time), weights)


def test_half_a_blink_of_somebody_who_blinks_fully_stays_half():
    values = np.concatenate([blink(0.95, 0.0), blink(0.55, 0.0), blink(0.93, 0.0)])
    weights, time = eyes(values)
    result = sharpened(weights, time)[:, BLINK]
    assert np.array_equal(result[60:120], values[60:120])
    assert result[30] == result[150] == pytest.approx(1.0)


def test_a_still_stays():
    weights = np.full((1, 52), 0.7)
    assert np.array_equal(sharpened(weights, np.zeros(1)), weights)
