"""The bounded fit finds the face whose points were seen, stays in bounds, and stays put where nothing is to gain."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmface_core.geometry.fit import FaceParameters, FitConfig, PointFitter
from mmface_core.geometry.rotation import from_axis_angle, from_euler
from mmface_core.model.dense_points import dense_points
from mmface_core.model.face_model import FaceModel


@pytest.fixture(scope="module")
def fitter() -> PointFitter:
    model = FaceModel.load()
    dense = dense_points(model)
    return PointFitter(model, dense.vertices, dense.weights)


def some_faces(count: int, seed: int = 0) -> FaceParameters:
    random = torch.Generator().manual_seed(seed)
    angles = torch.randn(3, count, generator=random) * 0.3
    on = torch.rand(count, 52, generator=random) < 0.2
    return FaceParameters(
        torch.randn(count, 80, generator=random) * 0.7,
        torch.rand(count, 52, generator=random) * on,
        from_euler(angles[0], angles[1], angles[2]),
        torch.full((count,), 1.28),
        torch.full((count, 2), 127.5),
    )


def disturbed(face: FaceParameters, seed: int = 1) -> FaceParameters:
    random = torch.Generator().manual_seed(seed)
    count = len(face.scale)
    return FaceParameters(
        face.identity + torch.randn(count, 80, generator=random) * 0.3,
        (face.expression + torch.randn(count, 52, generator=random) * 0.1).clamp(0, 1),
        from_axis_angle(torch.randn(count, 3, generator=random) * 0.05) @ face.rotation,
        face.scale * torch.exp(torch.randn(count, generator=random) * 0.02),
        face.translation + torch.randn(count, 2, generator=random) * 3,
    )


def apart(fitter: PointFitter, a: FaceParameters, b: FaceParameters) -> float:
    return float((fitter.points(a) - fitter.points(b)).norm(dim=-1).mean())


def test_points_are_the_models_own(fitter):
    model = FaceModel.load()
    face = some_faces(3)
    dense = dense_points(model)
    camera = face.scale[:, None, None] * (
        dense.of_shape(model.shape(face.identity, face.expression)) @ face.rotation.transpose(1, 2)
    )
    expected = torch.stack([camera[..., 0] + 127.5, 127.5 - camera[..., 1]], -1)
    assert torch.allclose(fitter.points(face), expected, atol=1e-3)


def test_the_derivatives_are_those_of_the_points(fitter):
    face = FaceParameters(*(a.double() for a in some_faces(2)))
    exact = PointFitter.__new__(PointFitter)
    exact.config = fitter.config
    for name in ("mean", "identity_basis", "expression_basis", "_basis"):
        setattr(exact, name, getattr(fitter, name).double())
    jacobian, points = exact._linearised(face)
    assert torch.allclose(points, exact.points(face))
    step = 1e-6
    unbounded = replace(fitter.config, bounded=False)
    exact.config = unbounded
    for column in (0, 1, 2, 3, 4, 5, 6, 23, 57, 58, 81):
        move = torch.zeros(2, jacobian.shape[-1], dtype=torch.float64)
        move[:, column] = step
        moved, _ = exact._stepped(face, move, torch.zeros_like(move))
        numeric = (exact.points(moved) - points) / step
        assert torch.allclose(jacobian[..., column], numeric, atol=1e-3), column


def test_seen_points_pull_the_guess_to_the_truth(fitter):
    truth = some_faces(16)
    guess = disturbed(truth)
    fitted = fitter.fit(guess, fitter.points(truth))
    assert apart(fitter, fitted, truth) < 0.2 * apart(fitter, guess, truth)
    error = (fitted.expression - truth.expression).abs().mean()
    assert error < 0.85 * (guess.expression - truth.expression).abs().mean()


def test_a_perfect_guess_stays_where_it_is(fitter):
    truth = some_faces(4)
    fitted = fitter.fit(truth, fitter.points(truth))
    for a, b in zip(fitted, truth, strict=True):
        assert torch.allclose(a, b, atol=2e-3)


@given(st.integers(0, 1000), st.floats(0, 40))
@settings(max_examples=10, deadline=None)
def test_expression_stays_in_bounds_and_rotations_stay_rotations(fitter, seed, noise):
    truth = some_faces(2, seed)
    seen = fitter.points(truth) + noise * torch.randn(2, len(fitter.mean), 2)
    fitted = fitter.fit(disturbed(truth, seed + 1), seen)
    assert fitted.expression.min() >= 0 and fitted.expression.max() <= 1
    product = fitted.rotation @ fitted.rotation.transpose(1, 2)
    assert torch.allclose(product, torch.eye(3).expand(2, 3, 3), atol=1e-4)
    assert all(torch.isfinite(part).all() for part in fitted)


def test_a_few_wild_points_hardly_matter(fitter):
    truth = some_faces(4)
    seen = fitter.points(truth)
    seen[:, ::15] += 60.0
    fitted = fitter.fit(disturbed(truth), seen)
    assert apart(fitter, fitted, truth) < 1.5


def test_points_that_are_not_believed_do_nothing(fitter):
    truth = some_faces(2)
    guess = disturbed(truth)
    fitted = fitter.fit(guess, fitter.points(truth), belief=torch.zeros(len(fitter.mean)))
    assert apart(fitter, fitted, guess) < 1e-3


def test_each_face_of_a_batch_is_fitted_as_if_alone(fitter):
    truth = some_faces(3)
    guess, seen = disturbed(truth), fitter.points(truth)
    together = fitter.fit(guess, seen)
    alone = fitter.fit(FaceParameters(*(part[1:2] for part in guess)), seen[1:2])
    for a, b in zip(together, alone, strict=True):
        assert torch.allclose(a[1:2], b, atol=1e-3)


def test_without_free_identity_the_identity_stays():
    model = FaceModel.load()
    dense = dense_points(model)
    held = PointFitter(model, dense.vertices, dense.weights, FitConfig(n_identity=0))
    truth = some_faces(2)
    guess = disturbed(truth)
    assert torch.equal(held.fit(guess, held.points(truth)).identity, guess.identity)
