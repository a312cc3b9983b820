"""The linear face model: what `shape`, `points` and `landmarks` promise, on the bundled default."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmface_core.errors import UserError
from mmface_core.model.face_model import DEFAULT_MODEL_PATH, FaceModel


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load(parts=None)


def codes(model: FaceModel, seed: int, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    identity = torch.randn(batch, model.n_identity, generator=generator)
    return identity, torch.rand(batch, model.n_expression, generator=generator)


def test_arrays_have_the_documented_shapes(model: FaceModel) -> None:
    assert (model.n_identity, model.n_expression) == (80, 52)
    assert model.parts["skin"] == slice(0, 3260)
    assert model.mean.shape == (model.n_vertices, 3)
    assert model.identity_basis.shape == (80, model.n_vertices, 3)
    assert model.expression_basis.shape == (52, model.n_vertices, 3)
    assert model.uv.shape == (model.n_vertices, 2)
    assert model.expression_pca.shape == (29, 52)
    assert model.landmark_vertices.shape == model.landmark_weights.shape == (68, 3)


def test_parts_follow_each_other_without_gaps(model: FaceModel) -> None:
    stops = [0, *(part.stop for part in model.parts.values())]
    assert [part.start for part in model.parts.values()] == stops[:-1]
    assert stops[-1] == model.n_vertices


def test_codes_of_zero_give_the_mean(model: FaceModel) -> None:
    shape = model.shape(torch.zeros(1, 80), torch.zeros(1, 52))
    torch.testing.assert_close(shape[0], model.mean)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31), factor=st.floats(-2, 2))
def test_shape_is_linear_in_both_codes(seed: int, factor: float) -> None:
    model = FaceModel.load(parts=["skin"])
    identity, expression = codes(model, seed)
    offset = model.shape(identity, expression) - model.mean
    scaled = model.shape(factor * identity, factor * expression) - model.mean
    torch.testing.assert_close(scaled, factor * offset, atol=2e-3, rtol=1e-4)


def test_landmarks_are_the_points_of_the_shape(model: FaceModel) -> None:
    identity, expression = codes(model, 1)
    shape = model.shape(identity, expression)
    torch.testing.assert_close(model.landmarks(identity, expression), model.landmarks_of(shape), atol=1e-3, rtol=1e-5)
    some = torch.tensor([5, 3, 100])
    torch.testing.assert_close(model.points(identity, expression, some), shape[:, some], atol=1e-3, rtol=1e-5)


def test_gradients_reach_both_codes(model: FaceModel) -> None:
    identity, expression = (code.requires_grad_() for code in codes(model, 2))
    model.landmarks(identity, expression).square().sum().backward()
    assert identity.grad is not None and identity.grad.abs().min() > 0
    assert expression.grad is not None and (expression.grad != 0).any(0).sum() > 40


def test_a_subset_of_parts_gives_the_same_shape_and_its_own_triangles(model: FaceModel) -> None:
    skin = FaceModel.load(parts=["skin"])
    identity, expression = codes(model, 3)
    torch.testing.assert_close(skin.shape(identity, expression), model.shape(identity, expression)[:, model.skin])
    assert skin.triangles.max() < skin.n_vertices
    torch.testing.assert_close(skin.triangles, model.part_triangles("skin"))


def test_mirroring_a_symmetric_face_gives_it_back(model: FaceModel) -> None:
    identity, _ = codes(model, 4)
    shape = model.shape(identity, torch.zeros(2, 52))
    torch.testing.assert_close(model.mirrored(shape), shape, atol=1e-4, rtol=1e-5)


def test_a_checkpoint_of_a_model_is_empty(model: FaceModel) -> None:
    assert model.state_dict() == {}


def test_an_unknown_part_and_a_missing_file_are_told_in_a_sentence(tmp_path) -> None:
    with pytest.raises(UserError, match="no part hair"):
        FaceModel.load(parts=["skin", "hair"])
    with pytest.raises(UserError, match="no face model at"):
        FaceModel.load(tmp_path / "none.npz")


def test_a_broken_file_is_told_in_a_sentence(tmp_path) -> None:
    path = tmp_path / "broken.npz"
    path.write_bytes(DEFAULT_MODEL_PATH.read_bytes()[:5000])
    with pytest.raises(UserError, match="not a face model"):
        FaceModel.load(path)
    np.save(path.with_suffix(".npy"), np.zeros(3))
    with pytest.raises(UserError, match="not a face model"):
        FaceModel.load(path.with_suffix(".npy"))
    path.write_bytes(b"hello")
    with pytest.raises(UserError, match="not a face model"):
        FaceModel.load(path)


def test_an_npz_that_is_no_model_or_of_another_version_is_told_in_a_sentence(tmp_path) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, a=np.zeros(3))
    with pytest.raises(UserError, match="lacks the arrays schema"):
        FaceModel.load(path)
    with np.load(DEFAULT_MODEL_PATH) as file:
        arrays = {key: file[key] for key in file.files} | {"schema": np.array("mmface-model/9")}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    path.write_bytes(buffer.getvalue())
    with pytest.raises(UserError, match="mmface-model/9"):
        FaceModel.load(path)


def test_a_model_without_annotators_places_takes_its_landmarks_for_them(tmp_path):
    with np.load(DEFAULT_MODEL_PATH) as file:
        arrays = {key: file[key] for key in file.files if not key.startswith("annotated")}
    model = FaceModel(arrays)
    assert torch.equal(model.annotated_vertices, model.landmark_vertices)
    assert torch.equal(model.annotated_weights, model.landmark_weights)
