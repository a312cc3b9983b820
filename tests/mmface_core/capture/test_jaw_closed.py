"""Where the lips close over an open jaw, part of both is taken back, and nothing else changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmface_core.capture.reconstruct import CLOSURE_BELIEVED, with_jaw_closed

NAMES = ("mouthSmileLeft", "jawOpen", "mouthClose", "browInnerUp")


@given(st.lists(st.floats(0.0, 1.0, width=32), min_size=4, max_size=4))
def test_the_lips_stay_where_they_are_and_weights_stay_within_bounds(weights):
    before = np.array([weights], np.float32)
    after = with_jaw_closed(before, NAMES)
    assert after[0, 1] - after[0, 2] == pytest.approx(before[0, 1] - before[0, 2], abs=1e-6)
    assert (after >= 0.0).all() and (after <= before).all()
    assert np.array_equal(after[:, [0, 3]], before[:, [0, 3]])


def test_half_of_a_closure_is_believed():
    after = with_jaw_closed(np.array([[0.0, 0.4, 0.4, 0.0]], np.float32), NAMES)
    assert np.allclose(after, [[0.0, 0.4 * CLOSURE_BELIEVED, 0.4 * CLOSURE_BELIEVED, 0.0]])


def test_a_model_without_these_units_is_left_alone():
    weights = np.ones((2, 3), np.float32)
    assert with_jaw_closed(weights, ("a", "b", "c")) is weights
