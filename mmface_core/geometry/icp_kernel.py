"""The ICP of `mmface_core.geometry.icp` as compiled loops for the CPU: the same steps without arrays in between.

One face at a time. The volume is never read from end to end: a coarse copy is taken from a part of its voxels
(`icp_field.survey`), and the last levels touch only those around the mesh's points and blur them on the fly
(`icp_block`). `icp` holds the plain twin, and tests hold the two together.

It is written in plain loops on purpose, even where NumPy has a word for it: each such word brings a general routine
with it (a median: sorting, its checks, their messages), and together they made the first capture on a machine wait half
a minute for the compiler.
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
def refine(volume, pool, points, start, turn, offset, levels, judged, with_scale):  # pragma: no cover - compiled
    """Refine one face: turn (3, 3), at first the identity, and offset (3,) px with y up, both f64, in place.

    volume (N, N, N) f32, its coarse copy coarser by `pool`; points (3, n) f32 mm; start (3, 3) f64: rotation times
    px/mm; levels (L, 7) f64 rows of `Level`; judged: about how many points the end is judged by. Returns whether the
    volume is finite and holds a surface (all else is as it was where it does not), growth, the last step, px,
    agreement, residual, px, how many points had a say, and how many steps were taken.
    """
    growth, step, taken = 1.0, np.inf, 0
    agreement, residual, valid = 0.0, np.inf, 0
    pooled = survey(volume, pool)
    if not _holds_surface(pooled):
        return False, growth, step, agreement, residual, valid, taken
    work = np.empty(WORK_SIZE, np.float32)
    unknowns = 7 if with_scale else 6
    system, update, transform = np.empty((7, 8)), np.empty(7), np.empty((3, 3))
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
            for j in range(7):
                for k in range(8):
                    system[j, k] = 0.0
            _product(growth, turn, start, transform)
            for first in range(0, some.shape[1], BLOCK):
                count = min(BLOCK, some.shape[1] - first)
                measure(field, lazy, some, first, count, transform, offset, kernel, work)
                _add_terms(work, count, unknowns, system)
            _solve(system, unknowns, update)
            _turn_by(update, turn)
            slid = turned = 0.0
            for j in range(3):
                offset[j] += update[3 + j]
                slid += update[3 + j] ** 2
                turned += update[j] ** 2
            growth *= np.exp(update[6])
            step = np.sqrt(slid) + ARM_PX * (np.sqrt(turned) + abs(update[6]))
            taken += 1
            if step < enough:
                break
        # In the loop, because after it numba would compile the judgement once more, for a `lazy` that is no level's.
        if row == levels.shape[0] - 1:
            _product(growth, turn, start, transform)
            near_px = CROP_SIZE / volume.shape[0]
            agreement, residual, valid = _judge(field, lazy, _picked(points, judged), transform, offset, near_px, work)
    return True, growth, step, agreement, residual, valid, taken


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _holds_surface(pooled):  # pragma: no cover - compiled
    """Whether the coarse copy is finite and has an inside and an outside.

    What is not finite shows in the sum; single such voxels of the volume only lose the points beside them.
    """
    values = pooled.ravel()
    total, least, most = 0.0, np.inf, -np.inf
    for i in range(values.shape[0]):
        total += values[i]
        least, most = min(least, values[i]), max(most, values[i])
    return np.isfinite(total) and least < 0.5 and most > 0.5


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _picked(points, wanted):  # pragma: no cover - compiled
    """About `wanted` of points (3, n), evenly picked; as many as there are of fewer."""
    every = max(1, points.shape[1] // wanted)
    if every == 1:
        return points
    some = np.empty((3, (points.shape[1] - 1) // every + 1), np.float32)
    for axis in range(3):
        for m in range(some.shape[1]):
            some[axis, m] = points[axis, m * every]
    return some


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
        measure(field, lazy, points, first, count, transform, offset, float(CROP_SIZE), work)
        inside += inside_cube(count, field.shape[0], work)
        for m in range(count):
            if work[WEIGHT + m] > 0:
                distances[valid] = abs(work[DISTANCE + m])
                near += distances[valid] < near_px
                valid += 1
    # The lower median, as torch takes it.
    residual = _ranked(distances[:valid], (valid - 1) // 2) if valid else np.inf
    return near / max(1, inside), residual, valid


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _ranked(values, rank):  # pragma: no cover - compiled
    """The value of the given rank, from 0, among values, which are left in another order (Hoare's selection)."""
    low, high = 0, values.shape[0] - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i, j = i + 1, j - 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            break
    return float(values[rank])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _solve(system, unknowns, update):  # pragma: no cover - compiled
    """The damped step into update (7,), by Cholesky's factors: LAPACK costs more to call than this to run."""
    largest = 0.0
    for j in range(7):
        update[j] = 0.0
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


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _turn_by(vector, turn):  # pragma: no cover - compiled
    """Turn further, in place, by the first three of a vector, held to half a radian (Rodrigues' formula)."""
    angle = max(1e-9, np.sqrt(vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2))
    x, y, z = vector[0] / angle, vector[1] / angle, vector[2] / angle
    used = min(angle, 0.5)
    s, c = np.sin(used), 1.0 - np.cos(used)
    for column in range(3):
        a, b, d = turn[0, column], turn[1, column], turn[2, column]
        turn[0, column] = (1.0 - c * (y * y + z * z)) * a + (c * x * y - s * z) * b + (c * x * z + s * y) * d
        turn[1, column] = (c * x * y + s * z) * a + (1.0 - c * (x * x + z * z)) * b + (c * y * z - s * x) * d
        turn[2, column] = (c * x * z - s * y) * a + (c * y * z + s * x) * b + (1.0 - c * (x * x + y * y)) * d


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _product(factor, first, second, out):  # pragma: no cover - compiled
    """out = factor first @ second of (3, 3): `@` would load a linear algebra library for nine numbers."""
    for i in range(3):
        for j in range(3):
            total = 0.0
            for k in range(3):
                total += first[i, k] * second[k, j]
            out[i, j] = factor * total
