"""The crop is what the network is trained on, and the way back to the picture is exact."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmface_core.capture.crop import Crop
from mmface_core.capture.state import FaceState
from mmface_core.conventions import CROP_CENTRE, CROP_SIZE, NOMINAL_SCALE, euler_to_rotation, rotation_to_euler
from mmface_core.geometry.camera import weak_perspective

angles = st.floats(-1.2, 1.2)
crops = st.builds(
    lambda x, y, side, roll: Crop.around(np.array([x, y]), side, roll),
    st.floats(-100, 2000),
    st.floats(-100, 2000),
    st.floats(20, 2000),
    st.floats(-3.1, 3.1),
)


def state_of(rotation: np.ndarray, scale: float, translation: np.ndarray) -> FaceState:
    head = np.random.default_rng(0).normal(0, 50, (1, 68, 3)).astype(np.float32)
    seen = weak_perspective(
        torch.from_numpy(head),
        torch.from_numpy(rotation[None].astype(np.float32)),
        torch.tensor([scale], dtype=torch.float32),
        torch.from_numpy(np.asarray(translation, np.float32)[None]),
    )[0].numpy()
    zeros = np.zeros(3, np.float32)
    return FaceState(
        zeros, zeros, rotation.astype(np.float32), scale, translation.astype(np.float32), seen, seen[:, :2], 1.0
    )


@given(crops, st.lists(st.tuples(st.floats(-500, 2500), st.floats(-500, 2500)), min_size=1, max_size=5))
def test_points_come_back_to_where_they_were(crop, points):
    points = np.array(points)
    assert np.allclose(crop.points_to_picture(crop.points_to_crop(points)), points, atol=1e-6)


@given(angles, angles, st.floats(-3, 3), st.floats(0.2, 8), st.floats(0, 1000), st.floats(0, 1000))
@settings(max_examples=50)
def test_a_face_lies_upright_and_centred_at_the_nominal_scale_in_its_own_crop(yaw, pitch, roll, scale, x, y):
    rotation = euler_to_rotation(yaw, pitch, roll)
    state = state_of(rotation, scale, np.array([x, y]))
    crop = Crop.of_pose(rotation, scale, state.translation)
    inside = crop.to_crop(state)
    assert np.allclose(inside.translation, CROP_CENTRE, atol=1e-2)
    assert np.isclose(inside.scale, NOMINAL_SCALE, rtol=1e-4)
    got = rotation_to_euler(inside.rotation)
    assert np.allclose(got, (yaw, pitch, 0.0), atol=1e-4)


@given(crops, angles, angles, st.floats(-3, 3))
@settings(max_examples=50)
def test_a_pose_and_its_projected_landmarks_stay_together_through_a_crop(crop, yaw, pitch, roll):
    state = state_of(euler_to_rotation(yaw, pitch, roll), 1.3, np.array([130.0, 120.0]))
    moved = crop.to_picture(state)
    again = state_of(moved.rotation, moved.scale, moved.translation)
    tolerance = 1e-4 * (1 + np.abs(moved.landmarks).max())
    assert np.allclose(moved.landmarks, again.landmarks, atol=tolerance)
    assert np.allclose(moved.points, again.landmarks[:, :2], atol=tolerance)


def blob_centre(image: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    weight = image[..., 0].astype(float)
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


def test_pixels_land_where_the_matrix_says_at_every_zoom():
    image = np.zeros((700, 900, 3), np.uint8)
    y, x = np.mgrid[:700, :900]
    spot = np.exp(-((x - 431.3) ** 2 + (y - 350.6) ** 2) / (2 * 12.0**2))
    image[...] = (255 * spot)[..., None]
    for side, roll in ((150, 0.3), (250, 0.0), (400, -0.7), (637, 0.2), (1100, 2.0)):
        crop = Crop.around(np.array([440.0, 345.0]), side, roll)
        expected = crop.points_to_crop(np.array([431.3, 350.6]))
        assert np.allclose(blob_centre(crop.extract(image)), expected, atol=0.15), side


def test_shrinking_averages_instead_of_skipping():
    image = np.zeros((1024, 1024, 3), np.uint8)
    image[::2] = 255  # lines that would turn into all or nothing when rows are skipped
    crop = Crop.around(np.array([511.5, 511.5]), 1024, 0.0).extract(image)
    assert abs(float(crop[8:-8, 8:-8].mean()) - 127.5) < 3
    assert crop[8:-8, 8:-8].std() < 5


def test_outside_the_picture_the_crop_is_black():
    crop = Crop.around(np.array([0.0, 0.0]), 400, 0.0).extract(np.full((300, 300, 3), 255, np.uint8))
    assert crop.shape == (CROP_SIZE, CROP_SIZE, 3)
    assert crop[: CROP_SIZE // 2 - 2].max() == 0
    assert crop[CROP_SIZE // 2 + 2 :, CROP_SIZE // 2 + 2 :].min() > 200


def test_a_crop_wholly_outside_the_picture_is_black():
    crop = Crop.around(np.array([-5000.0, 90.0]), 900, 0.4).extract(np.full((300, 300, 3), 255, np.uint8))
    assert crop.max() == 0
