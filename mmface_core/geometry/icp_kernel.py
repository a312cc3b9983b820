"""The ICP of `mmface_core.geometry.icp` as one compiled loop for the CPU: the same steps without tensors in between.

Arrays of one face at a time; `icp` is the reference that tests hold these functions against.
"""

from __future__ import annotations

import numba
import numpy as np

from mmface_core.conventions import CROP_SIZE

GRADIENT_FLOOR = 2e-3
"""Slope of the probability per pixel below which the field is flat and says nothing."""
ARM_PX = 60.0
"""Distance from the head's centre at which a turn is counted in pixels."""


@numba.njit(cache=True, nogil=True)
def refine_batch(volumes, cameras, offsets, levels, with_scale):  # pragma: no cover - compiled
    """Refine B faces.

    volumes (B, N, N, N) f32; cameras (B, n, 3) f64: mesh points turned and scaled by the start, px, y up; offsets
    (B, 3) f64 px, y up; levels (L, 5) f64 rows of `Level`. Returns turn (B, 3, 3), offset (B, 3), growth (B,), last
    step (B,) px, agreement (B,), residual (B,) px and how many points had a say (B,).
    """
    count = volumes.shape[0]
    turns, growths = np.zeros((count, 3, 3)), np.ones(count)
    out_offsets = offsets.copy()
    steps, agreements, residuals = np.zeros(count), np.zeros(count), np.zeros(count)
    valid_counts = np.zeros(count, np.int64)
    for item in range(count):
        turn, offset, growth, step, agreement, residual, valid = _refine(
            volumes[item], cameras[item], offsets[item].copy(), levels, with_scale
        )
        turns[item], out_offsets[item], growths[item] = turn, offset, growth
        steps[item], agreements[item], residuals[item], valid_counts[item] = step, agreement, residual, valid
    return turns, out_offsets, growths, steps, agreements, residuals, valid_counts


@numba.njit(cache=True, nogil=True)
def _refine(volume, camera, offset, levels, with_scale):  # pragma: no cover - compiled
    unknowns = 7 if with_scale else 6
    turn, growth, step = np.eye(3), 1.0, np.inf
    field = volume
    pooled_by = 1
    pooled = volume
    for row in range(levels.shape[0]):
        pool, width, blurs = int(levels[row, 0]), int(levels[row, 1]), int(levels[row, 2])
        kernel = levels[row, 4]
        if pool != pooled_by:
            pooled, pooled_by = pool_volume(volume, pool), pool
        field = pooled
        for _ in range(blurs):
            field = box_blur(field, width)
        voxel = CROP_SIZE / field.shape[0]
        for _ in range(int(levels[row, 3])):
            hessian, gradient = np.zeros((7, 7)), np.zeros(7)
            jacobian = np.zeros(7)
            for i in range(camera.shape[0]):
                c = camera[i]
                x = growth * (turn[0, 0] * c[0] + turn[0, 1] * c[1] + turn[0, 2] * c[2])
                y = growth * (turn[1, 0] * c[0] + turn[1, 1] * c[1] + turn[1, 2] * c[2])
                z = growth * (turn[2, 0] * c[0] + turn[2, 1] * c[1] + turn[2, 2] * c[2])
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
            update = _solve(hessian, gradient, unknowns)
            turn = _rodrigues(update[:3]) @ turn
            offset += update[3:6]
            growth *= np.exp(update[6])
            step = np.sqrt((update[3:6] ** 2).sum()) + ARM_PX * np.sqrt((update[:3] ** 2).sum())
    return _judge(field, camera, turn, offset, growth, step, CROP_SIZE / volume.shape[0])


