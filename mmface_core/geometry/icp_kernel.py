"""The ICP of `mmface_core.geometry.icp` as compiled loops for the CPU: the same steps without arrays in between.

One face at a time. The volume is never read from end to end: a coarse copy is taken from a part of its voxels
(`survey`), and the last level touches only those around the mesh's points and blurs them on the fly. `icp` holds the
plain twin, and tests hold the two together.
"""

from __future__ import annotations

import numba
import numpy as np

from mmface_core.conventions import CROP_SIZE

GRADIENT_FLOOR = 2e-3
"""Slope of the probability per pixel below which the field is flat and says nothing."""
ARM_PX = 60.0
"""Distance from the head's centre at which a turn is counted in pixels."""
LAZY_WIDTH = 3
"""A single blur of this width over the volume's own voxels is computed where it is read, and nowhere else."""
_FAST = {"contract", "reassoc", "arcp"}
"""Freedoms of the compiler that leave NaN and infinity as they are: they mark voxels that say nothing."""


@numba.njit(cache=True, nogil=True)
def refine_batch(volumes, cameras, offsets, levels, coarse_step, with_scale):  # pragma: no cover - compiled
    """Refine B faces.

    volumes (B, N, N, N) f32; cameras (B, n, 3) f64: mesh points turned and scaled by the start, px, y up; offsets
    (B, 3) f64 px, y up; levels (L, 6) f64 rows of `Level`; coarse_step: levels on a coarser copy use each so many-th
    point. Returns turn (B, 3, 3), offset (B, 3), growth (B,), last step (B,) px, agreement (B,), residual (B,) px, how
    many points had a say (B,), steps taken (B,), and whether the coarse copy is finite and holds a surface (B,).
    """
    count, size = volumes.shape[0], volumes.shape[1]
    turns, growths = np.zeros((count, 3, 3)), np.ones(count)
    out_offsets = offsets.copy()
    steps, agreements, residuals = np.full(count, np.inf), np.zeros(count), np.full(count, np.inf)
    valid_counts, taken = np.zeros(count, np.int64), np.zeros(count, np.int64)
    usable = np.zeros(count, np.bool_)
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
        turn, offset, growth, step, agreement, residual, valid, iterations = _refine(
            volume, pooled, cameras[item], offsets[item].copy(), levels, coarse_step, with_scale
        )
        turns[item], out_offsets[item], growths[item] = turn, offset, growth
        steps[item], agreements[item], residuals[item], valid_counts[item] = step, agreement, residual, valid
        taken[item] = iterations
    return turns, out_offsets, growths, steps, agreements, residuals, valid_counts, taken, usable


@numba.njit(cache=True, nogil=True)
def survey(volume, pool):  # pragma: no cover - compiled
    """Coarse copy (n, n, n) f32 of (N, N, N): the mean over the eight voxels in the middle of each block of pool^3.

    The middle alone is read, a quarter of the lines at pool 4, because a blur follows that is wider than a block. Where
    the block has a middle voxel (pool odd), that one is taken.
    """
    size = volume.shape[0]
    cells = size // pool
    first, wide = (pool - 1) // 2, 2 - pool % 2
    out = np.zeros((cells, cells, cells), np.float32)
    share = np.float32(1.0 / wide**3)
    for d in range(cells):
        for row in range(cells):
            line = out[d, row]
            for i in range(first, first + wide):
                for j in range(first, first + wide):
                    values = volume[d * pool + i, row * pool + j]
                    if wide == 2:
                        for column in range(cells):
                            line[column] += values[column * pool + first] + values[column * pool + first + 1]
                    else:
                        for column in range(cells):
                            line[column] += values[column * pool + first]
            for column in range(cells):
                line[column] *= share
    return out


