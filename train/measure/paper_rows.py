"""The rows of the paper's Table 1 (AFLW2000-3D), and what others reach on the same labels, to stand beside ours."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """NME of 68 points (2D) by band of |yaw| and the mean of the bands, % of sqrt(w h); NME3D, %, or None."""

    method: str
    bands: tuple[float, float, float]
    mean: float
    nme3d: float | None = None


PAPER: tuple[Row, ...] = (
    Row("3DFAN", (2.77, 3.48, 4.61), 3.62),
    Row("JVCR", (2.94, 3.46, 4.53), 3.64),
    Row("Face2Face", (3.22, 8.79, 19.7), 10.5, 9.95),
    Row("DisFace", (4.90, 12.16, 45.0), 20.7, 11.6),
    Row("PRN", (2.75, 3.51, 4.61), 3.63, 4.40),
    Row("3DMMITW", (3.09, 9.21, 17.20), 9.83, 8.33),
    Row("ExpNet", (4.01, 5.46, 6.23), 5.23, 7.39),
    Row("MMFace-PMN", (5.05, 6.23, 7.05), 6.11, 8.29),
    Row("MMFace-ICP-64", (2.98, 3.83, 4.89), 3.90, 4.23),
    Row("MMFace-ICP-128", (2.61, 3.65, 4.43), 3.56, 3.78),
    Row("MMFace-ICP-192", (2.50, 3.63, 4.25), 3.46, 3.66),
    Row("E2FAR-GT", (2.65, 2.79, 2.83), 2.76, 3.12),
    Row("MMFace-GT", (1.33, 1.64, 1.83), 1.61, 2.01),
)
LATER: tuple[Row, ...] = (
    Row("3DDFA_V2", (2.63, 3.42, 4.48), 3.51),
    Row("SynergyNet", (2.65, 3.30, 4.27), 3.41),
)
"""Published after the paper, on the same labels."""
