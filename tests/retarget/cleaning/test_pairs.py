import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmface_core.model.arkit import ARKIT_INDEX, MIRRORED_UNIT
from retarget.cleaning.pairs import EXCLUSIVE_PAIRS, exclusive, symmetric

seeds = st.integers(0, 10_000)
MIRROR = list(MIRRORED_UNIT)


def some(seed):
    return np.random.default_rng(seed).random((8, 52))


@given(seeds)
def test_of_opposite_units_only_one_shows(seed):
    result = exclusive(some(seed))
    for a, b in EXCLUSIVE_PAIRS:
        assert (np.minimum(result[:, ARKIT_INDEX[a]], result[:, ARKIT_INDEX[b]]) == 0).all()


@given(seeds)
def test_a_pair_keeps_what_it_moves_and_a_second_time_changes_nothing(seed):
    weights = some(seed)
    weights[:, [ARKIT_INDEX["eyeWideLeft"], ARKIT_INDEX["eyeWideRight"]]] = 0
    result = exclusive(weights)
    for a, b in EXCLUSIVE_PAIRS:
        i, j = ARKIT_INDEX[a], ARKIT_INDEX[b]
        assert np.allclose(result[:, i] - result[:, j], weights[:, i] - weights[:, j])
    assert np.array_equal(exclusive(result), result)
    assert (result >= 0).all() and (result <= weights).all()


@given(seeds, st.floats(0, 1))
def test_symmetry_commutes_with_mirroring_the_face(seed, strength):
    weights = some(seed)
    assert np.allclose(symmetric(weights[:, MIRROR], strength), symmetric(weights, strength)[:, MIRROR])


@given(seeds, st.floats(0, 1))
def test_a_symmetric_face_stays_as_it_is(seed, strength):
    weights = some(seed)
    weights = np.maximum(weights, weights[:, MIRROR])
    assert np.allclose(symmetric(weights, strength), weights)


@given(seeds, st.floats(0, 1))
def test_symmetry_keeps_the_range_and_never_exchanges_the_sides(seed, strength):
    weights = some(seed)
    result = symmetric(weights, strength)
    assert (result >= 0).all() and (result <= 1).all()
    i, j = ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["mouthSmileRight"]
    before, after = weights[:, i] - weights[:, j], result[:, i] - result[:, j]
    assert (before * after >= 0).all() and (abs(after) <= abs(before) + 1e-12).all()
    assert np.allclose(result[:, i] + result[:, j], weights[:, i] + weights[:, j])


def test_a_wink_stays_a_wink_and_a_slight_difference_goes():
    weights = np.zeros((2, 52))
    left, right = ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]
    weights[0, left] = 1.0
    weights[1, [left, right]] = (0.30, 0.26)
    result = symmetric(weights, 0.5)
    assert result[0, left] > 0.99 and result[0, right] < 0.01
    assert result[1, left] - result[1, right] < 0.02


def test_strength_0_changes_nothing():
    weights = some(0)
    assert symmetric(weights, 0.0) is weights
