"""Normalised mean error of landmarks, by band of yaw, and what share of faces lies over a bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmface_core.capture.blazeface import overlap
from mmface_core.take import Take
from train.measure.protocol import BANDS, box_size
from train.measure.skin import GROUPS

OVERLAP = 0.3  # a take whose box overlaps the annotated one by less than this shows another face: a miss
FAILURE = 8.0  # %; faces over it are counted
FEW = 6  # faces, up to which a mean says less than each of them


@dataclass(frozen=True)
class FaceError:
    """Errors of one face in % of sqrt(w*h) of the annotated 68-point box; NaN where the face was missed.

    all68, inner51: mean over those points; diagonal: what to multiply by for errors in % of the box's diagonal; skin:
    the group of `train.measure.skin`, or nothing.
    """

    all68: float
    inner51: float
    diagonal: float
    yaw_deg: float
    skin: str = ""

    @property
    def missed(self) -> bool:
        return bool(np.isnan(self.all68))


def face_error(points: np.ndarray, yaw_deg: float, takes: Sequence[Take]) -> FaceError:
    """The error of the take that overlaps the annotated points (68, 2) px most."""
    root, diagonal = box_size(points)
    found = [take.landmarks[0, :, :2].astype(float) for take in takes if take.present[0]]
    best = max(found, key=lambda marks: overlap(_box(marks), _box(points)), default=None)
    if best is None or overlap(_box(best), _box(points)) < OVERLAP:
        return FaceError(np.nan, np.nan, diagonal, yaw_deg)
    apart = 100.0 * np.linalg.norm(best - points, axis=1) / root
    return FaceError(float(apart.mean()), float(apart[17:].mean()), diagonal, yaw_deg)


def _box(points: np.ndarray) -> np.ndarray:
    """Box (4,) of points (n, 2): x0, y0, x1, y1."""
    return np.concatenate([points.min(0), points.max(0)])


def summary(errors: Sequence[FaceError]) -> list[str]:
    """Lines of a table: all faces, then each band of |yaw| and each group of skin that has any."""
    rows = [("all", list(errors))]
    for low, high in BANDS:
        rows.append((f"|yaw| {low:.0f}-{high:.0f}", [e for e in errors if low <= abs(e.yaw_deg) < high]))
    for group in [name for name, _ in GROUPS] + ["unknown"]:
        rows.append((f"skin {group}", [e for e in errors if e.skin == group]))
    return [_row(name, part) for name, part in rows if part]


def _row(name: str, errors: Sequence[FaceError]) -> str:
    seen = [e for e in errors if not e.missed]
    missed = 100.0 * (len(errors) - len(seen)) / len(errors)
    if not seen:
        return f"{name:19} {len(errors):4} faces, all missed"
    inner, whole = np.array([e.inner51 for e in seen]), np.array([e.all68 for e in seen])
    by_diagonal = np.array([e.all68 * e.diagonal for e in seen])
    each = "  each: " + ", ".join(f"{error:.1f}" for error in np.sort(inner)) if len(seen) <= FEW else ""
    return (
        f"{name:19} {len(errors):4} faces  NME 51: {inner.mean():.2f} (median {np.median(inner):.2f})  "
        f"68: {whole.mean():.2f} ({by_diagonal.mean():.2f} by the diagonal)  "
        f"over {FAILURE:.0f} %: {100.0 * (inner > FAILURE).mean():.1f} %  missed {missed:.1f} %{each}"
    )
