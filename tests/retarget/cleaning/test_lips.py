import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES
from mmface_core.model.face_model import FaceModel
from retarget import filters
from retarget.cleaning.lips import GAP, closed, closures, consistent, lip_gap

JAW, CLOSE = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]
TIME = np.arange(60) / 25


def speech(closing=(20, 40), at=0.03):
    """A jaw that opens and closes, with lips that nearly meet at some frames."""
    weights = np.zeros((60, 52))
    weights[:, JAW] = 0.4
    for frame in closing:
        weights[frame - 1 : frame + 2, JAW] = (0.2, at, 0.2)
    weights[:, ARKIT_INDEX["mouthFunnel"]] = 0.1
    return weights


def test_lips_that_filters_kept_apart_meet_again():
    weights = speech()
    smooth = filters.smooth_weights(weights, TIME, np.ones(60))
    assert lip_gap(smooth)[[20, 40]].min() > 0.05
    result = closed(smooth, TIME, closures(weights, TIME))
    assert np.allclose(lip_gap(result)[[20, 40]], 0.0, atol=1e-9)
    assert np.allclose(result[:, JAW], smooth[:, JAW])  # the jaw goes on


@given(st.integers(0, 10_000))
def test_lips_never_part_further_and_stay_within_0_and_1(seed):
    rng = np.random.default_rng(seed)
    weights = consistent(rng.random((60, 52)))
    where = np.sort(rng.choice(60, 5, replace=False))
    result = closed(weights, TIME, where)
    assert (result >= 0).all() and (result <= 1).all()
    assert (lip_gap(result) <= lip_gap(weights) + 1e-9).all()
    away = np.abs(TIME[:, None] - TIME[where]).min(1) > 0.05
    assert np.array_equal(result[away], weights[away])
    assert np.allclose(lip_gap(result)[where], 0, atol=1e-9)


@given(st.integers(0, 10_000))
def test_at_a_closure_a_second_time_changes_nothing(seed):
    weights = np.random.default_rng(seed).random((60, 52))
    where = np.array([10, 30])
    once = closed(weights, TIME, where)
    assert np.allclose(closed(once, TIME, where)[where], once[where])


@given(st.integers(0, 10_000))
def test_mouth_close_never_exceeds_jaw_open(seed):
    result = consistent(np.random.default_rng(seed).random((10, 52)))
    assert (result[:, CLOSE] <= result[:, JAW]).all()
    assert np.array_equal(consistent(result), result)


def test_a_mouth_that_stays_open_or_hardly_moves_has_no_closures():
    assert len(closures(speech(at=0.2), TIME)) == 0
    weights = np.zeros((60, 52))
    weights[:, JAW] = 0.03 + 0.02 * np.sin(np.arange(60))
    assert len(closures(weights, TIME)) == 0


def test_the_gaps_are_those_of_the_bundled_face():
    model = FaceModel.load()
    corners, shares = model.landmark_vertices.numpy(), model.landmark_weights.numpy()

    def gap(points):
        marks = np.einsum("ijk,ij->ik", points[corners], shares)
        return np.mean([marks[61, 1] - marks[67, 1], marks[62, 1] - marks[66, 1], marks[63, 1] - marks[65, 1]])

    whole = gap(model.expression_basis[ARKIT_NAMES.index("jawOpen")].numpy())
    assert whole == pytest.approx(30, abs=1)
    for name, part in GAP.items():
        own = gap(model.expression_basis[model.expression_names.index(name)].numpy()) / whole
        assert own == pytest.approx(part, abs=0.01), name
