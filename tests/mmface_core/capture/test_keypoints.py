"""Six points of a detection are enough for a good first crop."""

import numpy as np
import pytest
import torch

from mmface_core.capture.blazeface import Detection
from mmface_core.capture.crop import Crop
from mmface_core.capture.keypoints import canonical_points, first_crop, fit_pose
from mmface_core.conventions import euler_to_rotation, rotation_to_euler
from mmface_core.model.face_model import FaceModel


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    model = FaceModel.load()
    return canonical_points(
        model.landmarks(torch.zeros(1, model.n_identity), torch.zeros(1, model.n_expression))[0].numpy()
    )


def seen(
    points: np.ndarray, yaw: float, pitch: float, roll: float, scale: float, at: tuple[float, float]
) -> np.ndarray:
    camera = scale * points @ euler_to_rotation(*np.radians([yaw, pitch, roll])).T
    return np.stack([camera[:, 0] + at[0], at[1] - camera[:, 1]], axis=1)


@pytest.mark.parametrize("yaw", [-70, -40, 0, 25, 60])
@pytest.mark.parametrize("pitch", [-20, 0, 25])
@pytest.mark.parametrize("roll", [-170, -45, 0, 30, 100])
def test_an_exact_view_gives_its_pose_back(points, yaw, pitch, roll):
    rotation, scale, translation = fit_pose(points, seen(points, yaw, pitch, roll, 2.0, (320, 240)))
    got = np.degrees(rotation_to_euler(rotation))
    assert abs(got[0] - yaw) < 6
    assert abs(got[1] - pitch) < 14  # seen from the side, the prior of a level head draws strongly
    assert abs((got[2] - roll + 180) % 360 - 180) < (6 if abs(yaw) < 65 else 10)
    assert abs(np.log(scale / 2.0)) < 0.04
    assert np.linalg.norm(translation - [320, 240]) < 0.02 * 200 * 2.0


def test_one_wrong_ear_hardly_moves_the_crop(points):
    pixels = seen(points, 50, 0, 0, 1.5, (200, 200))
    exact = Crop.of_pose(*fit_pose(points, pixels))
    pixels[4] += (-40, 60)
    crop = first_crop(Detection(np.array([100.0, 100, 300, 300]), pixels.astype(np.float32), 0.9), points)
    assert np.linalg.norm(crop.inverse @ [127.5, 127.5, 1] - exact.inverse @ [127.5, 127.5, 1]) < 0.04 * exact.side
    assert abs(np.log(crop.side / exact.side)) < 0.08
    assert abs(np.degrees(crop.roll - exact.roll)) < 5


def test_points_on_one_spot_do_not_crash(points):
    rotation, scale, translation = fit_pose(
        points, np.full((6, 2), 50.0) + np.random.default_rng(0).normal(0, 0.01, (6, 2))
    )
    assert np.isfinite(rotation).all() and np.isfinite(scale) and np.isfinite(translation).all()
