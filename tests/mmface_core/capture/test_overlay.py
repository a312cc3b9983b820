"""The drawn mesh and points lie where the take says."""

import numpy as np
import pytest
import torch

from mmface_core.capture.overlay import TakePainter, draw_landmarks
from mmface_core.conventions import euler_to_rotation
from mmface_core.geometry.camera import weak_perspective
from mmface_core.model.face_model import FaceModel
from mmface_core.take import Take

GREY = np.full((480, 640, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load()


def take_of(model: FaceModel, present: bool = True, n_identity: int | None = None) -> Take:
    expression = np.zeros((1, model.n_expression), np.float32)
    identity = np.zeros(model.n_identity if n_identity is None else n_identity, np.float32)
    rotation = euler_to_rotation(0.4, 0.1, 0.2)[None].astype(np.float32)
    place, scale = np.array([[320.0, 240.0]], np.float32), np.array([1.2], np.float32)
    landmarks = weak_perspective(
        model.landmarks(torch.zeros(1, model.n_identity), torch.from_numpy(expression)),
        *(torch.from_numpy(a) for a in (rotation, scale, place)),
    ).numpy()
    names = np.array(model.expression_names)
    one = np.ones(1, np.float32)
    return Take(
        "x.png", 1.0, np.array([640, 480]), np.array([0]), np.array([0.0]), np.array([present]), one, landmarks,
        rotation, place, scale, identity, expression, names, expression,
    )  # fmt: skip


def changed(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.nonzero((image != GREY).any(-1))


def test_the_mesh_covers_the_landmarks_and_stays_near_them(model):
    drawn = TakePainter(take_of(model), model).draw(GREY, 0)
    y, x = changed(drawn)
    landmarks = take_of(model).landmarks[0]
    assert x.min() > landmarks[:, 0].min() - 20 and x.max() < landmarks[:, 0].max() + 40
    assert y.max() < landmarks[:, 1].max() + 60
    nose = landmarks[30].round().astype(int)
    assert (drawn[nose[1] - 12, nose[0]] != 90).any()
    assert (GREY == 90).all()  # the picture itself is left alone


def test_an_absent_face_leaves_the_picture_as_it_is(model):
    assert TakePainter(take_of(model, present=False), model).draw(GREY, 0) is GREY


def test_a_take_of_another_face_model_shows_its_landmarks_only(model):
    drawn = TakePainter(take_of(model, n_identity=199), model).draw(GREY, 0)
    assert 0 < len(changed(drawn)[0]) < 0.3 * len(changed(TakePainter(take_of(model), model).draw(GREY, 0))[0])


def test_landmarks_outside_the_picture_do_no_harm():
    points = np.random.default_rng(0).normal(0, 5000, (68, 3))
    assert draw_landmarks(GREY, points).shape == GREY.shape
