"""Texture coordinates of the head's skin in a fitted portrait, hidden parts completed from the mirror side.

Every skin vertex takes the portrait's colour at its own projected place where it is seen well, at its mirror vertex'
place where only that is seen, a blend of both in between. What neither shows is filled with plain colours (`fill`).
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numba
import numpy as np
from scipy.spatial import cKDTree

from train.data.head import default_head

SEEN_FROM = 0.22  # cosine between normal and camera below which a vertex counts as hidden: grazing colours are smeared
SEEN_FULLY = 0.55


def texture_coordinates(
    vertices: np.ndarray, projected: np.ndarray, rotation: np.ndarray, size: int, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates uv_a (own), uv_b (mirror side) (n_skin, 2) f32 in the picture, 0..1; mix (n_skin,) f32 between them;
    and how well a vertex or its mirror vertex is seen (n_skin,) f32 0..1.

    vertices (V, 3) mm; projected (V, 3) px of the portrait (0-based) with depth; rotation (3, 3); size of the portrait;
    shift (n_skin, 2) px from there to where the picture shows the same skin (`register`).
    """
    head = default_head()
    skin = head.parts["skin"]
    mirror = head.mirror[skin]
    facing = (head.normals(vertices) @ rotation.T)[skin, 2]
    pixels = projected[skin]
    seen = np.clip((facing - SEEN_FROM) / (SEEN_FULLY - SEEN_FROM), 0.0, 1.0)
    seen *= visible(projected, size)[skin]
    inside = ((pixels[:, :2] > 1) & (pixels[:, :2] < size - 2)).all(1)
    seen *= inside
    seen[_inner_lips()] = 0.0
    best = np.maximum(seen, seen[mirror])
    # Prefer the own side wherever it is seen at all well, so that asymmetries and light stay as they were.
    other = seen[mirror] * (1.0 - seen)
    mix = np.where(best > 0, other / np.maximum(other + seen, 1e-6), 0.0)
    uv = (pixels[:, :2] + shift + 0.5) / size
    return uv.astype(np.float32), uv[mirror].astype(np.float32), mix.astype(np.float32), best.astype(np.float32)


def visible(projected: np.ndarray, size: int, tolerance_px: float = 2.5) -> np.ndarray:
    """(V,) bool: vertices not hidden behind other triangles. projected (V, 3) px with depth towards the camera."""
    head = default_head()
    depth = np.full((size, size), -1e9, np.float32)
    _fill_depth(depth, projected.astype(np.float32), head.triangles)
    column = np.clip(np.rint(projected[:, 0]).astype(int), 0, size - 1)
    row = np.clip(np.rint(projected[:, 1]).astype(int), 0, size - 1)
    # The highest surface near the vertex, so that a rounded pixel does not hide it from itself.
    lowered = cv2.erode(depth, np.ones((3, 3), np.uint8))
    return projected[:, 2] >= lowered[row, column] - tolerance_px


@numba.njit(cache=True)
def _fill_depth(depth: np.ndarray, projected: np.ndarray, triangles: np.ndarray) -> None:
    """z-buffer: at every pixel centre the greatest depth of the triangles over it."""
    height, width = depth.shape
    for i in range(len(triangles)):
        a, b, c = projected[triangles[i, 0]], projected[triangles[i, 1]], projected[triangles[i, 2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if abs(area) < 1e-9:
            continue
        left = max(0, int(np.ceil(min(a[0], b[0], c[0]))))
        right = min(width - 1, int(np.floor(max(a[0], b[0], c[0]))))
        top = max(0, int(np.ceil(min(a[1], b[1], c[1]))))
        bottom = min(height - 1, int(np.floor(max(a[1], b[1], c[1]))))
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                second = ((x - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (y - a[1])) / area
                third = ((b[0] - a[0]) * (y - a[1]) - (x - a[0]) * (b[1] - a[1])) / area
                if second >= 0 and third >= 0 and second + third <= 1:
                    z = a[2] + second * (b[2] - a[2]) + third * (c[2] - a[2])
                    if z > depth[y, x]:
                        depth[y, x] = z


@lru_cache(maxsize=1)
def _inner_lips() -> np.ndarray:
    """Skin vertices inside the closed mouth or behind the lips, which no portrait shows."""
    head = default_head()
    skin = head.mean[head.parts["skin"]]
    inner = head.landmarks(head.mean)[60:68]
    distance, _ = cKDTree(inner).query(skin)
    return np.flatnonzero((distance < 14.0) & (skin[:, 2] < inner[:, 2].min() - 3.0))
