"""ICP in torch, batched on any device: the plain twin of `geometry.align`, which says how it works.

On a CUDA device it is the only one; on the CPU `refine_pose` hands over to the compiled loops unless asked not to.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from mmface_core.conventions import CROP_SIZE
from mmface_core.geometry import icp_kernel
from mmface_core.geometry.align import (
    JUDGED_POINTS,
    LEAST_POINTS,
    LEVELS,
    Level,
    align,
    icp_vertex_numbers,
    picked,
    thinned,
)
from mmface_core.geometry.icp_block import GRADIENT_FLOOR
from mmface_core.geometry.rotation import skew
from mmface_core.model.face_model import FaceModel


class IcpResult(NamedTuple):
    """Refined poses of B faces, and how well mesh and volume agree: `align.Alignment` as tensors.

    rotation (B, 3, 3), scale (B,) px/mm, translation (B, 2) px; depth (B,) px by which the solid lies nearer to the
    camera than the pose says; agreement (B,) 0..1, share of the points within one voxel of the surface; residual_px
    (B,) their median distance; iterations (B,); converged (B,) bool. Where a volume is empty or not finite the start
    comes back with agreement 0 and converged False.
    """

    rotation: Tensor
    scale: Tensor
    translation: Tensor
    depth: Tensor
    agreement: Tensor
    residual_px: Tensor
    iterations: Tensor
    converged: Tensor


def icp_vertices(model: FaceModel, count: int = 600) -> Tensor:
    """`align.icp_vertex_numbers` as a tensor."""
    return torch.from_numpy(icp_vertex_numbers(model, count))


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
    `reference` takes the plain torch path on the CPU too, where a compiled loop is many times faster.
    """
    if volume.device.type == "cpu" and not reference:
        start = [part.detach().numpy() for part in (rotation, scale, translation)]
        solid, mesh = volume.detach().numpy(), points.detach().numpy()
        aligned = align(solid, mesh, start[0], start[1], start[2], with_scale, levels)
        return IcpResult(*(torch.from_numpy(part) for part in aligned))
    coarsest = min((level.cells for level in levels if level.cells), default=volume.shape[-1])
    survey = middle_pooled(volume, max(1, volume.shape[-1] // coarsest)).flatten(1)
    usable = survey.isfinite().all(dim=1) & (survey.amax(dim=1) > 0.5) & (survey.amin(dim=1) < 0.5)
    used = points[:, thinned(points.shape[1])]
    camera = (used @ rotation.transpose(1, 2)) * scale[:, None, None]  # (B, n, 3) px, y up
    offset = torch.stack([translation[:, 0], -translation[:, 1], torch.zeros_like(scale)], dim=1)  # y up as well
    found = _refine(volume, camera, offset, with_scale, levels)
    good = usable & (found.valid >= LEAST_POINTS) & found.step.isfinite() & found.agreement.isfinite()
    moved = torch.stack([found.offset[:, 0], -found.offset[:, 1]], dim=1)
    return IcpResult(
        rotation=torch.where(good[:, None, None], found.turn @ rotation, rotation),
        scale=torch.where(good, scale * found.growth, scale),
        translation=torch.where(good[:, None], moved, translation),
        depth=torch.where(good, found.offset[:, 2], 0.0),
        agreement=torch.where(good, found.agreement, 0.0),
        residual_px=torch.where(good, found.residual, torch.inf),
        iterations=torch.where(usable, found.taken, 0),
        converged=good & (found.step < 0.5) & (found.agreement > 0.3),
    )


class _Found(NamedTuple):
    """turn (B, 3, 3), offset (B, 3) px with y up, growth, last step px, agreement, residual px, valid points, steps
    taken (B,)."""

    turn: Tensor
    offset: Tensor
    growth: Tensor
    step: Tensor
    agreement: Tensor
    residual: Tensor
    valid: Tensor
    taken: Tensor


def _refine(volume: Tensor, camera: Tensor, offset: Tensor, with_scale: bool, levels: tuple[Level, ...]) -> _Found:
    """camera (B, n, 3) px points of the start, offset (B, 3), both with y up. Each face stops by itself."""
    turn = torch.eye(3, dtype=camera.dtype, device=camera.device).expand(len(camera), 3, 3)
    growth, step = torch.ones_like(offset[:, 0]), torch.full_like(offset[:, 0], torch.inf)
    taken = torch.zeros(len(camera), dtype=torch.int64, device=camera.device)
    for level in levels:
        field, voxel = smoothed(volume, level)
        points = camera[:, picked(camera.shape[1], level.points)]
        running = torch.ones_like(step, dtype=torch.bool)
        for _ in range(level.steps):
            moved = growth[:, None, None] * (points @ turn.transpose(1, 2))
            distance, normal, valid = surface_distance(field, moved + offset[:, None], voxel)
            # Far out the field flattens and the quotient exaggerates: a step is worth at most the kernel's width.
            distance = distance.clamp(-level.kernel_px, level.kernel_px)
            weight = valid / (1.0 + (distance / level.kernel_px).square()).square()  # Geman-McClure
            update = _gauss_newton(moved, distance, normal, weight, with_scale) * running[:, None]
            turn = _small_rotation(update[:, :3]) @ turn
            offset = offset + update[:, 3:6]
            growth = growth * torch.exp(update[:, 6])
            arm = update[:, :3].norm(dim=1) + update[:, 6].abs()
            step = torch.where(running, update[:, 3:6].norm(dim=1) + icp_kernel.ARM_PX * arm, step)  # px on the surface
            taken = taken + running
            running = running & ~(step < level.enough_px)
    judged = camera[:, picked(camera.shape[1], JUDGED_POINTS)]
    moved = growth[:, None, None] * (judged @ turn.transpose(1, 2)) + offset[:, None]
    distance, _, valid = surface_distance(field, moved, voxel)
    near = (valid > 0) & (distance.abs() < CROP_SIZE / volume.shape[-1])
    agreement = near.sum(dim=1) / _in_cube(moved).sum(dim=1).clamp(min=1)
    residual = torch.where(valid > 0, distance.abs(), torch.nan).nanmedian(dim=1).values
    return _Found(turn, offset, growth, step, agreement, residual, valid.sum(dim=1), taken)


def middle_pooled(volume: Tensor, pool: int) -> Tensor:
    """(B, N, N, N) -> (B, n, n, n): the mean over the eight voxels in the middle of each block of pool^3; of odd pools
    the one voxel there."""
    first, wide = (pool - 1) // 2, 2 - pool % 2
    cells = volume.shape[-1] // pool
    used = volume[:, : cells * pool, : cells * pool, : cells * pool]
    blocks = used.unflatten(3, (cells, pool)).unflatten(2, (cells, pool)).unflatten(1, (cells, pool))
    middle = slice(first, first + wide)
    return blocks[:, :, middle, :, middle, :, middle].mean(dim=(2, 4, 6))


def smoothed(volume: Tensor, level: Level) -> tuple[Tensor, float]:
    """The level's blurred volume (B, n, n, n) and its voxel's side in px."""
    pool = max(1, volume.shape[-1] // level.cells) if level.cells else 1
    field = middle_pooled(volume, pool)[:, None] if pool > 1 else volume[:, None]
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
    valid = (inside & (steep > GRADIENT_FLOOR) & (steep < torch.inf)).to(field.dtype)
    steep = steep.clamp(min=GRADIENT_FLOOR)
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
