"""The bounded fit finds the face whose points were seen, stays in bounds, and stays put where nothing is to gain."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmface_core.conventions import euler_to_rotation
from mmface_core.geometry.camera import weak_perspective
from mmface_core.geometry.fit import FaceParameters, FitConfig, PointFitter, rotations
from mmface_core.geometry.rotation import from_axis_angle
from mmface_core.model.dense_points import dense_points, point_kinds
from mmface_core.model.face_model import FaceModel
from mmface_core.model.surface_points import SurfacePoints


@pytest.fixture(scope="module")
def surface() -> SurfacePoints:
    model = FaceModel.load()
    dense = dense_points(model)
    return SurfacePoints(model, dense.vertices, dense.weights)


@pytest.fixture(scope="module")
def fitter(surface) -> PointFitter:
    return PointFitter(surface)


def some_faces(count: int, seed: int = 0) -> FaceParameters:
    random = np.random.default_rng(seed)
    on = random.random((count, 52)) < 0.2
    parts = (
        random.normal(0, 0.7, (count, 80)),
        random.random((count, 52)) * on,
        np.stack([euler_to_rotation(*random.normal(0, 0.3, 3)) for _ in range(count)]),
        np.full(count, 1.28),
        np.full((count, 2), 127.5),
    )
    return FaceParameters(*(part.astype(np.float32) for part in parts))


def disturbed(face: FaceParameters, seed: int = 1) -> FaceParameters:
    random = np.random.default_rng(seed)
    count = len(face.scale)
    parts = (
        face.identity + random.normal(0, 0.3, (count, 80)),
        (face.expression + random.normal(0, 0.1, (count, 52))).clip(0, 1),
        rotations(random.normal(0, 0.05, (count, 3))) @ face.rotation,
        face.scale * np.exp(random.normal(0, 0.02, count)),
        face.translation + random.normal(0, 3, (count, 2)),
    )
    return FaceParameters(*(part.astype(np.float32) for part in parts))


def apart(fitter: PointFitter, a: FaceParameters, b: FaceParameters) -> float:
    return float(np.linalg.norm(fitter.points(a) - fitter.points(b), axis=-1).mean())


def test_points_are_the_models_own(fitter):
    model = FaceModel.load()
    face = some_faces(3)
    identity, expression, *pose = (torch.from_numpy(part) for part in face)
    seen = weak_perspective(dense_points(model).of_shape(model.shape(identity, expression)), *pose)
    assert np.allclose(fitter.points(face), seen[..., :2].numpy(), atol=1e-3)


def test_single_vertices_are_points_too():
    model = FaceModel.load()
    picked = torch.tensor([5, 100, 2000])
    face = some_faces(2)
    expected = model.points(torch.from_numpy(face.identity), torch.from_numpy(face.expression), picked)
    assert np.allclose(SurfacePoints(model, picked).shape(face.identity, face.expression), expected.numpy(), atol=1e-3)


def test_rotation_vectors_become_rotations():
    vectors = np.random.default_rng(0).normal(0, 1.5, (20, 3))
    vectors[0] = 0
    assert np.allclose(rotations(vectors), from_axis_angle(torch.from_numpy(vectors)).numpy(), atol=1e-9)


def test_the_derivatives_are_those_of_the_points(fitter):
    face = some_faces(2)
    unbounded = PointFitter(fitter.surface, replace(fitter.config, bounded=False))
    jacobian, points = unbounded.linearised(face)
    assert np.allclose(points, unbounded.points(face), atol=1e-4)
    for column in (0, 1, 2, 3, 4, 5, 6, 23, 57, 58, 81):
        step = 1e-2
        move = np.zeros((2, jacobian.shape[-1]), np.float32)
        move[:, column] = step
        ahead = unbounded.points(unbounded._stepped(face, move)).astype(np.float64)
        behind = unbounded.points(unbounded._stepped(face, -move)).astype(np.float64)
        assert np.allclose(jacobian[..., column], (ahead - behind) / (2 * step), atol=0.02), column


def test_seen_points_pull_the_guess_to_the_truth(fitter):
    truth = some_faces(16)
    guess = disturbed(truth)
    fitted = fitter.fit(guess, fitter.points(truth))
    assert apart(fitter, fitted, truth) < 0.25 * apart(fitter, guess, truth)
    assert (
        np.abs(fitted.expression - truth.expression).mean() < 0.9 * np.abs(guess.expression - truth.expression).mean()
    )


def test_a_perfect_guess_stays_where_it_is(fitter):
    truth = some_faces(4)
    fitted = fitter.fit(truth, fitter.points(truth))
    for a, b in zip(fitted, truth, strict=True):
        assert a.dtype == np.float32
        assert np.allclose(a, b, atol=2e-3)


@given(st.integers(0, 1000), st.floats(0, 40))
@settings(max_examples=20, deadline=None)
def test_expression_stays_in_bounds_and_rotations_stay_rotations(fitter, seed, noise):
    truth = some_faces(2, seed)
    seen = fitter.points(truth) + np.random.default_rng(seed).normal(0, noise, (2, len(fitter.surface), 2))
    fitted = fitter.fit(disturbed(truth, seed + 1), seen.astype(np.float32))
    assert fitted.expression.min() >= 0 and fitted.expression.max() <= 1
    assert np.allclose(fitted.rotation @ fitted.rotation.transpose(0, 2, 1), np.eye(3), atol=1e-4)
    assert all(np.isfinite(part).all() for part in fitted)


def test_without_bounds_expression_may_leave_them(fitter):
    free = PointFitter(fitter.surface, replace(fitter.config, bounded=False, expression=0.5))
    truth = some_faces(1)
    truth.expression[:] = 0
    truth.expression[:, 17] = -0.5
    guess = truth._replace(expression=np.zeros_like(truth.expression))
    assert free.fit(guess, free.points(truth)).expression[0, 17] < -0.05


def test_a_few_wild_points_hardly_matter(fitter):
    truth = some_faces(4)
    seen = fitter.points(truth)
    seen[:, ::15] += 60.0
    fitted = fitter.fit(disturbed(truth), seen)
    assert apart(fitter, fitted, truth) < 1.8


def test_points_that_are_not_believed_do_nothing(fitter):
    truth = some_faces(2)
    guess = disturbed(truth)
    nothing = np.zeros(len(fitter.surface), np.float32)
    assert apart(fitter, fitter.fit(guess, fitter.points(truth), belief=nothing), guess) < 1e-3


def test_each_face_of_a_batch_is_fitted_as_if_alone(fitter):
    truth = some_faces(3)
    guess, seen = disturbed(truth), fitter.points(truth)
    together = fitter.fit(guess, seen)
    alone = fitter.fit(FaceParameters(*(part[1:2] for part in guess)), seen[1:2])
    for a, b in zip(together, alone, strict=True):
        assert np.allclose(a[1:2], b, atol=1e-3)


def test_without_free_identity_the_identity_stays(surface):
    held = PointFitter(surface, FitConfig(n_identity=0))
    truth = some_faces(2)
    guess = disturbed(truth)
    assert np.array_equal(held.fit(guess, held.points(truth)).identity, guess.identity)


def test_a_unit_with_a_small_spread_of_its_own_stays_while_others_move(surface):
    names = FaceModel.load().expression_names
    config = FitConfig(units=(("jaw", 1e-4), ("mouth", 1.0)))
    fitter = PointFitter(surface, config, unit_names=names)
    truth = some_faces(2)
    truth.expression[:, [names.index("jawOpen"), names.index("mouthSmileLeft")]] = 0.8
    guess = truth._replace(expression=np.zeros_like(truth.expression))
    moved = fitter.fit(guess, fitter.points(truth)).expression
    assert moved[:, names.index("jawOpen")].max() < 0.01
    assert moved[:, names.index("mouthSmileLeft")].max() > 0.2


def test_points_of_a_kind_with_a_large_spread_hardly_pull(surface):
    kinds = point_kinds(dense_points(FaceModel.load()).names)
    assert set(kinds) == {"iris", "lid", "lip", "brow", "nose", "outline"}
    unsure = PointFitter(surface, FitConfig(points=(("outline", 500.0),)), point_kinds=kinds)
    truth = some_faces(2)
    seen = unsure.points(truth)
    seen[:, [kind == "outline" for kind in kinds]] += 5.0
    assert apart(unsure, unsure.fit(truth, seen), truth) < 0.05
    assert apart(unsure, PointFitter(surface).fit(truth, seen), truth) > 0.5
