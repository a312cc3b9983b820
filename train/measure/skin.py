"""How light the skin in a picture looks, for errors by group: the individual typology angle of the cheeks.

ITA = atan((L* - 50) / b*), in degrees (Chardon 1991); the larger, the lighter. It is read from the picture, so it tells
of the light as much as of the person, and it is no statement about anybody's origin.
"""

from __future__ import annotations

import cv2
import numpy as np

# (name, least ITA in degrees): the usual classes, the two darkest and the two lightest taken together.
GROUPS = (("light", 41.0), ("intermediate", 28.0), ("tan", 10.0), ("brown and dark", -90.0))
CHEEKS = ((45, 54, 14), (36, 48, 2))  # outer corner of the eye, corner of the mouth, jaw: left and right
RADIUS = 0.06  # of sqrt(w*h) of the points' box
GREY_CHROMA = 4.0  # a picture whose mean chroma lies below is black and white, and tells nothing


def skin_angle(picture: np.ndarray, points: np.ndarray) -> float:
    """ITA in degrees of the lighter cheek of a face; picture (H, W, 3) u8 RGB, points (68, 2) px. NaN where unknown."""
    size = float(np.sqrt(np.ptp(points, axis=0).prod()))
    angles = []
    for corners in CHEEKS:
        x, y = points[list(corners)].mean(0)
        reach = max(1, round(RADIUS * size))
        patch = picture[max(0, int(y) - reach) : int(y) + reach + 1, max(0, int(x) - reach) : int(x) + reach + 1]
        if patch.size == 0:
            continue
        lab = cv2.cvtColor(patch.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB).reshape(-1, 3)
        lightness, a, b = np.median(lab, axis=0)
        if np.hypot(a, b) > GREY_CHROMA:
            angles.append(float(np.degrees(np.arctan2(lightness - 50.0, b))))
    return max(angles, default=float("nan"))


def group_of(angle: float) -> str:
    """The group of an angle; "unknown" of NaN."""
    return next((name for name, least in GROUPS if angle >= least), "unknown")
