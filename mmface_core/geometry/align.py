"""ICP on the CPU: align the predicted mesh to the predicted solid, from the network's pose. Needs no torch.

The solid is read as a distance field near its surface, distance = (0.5 - p) / |grad p|, so nothing is extracted from it
and no neighbours are searched. Each level blurs the probability over a width of its own: wide for the basin, narrow
for accuracy. A level runs damped Gauss-Newton steps on the point-to-surface distance with a robust kernel.

Weak perspective has no depth, but the volume does: the offset along the view is solved for as a nuisance.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmface_core.geometry import icp_kernel
from mmface_core.model.face_arrays import AnyFaceModel

CAP_MARGIN_MM: Final = 12.0
"""Vertices nearer than this to the cap's plane are left out: there the solid ends without the skin ending."""
NECK_Y_MM: Final = -75.0
"""Vertices below are neck, which does not turn with the head."""
LEAST_POINTS: Final = 40
MOST_POINTS: Final = 5000
"""Of more points evenly picked ones are used: beyond this, more of them make a pose hardly better."""
JUDGED_POINTS: Final = 1000
"""About so many points say at the end how well mesh and volume agree."""


class Level(NamedTuple):
    """One level: the volume pooled to `cells` a side (0: as it is) and blurred `blurs` times over `width` voxels.

    At most `steps` steps with about `points` of the points, until one is shorter than `enough_px`; the robust kernel's
    width is `kernel_px`.
    """

    cells: int
    width: int
    blurs: int
    steps: int
    kernel_px: float
    enough_px: float
    points: int


# On coarse copies neighbours read the same voxels, so that few points do; all of them only have the last word.
LEVELS: Final = (
    Level(32, 5, 2, 8, 30.0, 0.5, 500),
    Level(32, 3, 1, 4, 10.0, 0.3, 500),
    Level(0, 3, 1, 3, 2.0, 0.1, 1250),
    Level(0, 3, 1, 2, 2.0, 0.05, MOST_POINTS),
)


class Alignment(NamedTuple):
    """Refined poses of B faces, and how well mesh and volume agree.

    rotation (B, 3, 3), scale (B,) px/mm, translation (B, 2) px, f32; depth (B,) px by which the solid lies nearer to
    the camera than the pose says; agreement (B,) 0..1, share of the points within one voxel of the surface;
    residual_px (B,) their median distance; iterations (B,); converged (B,) bool. Where a volume is empty or not finite
    the start comes back with agreement 0 and converged False.
    """

    rotation: NDArray[np.float32]
    scale: NDArray[np.float32]
    translation: NDArray[np.float32]
    depth: NDArray[np.float32]
    agreement: NDArray[np.float32]
    residual_px: NDArray[np.float32]
    iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]


def icp_vertex_numbers(model: AnyFaceModel, count: int = 600) -> NDArray[np.int64]:
    """Numbers (n,) of evenly picked skin vertices that lie in front of the cap and above the neck, about `count`."""
    skin = np.asarray(model.mean)[model.skin]
    usable = np.flatnonzero((skin[:, 2] > model.cap_z_mm + CAP_MARGIN_MM) & (skin[:, 1] > NECK_Y_MM))
    return usable[:: max(1, len(usable) // count)]


def thinned(count: int) -> slice:
    """Which of `count` points are used."""
    return slice(None, None, max(1, -(-count // MOST_POINTS)))


def picked(count: int, wanted: int) -> slice:
    """Which of `count` points a level uses that wants about so many."""
    return slice(None, None, max(1, count // wanted))


def align(
    volume: NDArray[np.float32],
    points: NDArray[np.floating],
    rotation: NDArray[np.floating],
    scale: NDArray[np.floating],
    translation: NDArray[np.floating],
    with_scale: bool = False,
    levels: tuple[Level, ...] = LEVELS,
) -> Alignment:
    """Align points of the predicted mesh to the predicted solid.

    volume (B, N, N, N) probabilities, axes depth, y, x (see `geometry.voxelize`); points (B, n, 3) mm in the head
    frame; rotation (B, 3, 3), scale (B,) px/mm, translation (B, 2) px: the start. `with_scale` refines scale as well.
    """
    count, size = volume.shape[0], volume.shape[1]
    volume = np.ascontiguousarray(volume, np.float32)
    used = np.ascontiguousarray(points[:, thinned(points.shape[1])].transpose(0, 2, 1), np.float32)  # (B, 3, n)
    start = scale[:, None, None].astype(np.float64) * rotation
    turn = np.tile(np.eye(3), (count, 1, 1))
    moved = np.stack([translation[:, 0], -translation[:, 1], np.zeros_like(scale)], axis=1).astype(np.float64)
    steps = np.array(levels, np.float64)
    pool = max([1, *(size // level.cells for level in levels if level.cells)])
    faces = [
        icp_kernel.refine(volume[i], pool, used[i], start[i], turn[i], moved[i], steps, JUDGED_POINTS, with_scale)
        for i in range(count)
    ]
    usable, growth, step, agreement, residual, valid, taken = np.array(faces, np.float64).reshape(count, 7).T
    good = (usable > 0) & (valid >= LEAST_POINTS) & np.isfinite(step)
    turned = (turn @ rotation).astype(np.float32)
    place = moved[:, :2] * [1.0, -1.0]
    return Alignment(
        rotation=np.where(good[:, None, None], turned, rotation).astype(np.float32),
        scale=np.where(good, scale * growth, scale).astype(np.float32),
        translation=np.where(good[:, None], place, translation).astype(np.float32),
        depth=np.where(good, moved[:, 2], 0.0).astype(np.float32),
        agreement=np.where(good, agreement, 0.0).astype(np.float32),
        residual_px=np.where(good, residual, np.inf).astype(np.float32),
        iterations=taken.astype(np.int64),
        converged=good & (step < 0.5) & (agreement > 0.3),
    )
