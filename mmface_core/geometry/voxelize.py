"""Voxeliser: a closed mesh in a crop to a capped solid volume, by a winding fill along the depth axis.

Each triangle crosses some of the columns of voxels; a crossing adds +1 where the ray from behind enters the solid and
-1 where it leaves, and the cumulative sum along the column is the winding number: occupied where it is positive.
Overlaps (lips, folds) therefore count once. Cost is linear in triangles' footprints plus the volume.

Volume convention: N^3 voxels over the 256-pixel crop, s = 256 / N; voxel (d, h, w) has its centre at pixel
x = s w + (s - 1) / 2, y = s h + (s - 1) / 2 (down) and depth (d - (N - 1) / 2) s, growing towards the camera.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from mmface_core.conventions import CROP_SIZE

# Columns are moved by this share of a voxel, so that none runs exactly through an edge of a symmetric mesh.
_NUDGE_U, _NUDGE_V = 1.7e-5, 2.3e-5


def voxelize(
    vertices: NDArray[np.floating], triangles: NDArray[np.integer], cap: NDArray[np.floating], size: int
) -> NDArray[np.uint8]:
    """Solid volumes of a batch of closed meshes.

    vertices (B, V, 3): crop pixel x, y (down), depth (towards the camera); triangles (F, 3), counter-clockwise from
    outside in the head frame; cap (B, 4): plane (a, b, c, e), occupied only where a x + b y + c z > e (pixels).
    Returns (B, size, size, size) uint8, axes depth, y, x; in memory depth runs fastest, as channels-last maps have it.
    """
    grid = _to_grid(vertices, size)
    planes = _planes_to_grid(cap, size)
    out = np.zeros((len(grid), size, size, size), np.uint8)
    _fill_batch(grid, np.ascontiguousarray(triangles, np.int64), planes, out)
    return out.transpose(0, 3, 1, 2)


def voxelize_reference(
    vertices: NDArray[np.floating], triangles: NDArray[np.integer], cap: NDArray[np.floating], size: int
) -> NDArray[np.uint8]:
    """The plain NumPy twin of `voxelize`, which tests hold the kernel against."""
    grid, planes = _to_grid(vertices, size), _planes_to_grid(cap, size)
    index = np.arange(size)
    v, u = (axis[None] for axis in np.meshgrid(index, index, indexing="ij"))
    out = np.zeros((len(grid), size, size, size), np.uint8)
    for item, (points, plane) in enumerate(zip(grid, planes, strict=True)):
        steps = np.zeros((size, size, size + 1), np.int64)
        for some in np.array_split(triangles, max(1, len(triangles) // 500)):
            a, b, c = (points[some[:, k]][:, :, None, None] for k in range(3))  # (T, xyz, 1, 1)
            area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
            with np.errstate(divide="ignore", invalid="ignore"):
                shares = [
                    ((q[:, 0] - p[:, 0]) * (v + _NUDGE_V - p[:, 1]) - (q[:, 1] - p[:, 1]) * (u + _NUDGE_U - p[:, 0]))
                    / area
                    for p, q in ((b, c), (c, a), (a, b))
                ]
                triangle, row, column = np.nonzero((shares[0] > 0) & (shares[1] > 0) & (shares[2] > 0))
            depth = sum(e[triangle, row, column] * p[triangle, 2, 0, 0] for e, p in zip(shares, (a, b, c), strict=True))
            first = np.clip(np.ceil(depth), 0, size).astype(np.int64)
            np.add.at(steps, (row, column, first), np.where(area[triangle, 0, 0] > 0, 1, -1))
        side = plane[0] * u[0][..., None] + plane[1] * v[0][..., None] + plane[2] * index
        out[item] = (np.cumsum(steps, axis=2)[..., :size] > 0) & (side > plane[3])
    return out.transpose(0, 3, 1, 2)


def cap_plane(
    rotation: NDArray[np.floating], scale: NDArray[np.floating], translation: NDArray[np.floating], cap_z_mm: float
) -> NDArray[np.float64]:
    """Planes (B, 4) in crop pixels for the head-frame plane z > cap_z_mm.

    rotation (B, 3, 3) head to camera, scale (B,) px/mm, translation (B, 2) px.
    """
    normal = np.asarray(rotation, np.float64)[:, :, 2].copy()  # the head's z axis in the camera
    normal[:, 1] *= -1.0  # pixels run down
    offset = np.asarray(scale, np.float64) * cap_z_mm + (normal[:, :2] * translation).sum(axis=1)
    return np.concatenate([normal, offset[:, None]], axis=1)


def voxel_centres(size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(pixel (size,), depth (size,)): where the voxels' centres lie across and along the view, crop px."""
    step = CROP_SIZE / size
    index = np.arange(size)
    return step * index + (step - 1) / 2, (index - (size - 1) / 2) * step


