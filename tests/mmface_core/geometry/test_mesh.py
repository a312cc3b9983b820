"""Normals, boundary loops and caps."""

import numpy as np
import pytest
import torch

from mmface_core.geometry.mesh import boundary_loops, cap_triangles, edge_counts, signed_volume, vertex_normals
from mmface_core.model.face_model import FaceModel

# A unit cube without its lid (z = 1), seen from outside counter-clockwise.
CORNERS = torch.tensor([[x, y, z] for z in (0.0, 1) for y in (0.0, 1) for x in (0.0, 1)])
OPEN_BOX = np.array(
    [[0, 2, 1], [1, 2, 3], [0, 1, 5], [0, 5, 4], [1, 3, 7], [1, 7, 5], [3, 2, 6], [3, 6, 7], [2, 0, 4], [2, 4, 6]]
)


def test_the_open_side_of_a_box_is_one_loop() -> None:
    (loop,) = boundary_loops(OPEN_BOX)
    assert sorted(loop.tolist()) == [4, 5, 6, 7]


def test_capping_a_box_gives_its_volume() -> None:
    closed = cap_triangles(OPEN_BOX, 8)
    vertices = closed.vertices(CORNERS[None])
    torch.testing.assert_close(vertices[0, 8], torch.tensor([0.5, 0.5, 1]))
    assert set(edge_counts(closed.triangles)) == {2}
    torch.testing.assert_close(signed_volume(vertices, torch.from_numpy(closed.triangles)), torch.tensor([1.0]))


def test_a_closed_mesh_stays_as_it_is() -> None:
    closed = cap_triangles(OPEN_BOX, 8)
    again = cap_triangles(closed.triangles, 9)
    assert again.extra.shape[0] == 0
    np.testing.assert_array_equal(again.triangles, closed.triangles)


def test_the_capped_head_is_a_solid_of_a_heads_volume() -> None:
    model = FaceModel.load(parts=["skin"])
    closed = cap_triangles(model.triangles.numpy(), model.n_vertices)
    assert set(edge_counts(closed.triangles)) == {2}
    shape = model.shape(torch.randn(3, 80, generator=torch.Generator().manual_seed(0)), torch.zeros(3, 52))
    litres = signed_volume(closed.vertices(shape), torch.from_numpy(closed.triangles)) / 1e6
    assert ((litres > 3.5) & (litres < 6)).all()


def test_capping_passes_gradients() -> None:
    vertices = CORNERS[None].clone().requires_grad_()
    cap_triangles(OPEN_BOX, 8).vertices(vertices)[0, 8].sum().backward()
    assert vertices.grad is not None
    torch.testing.assert_close(vertices.grad[0, 4:], torch.full((4, 3), 0.25))


def test_a_boundary_that_touches_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="vertex 0 more than once"):
        boundary_loops(np.array([[0, 1, 2], [0, 3, 4]]))


def test_normals_are_unit_vectors_that_point_outward() -> None:
    closed = cap_triangles(OPEN_BOX, 8)
    vertices = closed.vertices(CORNERS[None])
    normals = vertex_normals(vertices, torch.from_numpy(closed.triangles))
    torch.testing.assert_close(normals.norm(dim=2), torch.ones(1, 9))
    assert ((vertices[0] - 0.5) * normals[0]).sum(1).min() > 0
