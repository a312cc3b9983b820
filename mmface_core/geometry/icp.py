"""ICP: align the predicted mesh to the predicted solid, from the network's pose, batched on any device.

The solid is read as a distance field near its surface, distance = (0.5 - p) / |grad p|, so nothing is extracted from it
and no neighbours are searched. Each level blurs the probability over a width of its own: wide for the basin, narrow
for accuracy. A level runs damped Gauss-Newton steps on the point-to-surface distance with a robust kernel.

Weak perspective has no depth, but the volume does: the offset along the view is solved for as a nuisance.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mmface_core.conventions import CROP_SIZE
from mmface_core.geometry import icp_kernel
from mmface_core.geometry.rotation import skew
from mmface_core.model.face_model import FaceModel

CAP_MARGIN_MM = 12.0
"""Vertices nearer than this to the cap's plane are left out: there the solid ends without the skin ending."""
NECK_Y_MM = -75.0
"""Vertices below are neck, which does not turn with the head."""
LEAST_POINTS = 40


class Level(NamedTuple):
    """One level: volume pooled by `pool`, blurred `blurs` times over `width` voxels, `steps` steps, kernel in px."""

    pool: int
    width: int
    blurs: int
    steps: int
    kernel_px: float


LEVELS = (Level(2, 5, 2, 6, 30.0), Level(2, 3, 1, 3, 10.0), Level(1, 3, 1, 4, 4.0))


class IcpResult(NamedTuple):
    """Refined poses of B faces, and how well mesh and volume agree.

    rotation (B, 3, 3), scale (B,) px/mm, translation (B, 2) px; depth (B,) px by which the solid lies nearer to the
    camera than the pose says; agreement (B,) 0..1, share of the points within one voxel of the surface; residual_px
    (B,) their median distance; iterations; converged (B,) bool. Where a volume is empty or not finite the start comes
    back with agreement 0 and converged False.
    """

    rotation: Tensor
    scale: Tensor
    translation: Tensor
    depth: Tensor
    agreement: Tensor
    residual_px: Tensor
    iterations: int
    converged: Tensor


