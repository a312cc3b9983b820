import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmface_core.conventions import euler_to_rotation
from retarget import rotations
from retarget.gaps import GapPolicy, fill_gaps, keyless, seen

FPS = 30.0


def filled(values, good, policy=None, yaw=None):
    weights = np.array(values, float)[:, None]
    rotation = np.stack([euler_to_rotation(np.radians(y), 0, 0) for y in (yaw if yaw is not None else values)])
    time = np.arange(len(values)) / FPS
    w, r = fill_gaps(weights, rotation, time, np.array(good, bool), policy or GapPolicy())
    return w[:, 0], np.degrees(rotations.log(r)[:, 1])


def gap(count, start, end):
    good = np.ones(count, bool)
    good[start:end] = False
    return good


def test_a_short_gap_is_bridged():
    good = gap(20, 8, 13)
    values = np.where(good, np.linspace(0, 1, 20), 99.0)
    w, angle = filled(values, good, yaw=np.where(good, np.linspace(0, 30, 20), 0.0))
    assert (np.diff(w) >= -1e-9).all() and w.max() <= 1
    assert (np.diff(angle) >= -1e-6).all()


def test_in_a_long_gap_the_face_holds_then_rests_then_comes_back():
    good = gap(150, 30, 120)
    w, angle = filled(np.where(good, 0.8, 99.0), good, yaw=np.where(good, 20.0, 99.0))
    assert w[32] == pytest.approx(0.8) and angle[32] == pytest.approx(20)
    assert w[75] == pytest.approx(0, abs=1e-9) and angle[75] == pytest.approx(0, abs=1e-6)
    assert w[118] > 0.7 and angle[118] > 17
    assert np.abs(np.diff(w)).max() < 0.1


def test_hold_keeps_the_last_pose_to_the_end():
    w, angle = filled(np.where(gap(90, 30, 90), 0.8, 99.0), gap(90, 30, 90), GapPolicy(lost="hold"), np.full(90, 15.0))
    assert np.allclose(w, 0.8) and np.allclose(angle, 15.0)


def test_before_the_first_sight_the_face_rests():
    w, _ = filled(np.full(90, 0.8), gap(90, 0, 60), yaw=np.zeros(90))
    assert w[0] == 0 and w[59] > 0.7 and (np.diff(w) >= -1e-9).all()


def test_nothing_seen_is_rest():
    w, angle = filled([0.5] * 5, [False] * 5)
    assert (w == 0).all() and (angle == 0).all()


@given(st.lists(st.booleans(), min_size=2, max_size=60), st.sampled_from(["ease", "hold"]))
def test_seen_samples_stay_and_filled_ones_lie_in_range(good, lost):
    rng = np.random.default_rng(0)
    weights = rng.random((len(good), 52))
    rotation = rotations.exp(0.5 * rng.normal(size=(len(good), 3)))
    mask = np.array(good)
    w, r = fill_gaps(weights, rotation, np.arange(len(good)) / FPS, mask, GapPolicy(lost=lost))
    assert np.array_equal(w[mask], weights[mask]) and np.array_equal(r[mask], rotation[mask])
    assert w.min() >= 0 and w.max() <= 1 and np.isfinite(r).all()
    assert np.allclose(np.linalg.det(r), 1.0)


def test_faint_samples_count_as_not_seen():
    assert list(seen(np.array([True, True, False]), np.array([0.9, 0.05, 0.9]), GapPolicy())) == [True, False, False]


class TestCut:
    """Long gaps without keys."""

    time, good = np.arange(60) / 25, np.r_[np.ones(20, bool), np.zeros(25, bool), np.ones(15, bool)]

    def test_long_gaps_get_no_keys_and_the_curve_runs_straight_across(self):
        weights = np.zeros((60, 1))
        weights[:20], weights[45:] = 0.2, 0.8
        policy = GapPolicy(lost="cut")
        filled, _ = fill_gaps(weights, np.tile(np.eye(3), (60, 1, 1)), self.time, self.good, policy)
        assert np.allclose(np.diff(filled[19:46, 0]), 0.6 / 26)
        assert np.array_equal(keyless(self.time, self.good, policy), ~self.good)

    def test_short_gaps_are_bridged_and_other_ways_key_every_frame(self):
        short = np.ones(60, bool)
        short[30:34] = False
        assert not keyless(self.time, short, GapPolicy(lost="cut")).any()
        assert not keyless(self.time, self.good, GapPolicy(lost="hold")).any()

    def test_the_ends_hold_where_nothing_is_known_beyond(self):
        good = np.zeros(60, bool)
        good[10:50] = True
        weights = np.full((60, 1), 0.5)
        filled, _ = fill_gaps(weights, np.tile(np.eye(3), (60, 1, 1)), self.time, good, GapPolicy(lost="cut"))
        assert np.allclose(filled, 0.5)
