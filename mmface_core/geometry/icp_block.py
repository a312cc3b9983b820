"""What the compiled ICP learns of a block of mesh points: how far each is from the solid's surface, and which way.

Vectors of the processor do the work wherever they can: a block's numbers lie in one flat array of rows, so that the
compiler sees that no row overlaps another, and only the voxels themselves are fetched point by point.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
from numba import float32, int32, uint64

from mmface_core.conventions import CROP_SIZE

GRADIENT_FLOOR: Final = 2e-3
"""Slope of the probability per pixel below which the field is flat and says nothing."""
BLOCK: Final = 256
"""Points a block; its rows then fit the first cache of 32 kB."""
# Where each row of a block begins. Turned point, px; its place in voxels; the field there and its slopes per voxel.
_X, _Y, _Z, _U, _V, _W, _P, _SU, _SV, _SW = (BLOCK * row for row in range(10))
TERMS: Final = 10 * BLOCK
"""Seven rows of derivatives (turn, offset, growth), then the distance, px."""
DISTANCE: Final = TERMS + 7 * BLOCK
WEIGHT: Final = DISTANCE + BLOCK
"""Robust weight; 0 where the field says nothing."""
WORK_SIZE: Final = WEIGHT + BLOCK
_FAST = {"contract", "reassoc", "arcp", "nsz"}
"""Freedoms of the compiler that leave NaN and infinity as they are: they mark voxels that say nothing."""


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def measure(field, blurred, points, first, count, transform, offset, kernel, work):  # pragma: no cover - compiled
    """Fill `work` (WORK_SIZE,) f32 for points first..first + count (at most BLOCK) of points (3, n) f32 mm.

    field (N, N, N) f32; blurred: it is to be read as if `box_blur(field, 3)`; transform (3, 3) f64: rotation times
    px/mm, and offset (3,) f64 px, to camera px with y up; kernel: px, beyond which a distance counts for no more.
    """
    size = field.shape[0]
    _place(points, first, count, transform, offset, size, work)
    if blurred:
        _read_blurred(field.ravel(), size, count, work)
        # `_read_blurred` gives sums over 27 voxels.
        _judge_terms(count, 1.0 / 27.0, size / (27.0 * CROP_SIZE), kernel, work)
    else:
        _read(field.ravel(), size, count, work)
        _judge_terms(count, 1.0, size / CROP_SIZE, kernel, work)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def inside_cube(count, size, work):  # pragma: no cover - compiled
    """How many of a measured block's points lie in the volume."""
    edge = float32(size - 0.5)
    found = 0
    for m in range(count):
        found += _inside(work[_U + m], work[_V + m], work[_W + m], edge)
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _inside(u, v, w, edge):  # pragma: no cover - compiled
    low = float32(-0.5)
    return u > low and u < edge and v > low and v < edge and w > low and w < edge


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _place(points, first, count, transform, offset, size, work):  # pragma: no cover - compiled
    a, b, c = float32(transform[0, 0]), float32(transform[0, 1]), float32(transform[0, 2])
    d, e, f = float32(transform[1, 0]), float32(transform[1, 1]), float32(transform[1, 2])
    g, h, i = float32(transform[2, 0]), float32(transform[2, 1]), float32(transform[2, 2])
    voxel = CROP_SIZE / size
    per_px = float32(1.0 / voxel)
    start = (voxel - 1.0) / 2  # px of the first voxel's centre
    u0, v0 = float32((offset[0] - start) / voxel), float32((-offset[1] - start) / voxel)
    w0 = float32(offset[2] / voxel + (size - 1) / 2)
    px, py, pz = points[0, first:], points[1, first:], points[2, first:]
    for m in range(count):
        x = a * px[m] + b * py[m] + c * pz[m]
        y = d * px[m] + e * py[m] + f * pz[m]
        z = g * px[m] + h * py[m] + i * pz[m]
        work[_X + m], work[_Y + m], work[_Z + m] = x, y, z
        work[_U + m], work[_V + m], work[_W + m] = u0 + x * per_px, v0 - y * per_px, w0 + z * per_px


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _read(flat, size, count, work):  # pragma: no cover - compiled
    """The field and its slopes per voxel by trilinear interpolation; all 0 outside."""
    edge = float32(size - 0.5)
    one, row, plane = uint64(1), uint64(size), uint64(size * size)
    for m in range(count):
        gu, gv, gw = work[_U + m], work[_V + m], work[_W + m]
        if not _inside(gu, gv, gw, edge):
            work[_P + m] = work[_SU + m] = work[_SV + m] = work[_SW + m] = float32(0.0)
            continue
        i, j, k = min(int32(max(gu, 0)), size - 2), min(int32(max(gv, 0)), size - 2), min(int32(max(gw, 0)), size - 2)
        u, v, w = gu - float32(i), gv - float32(j), gw - float32(k)
        near = uint64((k * size + j) * size + i)
        far = near + plane
        a, b, c, d = flat[near], flat[near + one], flat[near + row], flat[near + row + one]
        e, f, g, h = flat[far], flat[far + one], flat[far + row], flat[far + row + one]
        ab, cd, ef, gh = a + u * (b - a), c + u * (d - c), e + u * (f - e), g + u * (h - g)
        front, back = ab + v * (cd - ab), ef + v * (gh - ef)
        over, under = (b - a) + v * ((d - c) - (b - a)), (f - e) + v * ((h - g) - (f - e))
        work[_P + m] = front + w * (back - front)
        work[_SU + m] = over + w * (under - over)
        work[_SV + m] = (cd - ab) + w * ((gh - ef) - (cd - ab))
        work[_SW + m] = back - front


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _read_blurred(flat, size, count, work):  # pragma: no cover - compiled
    """27 times what `_read` finds in `box_blur(field, 3)`, from the 64 voxels that have a part in it.

    Along an axis, four neighbours a, b, c, d at the fraction u give the value (1-u) a + b + c + u d and the slope
    d - a; the three axes are taken one after another, depth first.
    """
    edge, zero = float32(size - 0.5), float32(0.0)
    last = size - 1
    depth = np.empty((2, 4, 4), np.float32)  # the value and the slope along the depth, of 4 rows of 4 voxels
    for m in range(count):
        gu, gv, gw = work[_U + m], work[_V + m], work[_W + m]
        if not _inside(gu, gv, gw, edge):
            work[_P + m] = work[_SU + m] = work[_SV + m] = work[_SW + m] = zero
            continue
        i, j, k = min(int32(max(gu, 0)), size - 2), min(int32(max(gv, 0)), size - 2), min(int32(max(gw, 0)), size - 2)
        u, v, w = gu - float32(i), gv - float32(j), gw - float32(k)
        if 0 < i < size - 2 and 0 < j < size - 2 and 0 < k < size - 2:
            _along_depth(flat, uint64(((k - 1) * size + j - 1) * size + i - 1), size, w, depth)
        else:
            for b in range(4):
                y = min(max(j - 1 + b, 0), last)
                for a in range(4):
                    x = min(max(i - 1 + a, 0), last)
                    v0, v1 = flat[(max(k - 1, 0) * size + y) * size + x], flat[(k * size + y) * size + x]
                    v2, v3 = flat[((k + 1) * size + y) * size + x], flat[(min(k + 2, last) * size + y) * size + x]
                    depth[0, b, a], depth[1, b, a] = v0 + v1 + v2 + w * (v3 - v0), v3 - v0
        _along_rows_and_columns(depth, u, v, work, m)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST, inline="always")
