"""Needs no Blender: the reduction is plain Python."""

import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from blender_addon.scene.reduce_keys import kept

calm = settings(deadline=None)  # a busy machine is no failure
curves = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=80)


def rebuilt(frames, values, indices):
    return np.interp(frames, np.asarray(frames)[indices], np.asarray(values)[indices])


@calm
@given(curves, st.floats(0, 0.3))
def test_the_curve_differs_by_no_more_than_the_tolerance(values, tolerance):
    frames = list(range(5, 5 + len(values)))
    indices = kept(frames, [values], [tolerance])
    assert np.abs(rebuilt(frames, values, indices) - values).max() <= tolerance + 1e-9


@calm
@given(curves, st.integers(0, 100), st.floats(0.001, 0.3))
def test_several_curves_share_their_keys_and_each_keeps_its_bound(values, seed, tolerance):
    frames = np.cumsum(np.random.default_rng(seed).uniform(0.5, 3, len(values))).tolist()
    other = np.random.default_rng(seed).random(len(values)).tolist()
    indices = kept(frames, [values, other], [tolerance, 2 * tolerance])
    assert np.abs(rebuilt(frames, values, indices) - values).max() <= tolerance + 1e-9
    assert np.abs(rebuilt(frames, other, indices) - other).max() <= 2 * tolerance + 1e-9


@calm
@given(curves, st.floats(0, 0.3))
def test_both_ends_stay_and_indices_rise(values, tolerance):
    indices = kept(list(range(len(values))), [values], [tolerance])
    assert indices[0] == 0 and indices[-1] == len(values) - 1
    assert indices == sorted(set(indices))


def test_a_straight_line_needs_two_keys_and_a_blink_keeps_its_peak():
    assert kept(range(100), [[0.01 * i for i in range(100)]], [1e-6]) == [0, 99]
    lid = [0.0] * 40
    lid[20] = 1.0
    assert 20 in kept(range(40), [lid], [0.02])


def test_ten_thousand_frames_take_a_moment():
    values = (0.5 + 0.5 * np.sin(np.arange(10_000) / 9)).tolist()
    begin = time.process_time()
    indices = kept(range(10_000), [values], [0.01])
    assert len(indices) < 5000
    assert time.process_time() - begin < 1.0