@numba.njit(cache=True, nogil=True)
def _judge(field, camera, turn, offset, growth, step, voxel_in):  # pragma: no cover - compiled
    voxel = CROP_SIZE / field.shape[0]
    distances = np.empty(camera.shape[0])
    valid_count, near, inside = 0, 0, 0
    for i in range(camera.shape[0]):
        p = growth * (turn @ camera[i]) + offset
        if -0.5 < p[0] < CROP_SIZE - 0.5 and -0.5 < -p[1] < CROP_SIZE - 0.5 and -CROP_SIZE / 2 < p[2] < CROP_SIZE / 2:
            inside += 1
        distance, _, _, _, valid = sample(field, p[0], p[1], p[2], voxel)
        if valid:
            distances[valid_count] = abs(distance)
            valid_count += 1
            if abs(distance) < voxel_in:
                near += 1
    residual = np.inf
    if valid_count:
        # The lower median, as torch takes it.
        residual = np.sort(distances[:valid_count])[(valid_count - 1) // 2]
    return turn, offset, growth, step, near / max(1, inside), residual, valid_count


@numba.njit(cache=True, nogil=True)
def _solve(hessian, gradient, unknowns):  # pragma: no cover - compiled
    update = np.zeros(7)
    largest = 0.0
    for j in range(unknowns):
        largest = max(largest, hessian[j, j])
        for k in range(j):
            hessian[j, k] = hessian[k, j]
    system = hessian[:unknowns, :unknowns].copy()
    for j in range(unknowns):
        system[j, j] += 1e-3 * hessian[j, j] + 1e-6 * largest + 1e-6
    found = np.linalg.solve(system, gradient[:unknowns])
    for j in range(unknowns):
        if np.isfinite(found[j]):
            update[j] = min(40.0, max(-40.0, -found[j]))
    return update


@numba.njit(cache=True, nogil=True)
def _rodrigues(vector):  # pragma: no cover - compiled
    angle = max(1e-9, np.sqrt((vector**2).sum()))
    x, y, z = vector[0] / angle, vector[1] / angle, vector[2] / angle
    k = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    used = min(angle, 0.5)
    return np.eye(3) + np.sin(used) * k + (1.0 - np.cos(used)) * (k @ k)


@numba.njit(cache=True, nogil=True, inline="always")
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
    sz = (far - near) / voxel
    steep = np.sqrt(sx * sx + sy * sy + sz * sz)
    if not steep > GRADIENT_FLOOR:
        return 0.0, 0.0, 0.0, 0.0, False
    p = near + w * (far - near)
    return (0.5 - p) / steep, -sx / steep, -sy / steep, -sz / steep, True


@numba.njit(cache=True, nogil=True)
def pool_volume(volume, factor):  # pragma: no cover - compiled
    """(N, N, N) f32 averaged over blocks of factor^3."""
    size = volume.shape[0] // factor
    out = np.zeros((size, size, size), np.float32)
    for d in range(size * factor):
        for row in range(size * factor):
            for column in range(size * factor):
                out[d // factor, row // factor, column // factor] += volume[d, row, column]
    return out / np.float32(factor**3)


@numba.njit(cache=True, nogil=True)
def box_blur(field, width):  # pragma: no cover - compiled
    """(n, n, n) f32 averaged over `width` (odd) voxels along each axis; the border repeats itself outwards."""
    size, half = field.shape[0], width // 2
    share = np.float32(1.0 / width)
    first = np.zeros_like(field)
    for d in range(size):
        for offset in range(-half, half + 1):
            other = min(max(d + offset, 0), size - 1)
            for row in range(size):
                for column in range(size):
                    first[d, row, column] += share * field[other, row, column]
    second = np.zeros_like(field)
    for d in range(size):
        for row in range(size):
            for offset in range(-half, half + 1):
                other = min(max(row + offset, 0), size - 1)
                for column in range(size):
                    second[d, row, column] += share * first[d, other, column]
    for d in range(size):
        for row in range(size):
            for column in range(size):
                total = np.float32(0.0)
                for offset in range(-half, half + 1):
                    total += second[d, row, min(max(column + offset, 0), size - 1)]
                first[d, row, column] = share * total
    return first
