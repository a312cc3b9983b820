"""What the compiled ICP reads of a volume: a coarse copy, and blurs of it."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, error_model="numpy")
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


@numba.njit(cache=True, nogil=True, error_model="numpy")
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
