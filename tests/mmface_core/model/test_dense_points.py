"""Named points beyond the 68: symmetric, on the parts they are called after."""

import pytest
import torch

from mmface_core.errors import UserError
from mmface_core.model.dense_points import dense_point_vertices, dense_points
from mmface_core.model.face_model import FaceModel


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load()


def test_the_68_landmarks_come_first(model: FaceModel) -> None:
    points = dense_points(model)
    assert points.names[:68] == tuple(f"landmark_{number}" for number in range(68))
    assert len(points.names) == len(set(points.names)) == len(points.vertices) == 124
    shape = model.mean[None]
    torch.testing.assert_close(points.of_shape(shape)[:, :68], model.landmarks_of(shape))


def test_points_are_symmetric_under_their_mirror(model: FaceModel) -> None:
    points = dense_points(model)
    place = points.of_shape(model.mean[None])[0]
    torch.testing.assert_close(place[points.mirror] * torch.tensor([-1.0, 1, 1]), place, atol=1e-4, rtol=0)
    assert (points.mirror[points.mirror] == torch.arange(len(place))).all()


def test_names_tell_the_side(model: FaceModel) -> None:
    points = dense_points(model)
    place = points.of_shape(model.mean[None])[0]
    for name, x in zip(points.names, place[:, 0].tolist(), strict=True):
        if name.endswith("_left"):
            assert x > 3
        if name.endswith("_right"):
            assert x < -3


def test_iris_points_lie_on_the_eyeball_and_follow_the_gaze(model: FaceModel) -> None:
    points = dense_points(model)
    centre = points.names.index("iris_centre_left")
    eye = model.parts["eye_left"]
    assert all(eye.start <= vertex < eye.stop for vertex in points.vertices[centre].tolist())
    weights = torch.zeros(1, 52)
    weights[0, model.expression_names.index("eyeLookOutLeft")] = 1
    moved = points.of_shape(model.shape(torch.zeros(1, 80), weights))[0, centre]
    assert moved[0] - points.of_shape(model.mean[None])[0, centre, 0] > 6


def test_single_vertices_are_near_their_points(model: FaceModel) -> None:
    points = dense_points(model)
    place = points.of_shape(model.mean[None])[0]
    assert (model.mean[dense_point_vertices(model)] - place).norm(dim=1).max() < 7


def test_a_model_without_eyes_cannot_give_them() -> None:
    with pytest.raises(UserError, match="load the model with skin and both eyes"):
        dense_points(FaceModel.load(parts=["skin"]))
