"""The weak-perspective labels: exact where such a camera made the picture."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmface_core.conventions import euler_to_rotation
from train.data import camera

angle = st.floats(-1.4, 1.4)


@settings(max_examples=50)
@given(angle, st.floats(-0.6, 0.6), angle, st.floats(0.5, 3.0), st.floats(-50, 300))
def test_the_fit_recovers_a_weak_perspective_camera(
    yaw: float, pitch: float, roll: float, scale: float, shift: float
) -> None:
    points = np.random.default_rng(0).normal(0, 50, (60, 3)).astype(np.float32)
    rotation = euler_to_rotation(yaw, pitch, roll)
    pixels = camera.project(points, rotation, scale, np.array([shift, 20.0]), np.inf)
    found, found_scale, found_shift = camera.fit_weak_perspective(points, pixels)
    np.testing.assert_allclose(found, rotation, atol=1e-3)
    np.testing.assert_allclose(found_scale, scale, rtol=1e-3)
    np.testing.assert_allclose(found_shift, [shift, 20.0], atol=0.05)


def test_a_near_camera_enlarges_what_is_near() -> None:
    points = np.array([[10, 0, 50], [10, 0, -50]], np.float32)
    pixels = camera.project(points, np.eye(3), 1.0, np.zeros(2), 400.0)
    assert pixels[0, 0] > 10 > pixels[1, 0]
