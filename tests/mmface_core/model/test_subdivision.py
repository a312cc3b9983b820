"""Subdivision as a linear operator on any per-vertex array."""

import numpy as np
import pytest

from mmface_core.geometry.mesh import boundary_loops, edge_counts
from mmface_core.model.face_model import FaceModel
from mmface_core.model.subdivision import apply_operator, subdivide, subdivision_operator

TETRAHEDRON = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


@pytest.fixture(scope="module")
def skin() -> FaceModel:
    return FaceModel.load(parts=["skin"])


def test_twice_refined_skin_has_the_papers_resolution(skin: FaceModel) -> None:
    operator, triangles = subdivision_operator(skin.triangles.numpy(), skin.n_vertices, levels=2)
    assert operator.shape == (51374, 3260)
    assert len(triangles) == 16 * len(skin.triangles)
    assert set(edge_counts(triangles)) == {1, 2}
    assert [len(loop) for loop in boundary_loops(triangles)] == [4 * n for n in (42, 38, 28, 28)]


@pytest.mark.parametrize("smooth", [True, False])
def test_rows_sum_to_one_so_that_shapes_move_along(smooth: bool, skin: FaceModel) -> None:
    operator, _ = subdivision_operator(skin.triangles.numpy(), skin.n_vertices, 1, smooth)
    np.testing.assert_allclose(operator.sum(1), 1, atol=1e-12)
    moved = apply_operator(operator, skin.mean.numpy() + np.array([1, 2, 3], np.float32))
    still = apply_operator(operator, skin.mean.numpy())
    np.testing.assert_allclose(moved - still, np.broadcast_to([1, 2, 3], still.shape), atol=1e-3)


def test_the_operator_applies_to_a_basis_as_to_its_members(skin: FaceModel) -> None:
    operator, _ = subdivide(skin.triangles.numpy(), skin.n_vertices)
    basis = skin.identity_basis.numpy()[:3]
    np.testing.assert_allclose(apply_operator(operator, basis)[1], operator @ basis[1], atol=1e-5)


def test_loop_rules_on_a_tetrahedron_by_hand() -> None:
    operator, triangles = subdivide(TETRAHEDRON, 4)
    assert operator.shape == (10, 4) and len(triangles) == 16
    np.testing.assert_allclose(operator[0].toarray()[0], [7 / 16, 3 / 16, 3 / 16, 3 / 16])
    np.testing.assert_allclose(np.sort(operator[4].toarray()[0]), [1 / 8, 1 / 8, 3 / 8, 3 / 8])
    assert set(edge_counts(triangles)) == {2}


def test_the_boundary_depends_on_the_boundary_alone() -> None:
    operator, _ = subdivide(np.array([[0, 1, 2], [0, 2, 3]]), 4)
    np.testing.assert_allclose(operator[1].toarray()[0], [1 / 8, 3 / 4, 1 / 8, 0])


def test_midpoints_leave_old_vertices_in_place() -> None:
    operator, _ = subdivide(TETRAHEDRON, 4, smooth=False)
    np.testing.assert_array_equal(operator[:4].toarray(), np.eye(4))