def _along_depth(flat, corner, size, w, depth):  # pragma: no cover - compiled
    row, plane = uint64(size), uint64(size * size)
    for b in range(4):
        for a in range(4):
            at = corner + uint64(b) * row + uint64(a)
            v0, v1, v2, v3 = flat[at], flat[at + plane], flat[at + plane + plane], flat[at + plane + plane + plane]
            depth[0, b, a], depth[1, b, a] = v0 + v1 + v2 + w * (v3 - v0), v3 - v0


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST, inline="always")
def _along_rows_and_columns(depth, u, v, work, m):  # pragma: no cover - compiled
    one = float32(1.0)
    value = slope_u = slope_v = slope_w = float32(0.0)
    for a in range(4):
        p0, p1, p2, p3 = depth[0, 0, a], depth[0, 1, a], depth[0, 2, a], depth[0, 3, a]
        q0, q1, q2, q3 = depth[1, 0, a], depth[1, 1, a], depth[1, 2, a], depth[1, 3, a]
        share = (one - u) if a == 0 else (u if a == 3 else one)
        across = p0 + p1 + p2 + v * (p3 - p0)
        value += share * across
        slope_v += share * (p3 - p0)
        slope_w += share * (q0 + q1 + q2 + v * (q3 - q0))
        if a == 0:
            slope_u -= across
        elif a == 3:
            slope_u += across
    work[_P + m], work[_SU + m], work[_SV + m], work[_SW + m] = value, slope_u, slope_v, slope_w


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _judge_terms(count, value_scale, slope_scale, kernel, work):  # pragma: no cover - compiled
    """Distances, derivatives and weights from the field and its slopes."""
    widest, per_kernel = float32(kernel), float32(1.0 / kernel)
    values, slopes = float32(value_scale), float32(slope_scale)
    zero, half, one = float32(0.0), float32(0.5), float32(1.0)
    flat, steepest = float32(GRADIENT_FLOOR), float32(np.inf)
    for m in range(count):
        sx, sy, sz = slopes * work[_SU + m], -slopes * work[_SV + m], slopes * work[_SW + m]
        steep = np.sqrt(sx * sx + sy * sy + sz * sz)
        told = (steep > flat) & (steep < steepest)
        inverse = one / steep
        distance = (half - values * work[_P + m]) * inverse
        # Far out the field flattens and the quotient exaggerates: a step is worth at most the kernel's width.
        distance = distance if distance < widest else widest
        distance = distance if distance > -widest else -widest
        nx, ny, nz = -sx * inverse, -sy * inverse, -sz * inverse
        x, y, z = work[_X + m], work[_Y + m], work[_Z + m]
        far = one + distance * distance * per_kernel * per_kernel
        work[TERMS + m] = (y * nz - z * ny) if told else zero
        work[TERMS + BLOCK + m] = (z * nx - x * nz) if told else zero
        work[TERMS + 2 * BLOCK + m] = (x * ny - y * nx) if told else zero
        work[TERMS + 3 * BLOCK + m] = nx if told else zero
        work[TERMS + 4 * BLOCK + m] = ny if told else zero
        work[TERMS + 5 * BLOCK + m] = nz if told else zero
        work[TERMS + 6 * BLOCK + m] = (x * nx + y * ny + z * nz) if told else zero
        work[DISTANCE + m] = distance if told else zero
        work[WEIGHT + m] = one / (far * far) if told else zero
