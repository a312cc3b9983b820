"""The paper's two measures on one face (Eq. 10 and 11), as its tables must have been computed.

Eq. 10 and 11 are printed with squared norms; their numbers only make sense with plain distances. The printed divisor is
the diagonal, but the rows of other methods equal figures that divide by sqrt(w h) of the true 68 points' box: that is
what stands here, and the factor to the diagonal beside it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Measured(NamedTuple):
    """nme68: % of sqrt(w h); diagonal: its factor to % of the diagonal; nme3d: % of the 3D box's diagonal, or NaN."""

    nme68: float
    diagonal: float
    nme3d: float


def box_size(true: np.ndarray) -> tuple[float, float]:
    """sqrt(w h) of the box of true points (68, 2), px, and the factor from % of it to % of the box's diagonal."""
    size = np.ptp(true, axis=0)
    root = float(np.sqrt(size.prod()))
    return root, root / float(np.hypot(*size))


def nme2d(points: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """Mean distance of points (68, 2) from true ones in % of sqrt(w h), and the factor to % of the diagonal."""
    root, diagonal = box_size(true[:, :2])
    apart = np.linalg.norm(points[:, :2] - true[:, :2], axis=1).mean()
    return 100.0 * float(apart) / root, diagonal


def nme3d(points: np.ndarray, true: np.ndarray) -> float:
    """Mean distance of points (n, 3) from true ones, x, y and depth in px, in % of the true box's diagonal.

    Weak perspective leaves the depth of the whole face open, so it is shifted to the truth's first.
    """
    shift = np.array([0.0, 0.0, float((true[:, 2] - points[:, 2]).mean())])
    apart = np.linalg.norm(points + shift - true, axis=1).mean()
    return 100.0 * float(apart) / float(np.linalg.norm(np.ptp(true, axis=0)))


class BandSummary(NamedTuple):
    """Means by band of |yaw| (NaN where a band is empty) and their counts; mean and sample deviation of those means."""

    bands: tuple[float, ...]
    counts: tuple[int, ...]
    mean: float
    std: float
    over_all: float


BANDS = ((0.0, 30.0), (30.0, 60.0), (60.0, 90.1))


def by_bands(values: np.ndarray, yaw_deg: np.ndarray) -> BandSummary:
    """Figures of faces by band. The table's "Mean" is the mean of the band means, not over faces."""
    inside = [(low <= np.abs(yaw_deg)) & (np.abs(yaw_deg) < high) for low, high in BANDS]
    means = [float(values[rows].mean()) if rows.any() else float("nan") for rows in inside]
    there = np.array([value for value in means if not np.isnan(value)])
    std = float(there.std(ddof=1)) if len(there) > 1 else float("nan")
    counts = tuple(int(rows.sum()) for rows in inside)
    return BandSummary(tuple(means), counts, float(there.mean()) if len(there) else float("nan"), std, values.mean())
