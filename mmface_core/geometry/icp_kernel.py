"""The ICP of `mmface_core.geometry.icp` as compiled loops for the CPU: the same steps without arrays in between.

One face at a time. The volume is never read from end to end: a coarse copy is taken from a part of its voxels
(`icp_field.survey`), and the last levels touch only those around the mesh's points and blur them on the fly
(`icp_block`). `icp` holds the plain twin, and tests hold the two together.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
from numba import float32

from mmface_core.conventions import CROP_SIZE
from mmface_core.geometry.icp_block import BLOCK, DISTANCE, TERMS, WEIGHT, WORK_SIZE, inside_cube, measure
from mmface_core.geometry.icp_field import box_blur, survey

ARM_PX: Final = 60.0
"""Distance from the head's centre at which a turn is counted in pixels."""
LAZY_WIDTH: Final = 3
"""A single blur of this width over the volume's own voxels is computed where it is read, and nowhere else."""
_FAST = {"contract", "reassoc", "arcp", "nsz"}


@numba.njit(cache=True, nogil=True, error_model="numpy")
def refine_batch(
    volumes, points, rotations, scales, offsets, levels, judged, with_scale
):  # pragma: no cover - compiled
    """Refine B faces.

    volumes (B, N, N, N) f32; points (B, 3, n) f32 mm; rotations (B, 3, 3), scales (B,) px/mm, offsets (B, 3) px with y
    up, f64: the start; levels (L, 7) f64 rows of `Level`; judged: about how many points the end is judged by. Returns
    turn (B, 3, 3), offset (B, 3), growth (B,), last step (B,) px, agreement (B,), residual (B,) px, how many points had
    a say (B,), steps taken (B,), and whether the coarse copy is finite and holds a surface (B,).
    """
    count, size = volumes.shape[0], volumes.shape[1]
    turns, growths = np.zeros((count, 3, 3)), np.ones(count)
    out_offsets = offsets.copy()
    steps, agreements, residuals = np.full(count, np.inf), np.zeros(count), np.full(count, np.inf)
    valid_counts, taken = np.zeros(count, np.int64), np.zeros(count, np.int64)
    usable = np.zeros(count, np.bool_)
    work = np.empty(WORK_SIZE, np.float32)
    pool = 1
    for row in range(levels.shape[0]):
        if levels[row, 0] > 0:
            pool = max(pool, size // int(levels[row, 0]))
    for item in range(count):
        volume = volumes[item]
        pooled = survey(volume, pool)
        turns[item] = np.eye(3)
        # What is not finite shows in the coarse copy's sum; single such voxels only lose the points beside them.
        if not (np.isfinite(pooled.sum()) and pooled.min() < 0.5 and pooled.max() > 0.5):
            continue
        usable[item] = True
        start = scales[item] * rotations[item]
        turn, offset, growth, step, agreement, residual, valid, iterations = _refine(
            volume, pooled, points[item], start, offsets[item].copy(), levels, judged, with_scale, work
        )
        turns[item], out_offsets[item], growths[item] = turn, offset, growth
        steps[item], agreements[item], residuals[item], valid_counts[item] = step, agreement, residual, valid
        taken[item] = iterations
    return turns, out_offsets, growths, steps, agreements, residuals, valid_counts, taken, usable


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _refine(volume, pooled, points, start, offset, levels, judged, with_scale, work):  # pragma: no cover - compiled
    unknowns = 7 if with_scale else 6
    turn, growth, step, taken = np.eye(3), 1.0, np.inf, 0
    field, lazy = volume, False
    system = np.empty((7, 8))
    for row in range(levels.shape[0]):
        cells, width, blurs = int(levels[row, 0]), int(levels[row, 1]), int(levels[row, 2])
        kernel, enough, wanted = levels[row, 4], levels[row, 5], int(levels[row, 6])
        coarse = cells > 0 and cells < volume.shape[0]
        field = pooled if coarse else volume
        lazy = not coarse and width == LAZY_WIDTH and blurs == 1
        if not lazy:
            for _ in range(blurs):
                field = box_blur(field, width)
        some = _picked(points, wanted)
        for _ in range(int(levels[row, 3])):
            system[:] = 0.0
            transform = growth * _product(turn, start)
            for first in range(0, some.shape[1], BLOCK):
                count = min(BLOCK, some.shape[1] - first)
                measure(field, lazy, some, first, count, transform, offset, kernel, work)
                _add_terms(work, count, unknowns, system)
            update = _solve(system, unknowns)
            turn = _product(_turn_by(update[:3]), turn)
            offset += update[3:6]
            growth *= np.exp(update[6])
            step = np.sqrt((update[3:6] ** 2).sum()) + ARM_PX * (np.sqrt((update[:3] ** 2).sum()) + abs(update[6]))
            taken += 1
            if step < enough:
                break
    transform = growth * _product(turn, start)
    near_px = CROP_SIZE / volume.shape[0]
    agreement, residual, valid = _judge(field, lazy, _picked(points, judged), transform, offset, near_px, work)
    return turn, offset, growth, step, agreement, residual, valid, taken


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _picked(points, wanted):  # pragma: no cover - compiled
    """About `wanted` of points (3, n), evenly picked; as many as there are of fewer."""
    every = max(1, points.shape[1] // wanted)
    return points if every == 1 else points[:, ::every].copy()


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _add_terms(work, count, unknowns, system):  # pragma: no cover - compiled
    """Add a measured block to system (7, 8) f64: the upper half of the normal matrix, then the gradient."""
    # Slices, and no sums of indices: only so does the compiler see that none is negative, and use vectors.
    weight = work[WEIGHT : WEIGHT + count]
    for j in range(unknowns):
        row = work[TERMS + j * BLOCK : TERMS + j * BLOCK + count]
        for k in range(j, 8):
            column = work[TERMS + k * BLOCK : TERMS + k * BLOCK + count]  # the eighth is the distance
            total = float32(0.0)
            for m in range(count):
                total += weight[m] * row[m] * column[m]
            system[j, k] += total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _judge(field, lazy, points, transform, offset, near_px, work):  # pragma: no cover - compiled
    distances = np.empty(points.shape[1], np.float32)
    valid, near, inside = 0, 0, 0
    for first in range(0, points.shape[1], BLOCK):
        count = min(BLOCK, points.shape[1] - first)
        measure(field, lazy, points, first, count, transform, offset, CROP_SIZE, work)
        inside += inside_cube(count, field.shape[0], work)
        for m in range(count):
            if work[WEIGHT + m] > 0:
                distances[valid] = abs(work[DISTANCE + m])
                near += distances[valid] < near_px
                valid += 1
    residual = np.inf
    if valid:
        # The lower median, as torch takes it.
        residual = np.partition(distances[:valid], (valid - 1) // 2)[(valid - 1) // 2]
    return near / max(1, inside), residual, valid


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _solve(system, unknowns):  # pragma: no cover - compiled
    """The damped step (7,), by Cholesky's factors in place: LAPACK costs more to call than this to run."""
    update = np.zeros(7)
    largest = 0.0
    for j in range(unknowns):
        largest = max(largest, system[j, j])
    lower = np.zeros((7, 7))
    for j in range(unknowns):
        for k in range(j + 1):
            value = system[k, j]
            if j == k:
                value += 1e-3 * system[j, j] + 1e-6 * largest + 1e-6
            for m in range(k):
                value -= lower[j, m] * lower[k, m]
            lower[j, k] = np.sqrt(max(value, 1e-300)) if j == k else value / lower[k, k]
    for j in range(unknowns):
        value = -system[j, 7]
        for m in range(j):
            value -= lower[j, m] * update[m]
        update[j] = value / lower[j, j]
    for j in range(unknowns - 1, -1, -1):
        value = update[j]
        for m in range(j + 1, unknowns):
            value -= lower[m, j] * update[m]
        update[j] = value / lower[j, j]
    for j in range(unknowns):
        update[j] = min(40.0, max(-40.0, update[j])) if np.isfinite(update[j]) else 0.0
    return update


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _turn_by(vector):  # pragma: no cover - compiled
    """The rotation (3, 3) of a vector (3,), held to half a radian, by Rodrigues' formula."""
    angle = max(1e-9, np.sqrt(vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2))
    x, y, z = vector[0] / angle, vector[1] / angle, vector[2] / angle
    used = min(angle, 0.5)
    s, c = np.sin(used), 1.0 - np.cos(used)
    return np.array(
        [
            [1.0 - c * (y * y + z * z), c * x * y - s * z, c * x * z + s * y],
            [c * x * y + s * z, 1.0 - c * (x * x + z * z), c * y * z - s * x],
            [c * x * z - s * y, c * y * z + s * x, 1.0 - c * (x * x + y * y)],
        ]
    )


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _product(first, second):  # pragma: no cover - compiled
    """first @ second of (3, 3), written out, because `@` would load a linear algebra library for nine numbers."""
    out = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            for k in range(3):
                out[i, j] += first[i, k] * second[k, j]
    return out