def _to_grid(vertices: NDArray[np.floating], size: int) -> NDArray[np.float64]:
    """Crop pixels to voxel indices (u, v, w), fractional."""
    step = CROP_SIZE / size
    grid = np.array(vertices, np.float64) / step
    grid[..., :2] -= (step - 1) / (2 * step)
    grid[..., 2] += (size - 1) / 2
    return grid


def _planes_to_grid(cap: NDArray[np.floating], size: int) -> NDArray[np.float64]:
    """The cap planes for voxel indices instead of pixels."""
    step = CROP_SIZE / size
    cap = np.asarray(cap, np.float64)
    first = np.array([(step - 1) / 2, (step - 1) / 2, -(size - 1) / 2 * step])
    return np.concatenate([cap[:, :3] * step, (cap[:, 3] - cap[:, :3] @ first)[:, None]], axis=1)


@numba.njit(cache=True, parallel=True, nogil=True)
def _fill_batch(grid, triangles, planes, out):  # pragma: no cover - compiled
    for item in numba.prange(grid.shape[0]):
        _fill(grid[item], triangles, planes[item], out[item])


@numba.njit(cache=True, nogil=True)
def _edge(p, q, i, j, u, v):  # pragma: no cover - compiled
    # The same expression for both triangles of an edge, negated: no column falls between them or is counted twice.
    if i < j:
        return (q[0] - p[0]) * (v - p[1]) - (q[1] - p[1]) * (u - p[0])
    return -((p[0] - q[0]) * (v - q[1]) - (p[1] - q[1]) * (u - q[0]))


@numba.njit(cache=True, nogil=True)
def _fill(points, triangles, plane, out):  # pragma: no cover - compiled
    size = out.shape[0]
    steps = np.zeros((size, size, size + 1), np.int8)
    lowest = np.full((size, size), size, np.int64)
    for t in range(triangles.shape[0]):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        a, b, c = points[i], points[j], points[k]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area == 0.0 or not np.isfinite(area):
            continue
        sign = 1 if area > 0 else -1
        u0 = max(0, int(np.ceil(min(a[0], b[0], c[0]) - 1e-4)))
        u1 = min(size - 1, int(np.floor(max(a[0], b[0], c[0]))))
        v0 = max(0, int(np.ceil(min(a[1], b[1], c[1]) - 1e-4)))
        v1 = min(size - 1, int(np.floor(max(a[1], b[1], c[1]))))
        for row in range(v0, v1 + 1):
            v = row + _NUDGE_V
            for column in range(u0, u1 + 1):
                u = column + _NUDGE_U
                ea = sign * _edge(b, c, j, k, u, v)
                eb = sign * _edge(c, a, k, i, u, v)
                ec = sign * _edge(a, b, i, j, u, v)
                if ea > 0.0 and eb > 0.0 and ec > 0.0:
                    w = (ea * a[2] + eb * b[2] + ec * c[2]) / (ea + eb + ec)
                    first = min(size, max(0, int(np.ceil(w))))
                    steps[row, column, first] += sign
                    lowest[row, column] = min(lowest[row, column], first)
    for row in range(size):
        for column in range(size):
            start = lowest[row, column]
            if start >= size:
                continue
            # The cap leaves one run of the column: d plane[2] > rest.
            rest = plane[3] - plane[0] * column - plane[1] * row
            first, last = start, size
            if plane[2] > 0.0:
                first = max(start, min(size, int(max(-1.0, np.floor(rest / plane[2]))) + 1))
            elif plane[2] < 0.0:
                last = max(0, min(size, int(np.ceil(min(rest / plane[2], size + 1.0)))))
            elif rest >= 0.0:
                continue
            winding = 0
            for d in range(start, last):
                winding += steps[row, column, d]
                out[row, column, d] = winding > 0 and d >= first
