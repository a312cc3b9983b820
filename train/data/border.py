"""The black edge of a tracker's crop where the picture ends."""

from __future__ import annotations

import cv2
import numpy as np


def black_border(rng: np.random.Generator, picture: np.ndarray, probability: float = 0.12) -> np.ndarray:
    """Now and then blacken what lies beyond one or two straight edges, tilted a little as upright crops tilt them."""
    if rng.random() > probability:
        return picture
    size = picture.shape[0]
    mask = np.zeros((size, size), np.uint8)
    tilt = np.radians(rng.normal(0, 8))
    for side in rng.choice(4, int(rng.integers(1, 3)), replace=False):
        angle = tilt + side * np.pi / 2
        normal = np.array([np.cos(angle), np.sin(angle)])
        along = np.array([-normal[1], normal[0]])
        edge = size / 2 + normal * size * rng.uniform(0.28, 0.5)
        corners = [edge + along * 2 * size, edge - along * 2 * size]
        corners += [corners[1] + normal * 2 * size, corners[0] + normal * 2 * size]
        cv2.fillConvexPoly(mask, np.array(corners).astype(np.int32), 1)
    return picture * (1 - mask)[..., None]
