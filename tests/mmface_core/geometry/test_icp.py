import math

import pytest
import torch

from mmface_core.geometry.camera import weak_perspective
from mmface_core.geometry.icp import icp_vertices, refine_pose
from mmface_core.geometry.mesh import cap_triangles
from mmface_core.geometry.rotation import angle_between, from_axis_angle, from_euler
from mmface_core.geometry.voxelize import cap_plane, voxelize
from mmface_core.model.face_model import FaceModel

FACES = 6


class Scene:
    """Heads of known pose and their solids."""

    def __init__(self, size: int = 64) -> None:
        model = FaceModel.load()
        generator = torch.Generator().manual_seed(11)

        def normal(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, generator=generator)

        identity, expression = 0.8 * normal(FACES, model.n_identity), torch.zeros(FACES, model.n_expression)
        self.rotation = from_euler(0.5 * normal(FACES), 0.25 * normal(FACES), 0.15 * normal(FACES))
        self.scale = 1.28 * torch.exp(0.05 * normal(FACES))
        self.translation = 127.5 + 6.0 * normal(FACES, 2)
        pose = (self.rotation, self.scale, self.translation)
        closed = cap_triangles(model.part_triangles("skin").numpy(), model.skin.stop)
        skin = weak_perspective(model.shape(identity, expression)[:, model.skin], *pose)
        cap = cap_plane(*(part.numpy() for part in pose), model.cap_z_mm)
        solid = voxelize(closed.vertices(skin).numpy(), closed.triangles, cap, size)
        self.volume = torch.from_numpy(solid).float()
        self.points = model.points(identity, expression, icp_vertices(model))
        self.generator = generator

    def start(self, degrees: float, pixels: float) -> tuple[torch.Tensor, torch.Tensor]:
        axis = torch.nn.functional.normalize(torch.randn(FACES, 3, generator=self.generator), dim=1)
        turned = from_axis_angle(axis * math.radians(degrees)) @ self.rotation
        return turned, self.translation + pixels * torch.randn(FACES, 2, generator=self.generator)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("degrees", [5.0, 15.0, 30.0, 40.0])
def test_pose_is_recovered_from_the_solid(scene, degrees):
    rotation, translation = scene.start(degrees, 4.0)
    result = refine_pose(scene.volume, scene.points, rotation, scene.scale, translation)
    assert torch.rad2deg(angle_between(result.rotation, scene.rotation)).max() < 1.0
    assert (result.translation - scene.translation).norm(dim=1).max() < 1.0
    assert result.depth.abs().max() < 1.0
    assert result.converged.all()
    assert result.agreement.min() > 0.8
    assert torch.equal(result.scale, scene.scale)


def test_scale_is_recovered_where_asked_for(scene):
    rotation, translation = scene.start(8.0, 3.0)
    start = scene.scale * torch.exp(0.04 * torch.randn(FACES, generator=scene.generator))
    result = refine_pose(scene.volume, scene.points, rotation, start, translation, with_scale=True)
    assert (result.scale / scene.scale - 1.0).abs().max() < 0.01
    assert torch.rad2deg(angle_between(result.rotation, scene.rotation)).max() < 1.0


def test_scale_as_an_unknown_costs_no_accuracy():
    scene = Scene(128)

    def vertex_error(result) -> torch.Tensor:
        def camera(rotation, scale, translation, depth):
            placed = weak_perspective(scene.points, rotation, scale, translation)
            return placed + torch.nn.functional.pad(depth[:, None, None], (2, 0))

        pose = (result.rotation, result.scale, result.translation, result.depth)
        truth = camera(scene.rotation, scene.scale, scene.translation, torch.zeros(FACES))
        return (camera(*pose) - truth).norm(dim=-1).mean()

    rotation, translation = scene.start(12.0, 3.0)
    fixed = refine_pose(scene.volume, scene.points, rotation, scene.scale, translation)
    free = refine_pose(scene.volume, scene.points, rotation, 0.93 * scene.scale, translation, with_scale=True)
    assert vertex_error(free) < vertex_error(fixed) + 0.1
    assert vertex_error(free) < 0.3


def test_a_volume_that_the_crop_cuts_through_gives_the_pose(scene):
    cut = scene.volume.clone()
    moved = torch.zeros_like(cut)
    moved[:, :, :, 16:] = cut[:, :, :, :-16]  # a quarter of the crop to the right: part of the head lies outside
    translation_of = scene.translation + torch.tensor([64.0, 0.0])
    rotation, start = scene.start(10.0, 3.0)
    result = refine_pose(moved, scene.points, rotation, scene.scale, start + torch.tensor([64.0, 0.0]))
    assert torch.rad2deg(angle_between(result.rotation, scene.rotation)).max() < 1.5
    assert (result.translation - translation_of).norm(dim=1).max() < 1.5
    assert result.converged.all()


def test_single_voxels_that_are_not_finite_cost_only_the_points_beside_them(scene):
    rotation, translation = scene.start(10.0, 3.0)
    spoilt = scene.volume.clone()
    spoilt[:, 44:48, 20:24, 28] = math.nan
    plain = refine_pose(spoilt, scene.points, rotation, scene.scale, translation, reference=True)
    result = refine_pose(spoilt, scene.points, rotation, scene.scale, translation)
    assert torch.equal(result.converged, plain.converged)
    assert torch.rad2deg(angle_between(result.rotation, plain.rotation)).max() < 0.02
    assert all(torch.isfinite(part).all() for part in (result.rotation, result.translation, result.agreement))