def icp_vertices(model: FaceModel, count: int = 600) -> Tensor:
    """Numbers (n,) of evenly picked skin vertices that lie in front of the cap and above the neck, about `count`."""
    skin = model.mean[model.skin]
    usable = torch.nonzero((skin[:, 2] > model.cap_z_mm + CAP_MARGIN_MM) & (skin[:, 1] > NECK_Y_MM))[:, 0]
    step = max(1, len(usable) // count)
    return usable[::step]


def refine_pose(
    volume: Tensor,
    points: Tensor,
    rotation: Tensor,
    scale: Tensor,
    translation: Tensor,
    with_scale: bool = False,
    levels: tuple[Level, ...] = LEVELS,
    reference: bool = False,
) -> IcpResult:
    """Align points of the predicted mesh to the predicted solid.

    volume (B, N, N, N) probabilities, axes depth, y, x (see `geometry.voxelize`); points (B, n, 3) mm in the head
    frame; rotation (B, 3, 3), scale (B,) px/mm, translation (B, 2) px: the start. `with_scale` refines scale as well;
    `reference` takes the plain torch path on the CPU too, where a compiled loop is several times faster.
    """
    finite = volume.flatten(1).isfinite().all(dim=1)
    volume = torch.nan_to_num(volume, nan=0.0, posinf=1.0, neginf=0.0).clamp(0.0, 1.0)
    usable = finite & (volume.flatten(1).amax(dim=1) > 0.5) & (volume.flatten(1).amin(dim=1) < 0.5)
    camera = (points @ rotation.transpose(1, 2)) * scale[:, None, None]  # (B, n, 3) px, y up
    offset = torch.stack([translation[:, 0], -translation[:, 1], torch.zeros_like(scale)], dim=1)  # y up as well
    compiled = volume.device.type == "cpu" and not reference
    found = (_refine_compiled if compiled else _refine_torch)(volume, camera, offset, with_scale, levels)
    good = usable & (found.valid >= LEAST_POINTS) & found.step.isfinite() & found.agreement.isfinite()
    moved = torch.stack([found.offset[:, 0], -found.offset[:, 1]], dim=1)
    return IcpResult(
        rotation=torch.where(good[:, None, None], found.turn @ rotation, rotation),
        scale=torch.where(good, scale * found.growth, scale),
        translation=torch.where(good[:, None], moved, translation),
        depth=torch.where(good, found.offset[:, 2], 0.0),
        agreement=torch.where(good, found.agreement, 0.0),
        residual_px=torch.where(good, found.residual, torch.inf),
        iterations=sum(level.steps for level in levels),
        converged=good & (found.step < 0.5) & (found.agreement > 0.3),
    )


class _Found(NamedTuple):
    """turn (B, 3, 3), offset (B, 3) px with y up, growth, last step px, agreement, residual px, valid points (B,)."""

    turn: Tensor
    offset: Tensor
    growth: Tensor
    step: Tensor
    agreement: Tensor
    residual: Tensor
    valid: Tensor


def _refine_compiled(
    volume: Tensor, camera: Tensor, offset: Tensor, with_scale: bool, levels: tuple[Level, ...]
) -> _Found:
    """The compiled loop on the CPU; equal to `_refine_torch` up to rounding."""
    results = icp_kernel.refine_batch(
        volume.float().contiguous().numpy(),
        camera.double().contiguous().numpy(),
        offset.double().contiguous().numpy(),
        np.array(levels, np.float64),
        with_scale,
    )
    turn, moved, growth, step, agreement, residual = (torch.from_numpy(part).to(camera.dtype) for part in results[:6])
    return _Found(turn, moved, growth, step, agreement, residual, torch.from_numpy(results[6]))


def _refine_torch(
    volume: Tensor, camera: Tensor, offset: Tensor, with_scale: bool, levels: tuple[Level, ...]
) -> _Found:
    """The reference, on any device: camera (B, n, 3) px points of the start, offset (B, 3), both with y up."""
    turn = torch.eye(3, dtype=camera.dtype, device=camera.device).expand(len(camera), 3, 3)
    growth, step = torch.ones_like(offset[:, 0]), torch.full_like(offset[:, 0], torch.inf)
    for level in levels:
        field, voxel = smoothed(volume, level)
        for _ in range(level.steps):
            moved = growth[:, None, None] * (camera @ turn.transpose(1, 2))
            distance, normal, valid = surface_distance(field, moved + offset[:, None], voxel)
            # Far out the field flattens and the quotient exaggerates: a step is worth at most the kernel's width.
            distance = distance.clamp(-level.kernel_px, level.kernel_px)
            weight = valid / (1.0 + (distance / level.kernel_px).square()).square()  # Geman-McClure
            update = _gauss_newton(moved, distance, normal, weight, with_scale)
            turn = _small_rotation(update[:, :3]) @ turn
            offset = offset + update[:, 3:6]
            growth = growth * torch.exp(update[:, 6])
            step = update[:, 3:6].norm(dim=1) + update[:, :3].norm(dim=1) * icp_kernel.ARM_PX  # px on the surface
    moved = growth[:, None, None] * (camera @ turn.transpose(1, 2)) + offset[:, None]
    distance, _, valid = surface_distance(field, moved, voxel)
    near = (valid > 0) & (distance.abs() < CROP_SIZE / volume.shape[-1])
    agreement = near.sum(dim=1) / _in_cube(moved).sum(dim=1).clamp(min=1)
    residual = torch.where(valid > 0, distance.abs(), torch.nan).nanmedian(dim=1).values
    return _Found(turn, offset, growth, step, agreement, residual, valid.sum(dim=1))


def smoothed(volume: Tensor, level: Level) -> tuple[Tensor, float]:
    """The level's blurred volume (B, n, n, n) and its voxel's side in px."""
    field = volume[:, None]
    if level.pool > 1:
        field = F.avg_pool3d(field, level.pool)
    half = level.width // 2
    for _ in range(level.blurs):
        # Beyond the cube the solid goes on as it is at the border: a cut head is no surface.
        for axis in range(3):
            kernel, pad = [1, 1, 1], [0] * 6
            kernel[axis] = level.width
            pad[2 * (2 - axis)] = pad[2 * (2 - axis) + 1] = half
            field = F.avg_pool3d(F.pad(field, pad, mode="replicate"), tuple(kernel), stride=1)
    return field[:, 0].contiguous(), CROP_SIZE / field.shape[-1]


def surface_distance(field: Tensor, points: Tensor, voxel: float) -> tuple[Tensor, Tensor, Tensor]:
    """Signed distance to the surface p = 0.5 where a point lies, by trilinear interpolation.

    field (B, n, n, n); points (B, N, 3) px in the camera frame with y up, offset included. Returns distance (B, N) px,
    positive outside; the outward unit normal (B, N, 3); and valid (B, N), 0 outside the cube and in flat places.
    """
    size = field.shape[-1]
    middle = (size - 1) / 2
    first = (voxel - 1.0) / 2
    grid = torch.stack(
        [
            (points[..., 0] - first) / voxel,
            (-points[..., 1] - first) / voxel,
            points[..., 2] / voxel + middle,
        ],
        dim=-1,
    )
    grid = torch.nan_to_num(grid, nan=-2.0)
    low = grid.floor().clamp(0, size - 2)
    u, v, w = (grid - low).unbind(-1)
    x, y, z = low.long().unbind(-1)
    base = (z * size + y) * size + x  # (B, N)
    steps = torch.tensor([0, 1, size, size + 1], device=field.device)
    corners = torch.cat([steps, steps + size * size])
    values = field.flatten(1).gather(1, (base[..., None] + corners).flatten(1)).reshape(*base.shape, 8)
    a, b, c, d, e, f, g, h = values.unbind(-1)  # x fastest, then y, then z
    ab, cd, ef, gh = a + u * (b - a), c + u * (d - c), e + u * (f - e), g + u * (h - g)
    near, far = ab + v * (cd - ab), ef + v * (gh - ef)
    p = near + w * (far - near)
    slope_x = torch.lerp(torch.lerp(b - a, d - c, v), torch.lerp(f - e, h - g, v), w)
    slope_y = torch.lerp(cd - ab, gh - ef, w)
    slope = torch.stack([slope_x, -slope_y, far - near], dim=-1) / voxel  # per px, y up
    steep = slope.norm(dim=-1)
    inside = ((grid > -0.5) & (grid < size - 0.5)).all(dim=-1)
    valid = (inside & (steep > icp_kernel.GRADIENT_FLOOR)).to(field.dtype)
    steep = steep.clamp(min=icp_kernel.GRADIENT_FLOOR)
    return (0.5 - p) / steep, -slope / steep[..., None], valid


def _in_cube(points: Tensor) -> Tensor:
    """Whether points (B, N, 3), camera px with y up, lie in the crop's cube."""
    across = (points[..., 0] > -0.5) & (points[..., 0] < CROP_SIZE - 0.5)
    down = (-points[..., 1] > -0.5) & (-points[..., 1] < CROP_SIZE - 0.5)
    return across & down & (points[..., 2].abs() < CROP_SIZE / 2)


def _gauss_newton(moved: Tensor, distance: Tensor, normal: Tensor, weight: Tensor, with_scale: bool) -> Tensor:
    """(B, 7) update: rotation vector about the head's origin, offset px, log scale (0 where not asked for)."""
    arm = torch.linalg.cross(moved, normal)
    growth = (moved * normal).sum(dim=-1, keepdim=True) if with_scale else torch.zeros_like(arm[..., :1])
    jacobian = torch.cat([arm, normal, growth], dim=-1)  # (B, n, 7)
    weighted = jacobian * weight[..., None]
    hessian = weighted.transpose(1, 2) @ jacobian
    gradient = (weighted * distance[..., None]).sum(dim=1)
    diagonal = hessian.diagonal(dim1=1, dim2=2)
    damping = torch.diag_embed(1e-3 * diagonal + 1e-6 * diagonal.amax(dim=1, keepdim=True) + 1e-6)
    update = -torch.linalg.solve(hessian + damping, gradient[..., None])[..., 0]
    # A step of more than a quarter turn or a third of the crop is a misreading of the field.
    return torch.nan_to_num(update).clamp(-40.0, 40.0) * update.new_tensor([1.0] * 6 + [float(with_scale)])


def _small_rotation(vector: Tensor) -> Tensor:
    """Rotation (B, 3, 3) of vectors (B, 3), held to half a radian, by Rodrigues' formula."""
    angle = vector.norm(dim=1).clamp(min=1e-9)
    angle_used = angle.clamp(max=0.5)
    k = skew(vector / angle[:, None])
    sine, cosine = torch.sin(angle_used)[:, None, None], torch.cos(angle_used)[:, None, None]
    return torch.eye(3, dtype=vector.dtype, device=vector.device) + sine * k + (1.0 - cosine) * (k @ k)
