"""The coordinate descent of `weights.box_least_squares` as one compiled loop."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def descend(matrix, linear, temporal, tolerance, sweeps, x):  # pragma: no cover - compiled
    """Minimise as `box_least_squares` says, in place from x (T, n); matrix (n, n), linear (T, n), temporal (n,), f64.

    Frame after frame, each a few rounds before the next; a frame is visited again only while it or a neighbour in time
    moves by more than `tolerance`, in units of a weight.
    """
    frames, count = linear.shape
    coupled = temporal.max() > 0.0
    waits = np.ones(frames, np.bool_)
    residual = np.empty(count)
    for _ in range(sweeps):
        busy = False
        for t in range(frames):
            if not waits[t]:
                continue
            waits[t] = False
            row = x[t]
            neighbours = (1.0 if t > 0 else 0.0) + (1.0 if t + 1 < frames else 0.0)
            for k in range(count):
                residual[k] = linear[t, k] - temporal[k] * neighbours * row[k]
                if coupled and t > 0:
                    residual[k] += temporal[k] * x[t - 1, k]
                if coupled and t + 1 < frames:
                    residual[k] += temporal[k] * x[t + 1, k]
            for j in range(count):
                value = row[j]
                if value != 0.0:
                    for k in range(count):
                        residual[k] -= value * matrix[j, k]
            moved = 0.0
            for _inner in range(3):
                most = 0.0
                for k in range(count):
                    old = row[k]
                    stiffness = temporal[k] * neighbours
                    new = min(1.0, max(0.0, old + residual[k] / (matrix[k, k] + stiffness)))
                    step = new - old
                    if step == 0.0:
                        continue
                    row[k] = new
                    for j in range(count):
                        residual[j] -= step * matrix[k, j]
                    residual[k] -= stiffness * step
                    most = max(most, abs(step))
                moved = max(moved, most)
                if most < tolerance:
                    break
            if moved >= tolerance:
                busy = True
                waits[t] = True
                if coupled and t > 0:
                    waits[t - 1] = True
                if coupled and t + 1 < frames:
                    waits[t + 1] = True
        if not busy:
            return