def test_each_face_of_a_batch_stops_by_itself(scene):
    far, translation = scene.start(35.0, 6.0)
    rotation = scene.rotation.clone()
    rotation[0] = far[0]
    place = scene.translation.clone()
    place[0] = translation[0]
    result = refine_pose(scene.volume, scene.points, rotation, scene.scale, place)
    assert len(set(result.iterations.tolist())) > 1
    alone = refine_pose(scene.volume[:1], scene.points[:1], rotation[:1], scene.scale[:1], place[:1])
    assert torch.equal(alone.rotation[0], result.rotation[0])
    assert alone.iterations[0] == result.iterations[0]


@pytest.mark.parametrize("size", [128, 192])
def test_finer_volumes_give_finer_poses(size):
    fine = Scene(size)
    rotation, translation = fine.start(12.0, 4.0)
    result = refine_pose(fine.volume, fine.points, rotation, fine.scale, translation)
    assert torch.rad2deg(angle_between(result.rotation, fine.rotation)).max() < 0.25
    one = [part[:1] for part in (fine.volume, fine.points, rotation, fine.scale, translation)]
    plain = refine_pose(*one, reference=True)
    assert torch.rad2deg(angle_between(result.rotation[:1], plain.rotation)).max() < 0.02
    assert torch.equal(result.iterations[:1], plain.iterations)


def test_more_points_than_are_used_cost_nothing_and_change_nothing(scene):
    rotation, translation = scene.start(8.0, 3.0)
    many = scene.points.repeat_interleave(30, dim=1)
    few = refine_pose(scene.volume, scene.points, rotation, scene.scale, translation)
    result = refine_pose(scene.volume, many, rotation, scene.scale, translation)
    assert torch.rad2deg(angle_between(result.rotation, few.rotation)).max() < 0.3


def test_the_depth_of_the_solid_is_a_free_unknown(scene):
    moved = torch.roll(scene.volume, 2, dims=1)  # two voxels of 4 px nearer to the camera
    result = refine_pose(moved, scene.points, scene.rotation, scene.scale, scene.translation)
    assert result.depth.sub(8.0).abs().max() < 1.5


def test_a_soft_volume_serves_as_well_as_a_hard_one(scene):
    soft = torch.nn.functional.avg_pool3d(scene.volume[:, None], 3, stride=1, padding=1)[:, 0]
    rotation, translation = scene.start(10.0, 3.0)
    result = refine_pose(soft, scene.points, rotation, scene.scale, translation)
    assert torch.rad2deg(angle_between(result.rotation, scene.rotation)).max() < 1.0


@pytest.mark.parametrize("value", [0.0, 1.0, math.nan])
def test_a_volume_that_says_nothing_gives_the_start_back(scene, value):
    rotation, translation = scene.start(5.0, 2.0)
    volume = scene.volume.clone()
    volume[1] = value
    result = refine_pose(volume, scene.points, rotation, scene.scale, translation)
    assert torch.equal(result.rotation[1], rotation[1])
    assert torch.equal(result.translation[1], translation[1])
    assert not result.converged[1]
    assert result.agreement[1] == 0.0
    assert result.converged[[0, 2, 3, 4, 5]].all()
    assert all(torch.isfinite(part).all() for part in (result.rotation, result.translation, result.agreement))


def test_agreement_tells_a_wrong_mesh_from_a_right_one(scene):
    right = refine_pose(scene.volume, scene.points, scene.rotation, scene.scale, scene.translation)
    stretched = scene.points * torch.tensor([1.3, 0.8, 1.1])
    wrong = refine_pose(scene.volume, stretched, scene.rotation, scene.scale, scene.translation)
    assert (wrong.agreement < right.agreement - 0.2).all()


@pytest.mark.parametrize("with_scale", [False, True])
def test_the_compiled_loop_equals_its_plain_twin(scene, with_scale):
    rotation, translation = scene.start(12.0, 4.0)
    start = (scene.volume, scene.points, rotation, scene.scale * 1.02, translation, with_scale)
    fast, plain = refine_pose(*start), refine_pose(*start, reference=True)
    assert torch.rad2deg(angle_between(fast.rotation, plain.rotation)).max() < 0.02
    assert (fast.translation - plain.translation).abs().max() < 0.02
    assert (fast.scale - plain.scale).abs().max() < 1e-3
    assert (fast.agreement - plain.agreement).abs().max() < 0.01
    assert (fast.residual_px - plain.residual_px).abs().max() < 0.02
    assert torch.equal(fast.converged, plain.converged)


def test_equal_levels_of_blur(scene):
    from mmface_core.geometry import icp_kernel
    from mmface_core.geometry.icp import LEVELS, smoothed

    for level in LEVELS:
        plain, _ = smoothed(scene.volume[:1], level)
        volume = scene.volume[0].contiguous().numpy()
        field = icp_kernel.survey(volume, 64 // level.cells if level.cells else 1)
        for _ in range(level.blurs):
            field = icp_kernel.box_blur(field, level.width)
        assert torch.allclose(torch.from_numpy(field), plain[0], atol=1e-5)
