"""From head millimetres to crop pixels with a mild perspective, and the weak-perspective labels that fit best.

The network predicts a weak-perspective camera, but real cameras are not: a face that fills a phone's picture is seen
from 30 cm. So pictures are made with a true perspective and labelled with its best weak-perspective approximation.
"""

from __future__ import annotations

import numpy as np


def project(
    vertices: np.ndarray, rotation: np.ndarray, scale: float, translation: np.ndarray, distance_mm: float
) -> np.ndarray:
    """Project head points (V, 3) mm to (V, 3) f32: 0-based pixel x, pixel y (down) and depth in px towards the camera.

    rotation (3, 3) head to camera; scale px/mm at the depth of the head's origin; translation (2,) px;
    distance_mm from the camera to the head's origin (np.inf: weak perspective).
    """
    camera = vertices @ rotation.T.astype(np.float32)
    shrink = 1.0 if np.isinf(distance_mm) else distance_mm / np.maximum(distance_mm - camera[:, 2:], 1.0)
    plane = camera[:, :2] * (scale * shrink)
    out = np.empty_like(camera)
    out[:, 0] = plane[:, 0] + translation[0]
    out[:, 1] = translation[1] - plane[:, 1]
    out[:, 2] = camera[:, 2] * scale
    return out


def fit_weak_perspective(vertices: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """The weak-perspective camera that maps head points (n, 3) mm best onto pixels (n, >=2), x right and y down.

    Returns rotation (3, 3), scale px/mm and translation (2,) px. Least squares for a free 2x3 map, then its nearest
    pair of equally long orthogonal rows; exact where such a camera made the pixels.
    """
    centre = vertices.mean(0)
    target = np.column_stack((pixels[:, 0], -pixels[:, 1])).astype(np.float64)
    middle = target.mean(0)
    moved = (vertices - centre).astype(np.float64)
    affine = np.linalg.solve(moved.T @ moved, moved.T @ (target - middle)).T  # (2, 3)
    left, singular, right = np.linalg.svd(affine, full_matrices=False)
    rows = left @ right
    rotation = np.vstack((rows, np.cross(rows[0], rows[1])))
    scale = float(singular.mean())
    offset = middle - scale * rows @ centre
    return rotation, scale, np.array([offset[0], -offset[1]])
