import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from mmface_core.conventions import CROP_SIZE
from mmface_core.geometry.camera import weak_perspective
from mmface_core.geometry.mesh import cap_triangles
from mmface_core.geometry.rotation import from_euler
from mmface_core.geometry.voxelize import cap_plane, voxel_centres, voxelize, voxelize_reference
from mmface_core.model.face_model import FaceModel

NO_CAP = np.array([[0.0, 0.0, 0.0, -1.0]])
# Crop pixels run down, so a solid that is counter-clockwise with y up turns over on its way into the crop.
TO_CROP = np.array([1.0, -1.0, 1.0])


def sphere(radius: float, centre: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    ball = trimesh.creation.icosphere(subdivisions=3, radius=radius)
    return (ball.vertices * TO_CROP + centre)[None], ball.faces


@pytest.fixture(scope="module")
def head() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(vertices (2, V, 3) crop px, triangles, cap planes) of two turned heads, so small that the crop holds them."""
    model = FaceModel.load()
    closed = cap_triangles(model.part_triangles("skin").numpy(), model.skin.stop)
    generator = torch.Generator().manual_seed(3)
    identity = torch.randn(2, model.n_identity, generator=generator)
    expression = torch.rand(2, model.n_expression, generator=generator) * 0.2
    pose = (
        from_euler(torch.tensor([0.3, -0.7]), torch.tensor([0.1, -0.2]), torch.tensor([0.0, 0.2])),
        torch.full((2,), 0.6),
        torch.full((2, 2), 127.5),
    )
    skin = weak_perspective(model.shape(identity, expression)[:, model.skin], *pose)
    plane = cap_plane(*(part.numpy() for part in pose), model.cap_z_mm)
    return closed.vertices(skin).numpy(), closed.triangles, plane


def test_kernel_equals_its_plain_twin(head):
    vertices, triangles, plane = head[0][:1], head[1], head[2][:1]
    assert np.array_equal(voxelize(vertices, triangles, plane, 32), voxelize_reference(vertices, triangles, plane, 32))


@pytest.mark.parametrize("size", [64, 128, 192])
def test_volume_is_that_of_the_mesh(head, size):
    vertices, triangles, _ = head
    solid = voxelize(vertices, triangles, np.repeat(NO_CAP, 2, 0), size)
    for item in range(2):
        mesh = trimesh.Trimesh(vertices[item] * TO_CROP, triangles, process=False)
        assert solid[item].sum() * (CROP_SIZE / size) ** 3 == pytest.approx(mesh.volume, rel=5e-3)


def test_the_cap_cuts_the_head_in_its_own_frame(head):
    vertices, triangles, plane = head
    whole = voxelize(vertices, triangles, np.repeat(NO_CAP, 2, 0), 32).astype(bool)
    capped = voxelize(vertices, triangles, plane, 32).astype(bool)
    across, depth = voxel_centres(32)
    z, y, x = np.meshgrid(depth, across, across, indexing="ij")
    for item in range(2):
        a, b, c, e = plane[item]
        assert np.array_equal(capped[item], whole[item] & (a * x + b * y + c * z > e))
        assert 0 < capped[item].sum() < whole[item].sum()


@settings(max_examples=25, deadline=None)
@given(
    radius=st.floats(10, 60),
    x=st.floats(100, 150),
    y=st.floats(100, 150),
    z=st.floats(-30, 30),
    size=st.sampled_from([32, 64]),
)
def test_voxels_are_occupied_where_their_centres_lie_inside(radius, x, y, z, size):
    vertices, triangles = sphere(radius, (x, y, z))
    solid = voxelize(vertices, triangles, NO_CAP, size)[0].astype(bool)
    across, depth = voxel_centres(size)
    distance = np.sqrt(
        (depth[:, None, None] - z) ** 2 + (across[None, :, None] - y) ** 2 + (across[None, None, :] - x) ** 2
    )
    assert not solid[distance > radius].any()
    assert solid[distance < radius * 0.985].all()  # the polyhedron lies a little inside its sphere


def test_a_mesh_that_leaves_the_crop_is_cut_by_it():
    vertices, triangles = sphere(60.0, (0.0, 127.5, 120.0))
    solid = voxelize(vertices, triangles, NO_CAP, 32)[0]
    assert solid[-1, 16, 0] == 1
    assert solid[:, :, 16:].sum() == 0


def test_overlapping_shells_count_once():
    first, triangles = sphere(30.0, (110.0, 127.5, 0.0))
    second, _ = sphere(30.0, (130.0, 127.5, 0.0))
    both = np.concatenate([first, second], 1)
    joined = voxelize(both, np.concatenate([triangles, triangles + first.shape[1]]), NO_CAP, 32)
    apart = voxelize(first, triangles, NO_CAP, 32) | voxelize(second, triangles, NO_CAP, 32)
    assert np.array_equal(joined, apart)