@numba.njit(cache=True, nogil=True)
def _refine(volume, pooled, camera, offset, levels, coarse_step, with_scale):  # pragma: no cover - compiled
    unknowns = 7 if with_scale else 6
    turn, growth, step, taken = np.eye(3), 1.0, np.inf, 0
    field, lazy = volume, False
    for row in range(levels.shape[0]):
        cells, width, blurs = int(levels[row, 0]), int(levels[row, 1]), int(levels[row, 2])
        kernel, enough = levels[row, 4], levels[row, 5]
        coarse = cells > 0 and cells < volume.shape[0]
        field = pooled if coarse else volume
        lazy = not coarse and width == LAZY_WIDTH and blurs == 1
        if not lazy:
            for _ in range(blurs):
                field = box_blur(field, width)
        every = coarse_step if coarse else 1
        for _ in range(int(levels[row, 3])):
            hessian, gradient = _normal_equations(field, lazy, camera, every, turn, offset, growth, kernel, unknowns)
            update = _solve(hessian, gradient, unknowns)
            turn = _turned(update[:3], turn)
            offset += update[3:6]
            growth *= np.exp(update[6])
            step = np.sqrt((update[3:6] ** 2).sum()) + ARM_PX * (np.sqrt((update[:3] ** 2).sum()) + abs(update[6]))
            taken += 1
            if step < enough:
                break
    agreement, residual, valid = _judge(field, lazy, camera, turn, offset, growth, CROP_SIZE / volume.shape[0])
    return turn, offset, growth, step, agreement, residual, valid, taken


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _normal_equations(
    field, lazy, camera, every, turn, offset, growth, kernel, unknowns
):  # pragma: no cover - compiled
    hessian, gradient = np.zeros((7, 7)), np.zeros(7)
    jacobian = np.zeros(7)
    voxel = CROP_SIZE / field.shape[0]
    for i in range(0, camera.shape[0], every):
        c = camera[i]
        x = growth * (turn[0, 0] * c[0] + turn[0, 1] * c[1] + turn[0, 2] * c[2])
        y = growth * (turn[1, 0] * c[0] + turn[1, 1] * c[1] + turn[1, 2] * c[2])
        z = growth * (turn[2, 0] * c[0] + turn[2, 1] * c[1] + turn[2, 2] * c[2])
        if lazy:
            distance, nx, ny, nz, valid = sample_blurred(field, x + offset[0], y + offset[1], z + offset[2], voxel)
        else:
            distance, nx, ny, nz, valid = sample(field, x + offset[0], y + offset[1], z + offset[2], voxel)
        if not valid:
            continue
        distance = min(max(distance, -kernel), kernel)
        weight = 1.0 / (1.0 + (distance / kernel) ** 2) ** 2
        jacobian[0], jacobian[1], jacobian[2] = y * nz - z * ny, z * nx - x * nz, x * ny - y * nx
        jacobian[3], jacobian[4], jacobian[5] = nx, ny, nz
        jacobian[6] = x * nx + y * ny + z * nz
        for j in range(unknowns):
            weighted = weight * jacobian[j]
            gradient[j] += weighted * distance
            for k in range(j, unknowns):
                hessian[j, k] += weighted * jacobian[k]
    return hessian, gradient


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _judge(field, lazy, camera, turn, offset, growth, near_px):  # pragma: no cover - compiled
    voxel = CROP_SIZE / field.shape[0]
    distances = np.empty(camera.shape[0])
    valid_count, near, inside = 0, 0, 0
    for i in range(camera.shape[0]):
        c = camera[i]
        x = growth * (turn[0, 0] * c[0] + turn[0, 1] * c[1] + turn[0, 2] * c[2]) + offset[0]
        y = growth * (turn[1, 0] * c[0] + turn[1, 1] * c[1] + turn[1, 2] * c[2]) + offset[1]
        z = growth * (turn[2, 0] * c[0] + turn[2, 1] * c[1] + turn[2, 2] * c[2]) + offset[2]
        if -0.5 < x < CROP_SIZE - 0.5 and -0.5 < -y < CROP_SIZE - 0.5 and -CROP_SIZE / 2 < z < CROP_SIZE / 2:
            inside += 1
        if lazy:
            distance, _, _, _, valid = sample_blurred(field, x, y, z, voxel)
        else:
            distance, _, _, _, valid = sample(field, x, y, z, voxel)
        if valid:
            distances[valid_count] = abs(distance)
            valid_count += 1
            if abs(distance) < near_px:
                near += 1
    residual = np.inf
    if valid_count:
        # The lower median, as torch takes it.
        residual = np.partition(distances[:valid_count], (valid_count - 1) // 2)[(valid_count - 1) // 2]
    return near / max(1, inside), residual, valid_count


@numba.njit(cache=True, nogil=True)
def _solve(hessian, gradient, unknowns):  # pragma: no cover - compiled
    """The damped step (7,), by Cholesky's factors in place: LAPACK costs more to call than this to run."""
    update = np.zeros(7)
    largest = 0.0
    for j in range(unknowns):
        largest = max(largest, hessian[j, j])
    lower = np.zeros((7, 7))
    for j in range(unknowns):
        for k in range(j + 1):
            value = hessian[k, j]
            if j == k:
                value += 1e-3 * hessian[j, j] + 1e-6 * largest + 1e-6
            for m in range(k):
                value -= lower[j, m] * lower[k, m]
            lower[j, k] = np.sqrt(max(value, 1e-300)) if j == k else value / lower[k, k]
    for j in range(unknowns):
        value = -gradient[j]
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


@numba.njit(cache=True, nogil=True)
def _turned(vector, turn):  # pragma: no cover - compiled
    """The rotation of a vector (3,), held to half a radian, by Rodrigues' formula, times a rotation (3, 3).

    Written out, because `@` would load a linear algebra library for nine numbers.
    """
    angle = max(1e-9, np.sqrt(vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2))
    x, y, z = vector[0] / angle, vector[1] / angle, vector[2] / angle
    used = min(angle, 0.5)
    s, c = np.sin(used), 1.0 - np.cos(used)
    first = np.array(
        [
            [1.0 - c * (y * y + z * z), c * x * y - s * z, c * x * z + s * y],
            [c * x * y + s * z, 1.0 - c * (x * x + z * z), c * y * z - s * x],
            [c * x * z - s * y, c * y * z + s * x, 1.0 - c * (x * x + y * y)],
        ]
    )
    out = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            for k in range(3):
                out[i, j] += first[i, k] * turn[k, j]
    return out


@numba.njit(cache=True, nogil=True, fastmath=_FAST, inline="always")
def _found(p, sx, sy, sz):  # pragma: no cover - compiled
    """Signed distance px, outward normal and whether they mean anything, of a probability and its slope per px."""
    steep = np.sqrt(sx * sx + sy * sy + sz * sz)
    if not steep > GRADIENT_FLOOR:
        return 0.0, 0.0, 0.0, 0.0, False
    return (0.5 - p) / steep, -sx / steep, -sy / steep, -sz / steep, True


@numba.njit(cache=True, nogil=True, fastmath=_FAST, inline="always")
def sample(field, x, y, z, voxel):  # pragma: no cover - compiled
    """Signed distance px, outward normal (3 numbers) and whether they mean anything, at camera px with y up."""
    size = field.shape[0]
    first = (voxel - 1.0) / 2
    gu, gv, gw = (x - first) / voxel, (-y - first) / voxel, z / voxel + (size - 1) / 2
    edge = size - 0.5
    if not (gu > -0.5 and gu < edge and gv > -0.5 and gv < edge and gw > -0.5 and gw < edge):
        return 0.0, 0.0, 0.0, 0.0, False
    i, j, k = (
        min(max(int(np.floor(gu)), 0), size - 2),
        min(max(int(np.floor(gv)), 0), size - 2),
        min(max(int(np.floor(gw)), 0), size - 2),
    )
    u, v, w = gu - i, gv - j, gw - k
    a, b = field[k, j, i], field[k, j, i + 1]
    c, d = field[k, j + 1, i], field[k, j + 1, i + 1]
    e, f = field[k + 1, j, i], field[k + 1, j, i + 1]
    g, h = field[k + 1, j + 1, i], field[k + 1, j + 1, i + 1]
    ab, cd, ef, gh = a + u * (b - a), c + u * (d - c), e + u * (f - e), g + u * (h - g)
    near, far = ab + v * (cd - ab), ef + v * (gh - ef)
    bottom, top = (b - a) + v * ((d - c) - (b - a)), (f - e) + v * ((h - g) - (f - e))
    sx = (bottom + w * (top - bottom)) / voxel
    sy = -((cd - ab) + w * ((gh - ef) - (cd - ab))) / voxel
    return _found(near + w * (far - near), sx, sy, (far - near) / voxel)


@numba.njit(cache=True, nogil=True, fastmath=_FAST, inline="always")
def sample_blurred(field, x, y, z, voxel):  # pragma: no cover - compiled
    """`sample` of `box_blur(field, 3)`, from the 64 voxels that have a part in it.

    Along an axis, four neighbours a, b, c, d at the fraction u give the value ((1-u) a + b + c + u d) / 3 and the slope
    (d - a) / 3; the three axes are taken one after another.
    """
    size = field.shape[0]
    first = (voxel - 1.0) / 2
    gu, gv, gw = (x - first) / voxel, (-y - first) / voxel, z / voxel + (size - 1) / 2
    edge = size - 0.5
    if not (gu > -0.5 and gu < edge and gv > -0.5 and gv < edge and gw > -0.5 and gw < edge):
        return 0.0, 0.0, 0.0, 0.0, False
    i, j, k = (
        min(max(int(np.floor(gu)), 0), size - 2),
        min(max(int(np.floor(gv)), 0), size - 2),
        min(max(int(np.floor(gw)), 0), size - 2),
    )
    u, v, w = np.float32(gu - i), np.float32(gv - j), np.float32(gw - k)
    one = np.float32(1.0)
    value = slope_u = slope_v = slope_w = np.float32(0.0)
    last = size - 1
    i0, i3 = max(i - 1, 0), min(i + 2, last)
    for dk in range(4):
        plane = field[min(max(k - 1 + dk, 0), last)]
        row_value = row_u = row_v = np.float32(0.0)
        for dj in range(4):
            row = plane[min(max(j - 1 + dj, 0), last)]
            a, b, c, d = row[i0], row[i], row[i + 1], row[i3]
            across = (one - u) * a + b + c + u * d
            share = (one - v) if dj == 0 else (v if dj == 3 else one)
            row_value += share * across
            row_u += share * (d - a)
            if dj == 0:
                row_v -= across
            elif dj == 3:
                row_v += across
        share = (one - w) if dk == 0 else (w if dk == 3 else one)
        value += share * row_value
        slope_u += share * row_u
        slope_v += share * row_v
        if dk == 0:
            slope_w -= row_value
        elif dk == 3:
            slope_w += row_value
    scale = 1.0 / (27.0 * voxel)
    return _found(value / 27.0, slope_u * scale, -slope_v * scale, slope_w * scale)


@numba.njit(cache=True, nogil=True)
def box_blur(field, width):  # pragma: no cover - compiled
    """(n, n, n) f32 averaged over `width` (odd) voxels along each axis; the border repeats itself outwards."""
    size, half = field.shape[0], width // 2
    share = np.float32(1.0 / width**3)
    plane = np.empty((size, size), np.float32)
    line = np.empty(size + 2 * half, np.float32)  # with its border repeated
    out = np.empty_like(field)
    for d in range(size):
        plane[:] = 0.0
        for offset in range(-half, half + 1):
            other = field[min(max(d + offset, 0), size - 1)]
            for row in range(size):
                for column in range(size):
                    plane[row, column] += other[row, column]
        for row in range(size):
            line[:] = 0.0
            for offset in range(-half, half + 1):
                values = plane[min(max(row + offset, 0), size - 1)]
                for column in range(size):
                    line[half + column] += values[column]
            line[:half], line[half + size :] = line[half], line[half + size - 1]
            target = out[d, row]
            target[:] = 0.0
            for offset in range(width):
                for column in range(size):
                    target[column] += line[offset + column]
            for column in range(size):
                target[column] *= share
    return out
