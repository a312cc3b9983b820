"""Normals of a mesh's vertices, in NumPy."""

from __future__ import annotations

import numpy as np


def normals_of(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals (V, 3) of vertices, averaged over the adjacent triangles (F, 3) by area; zero at unused ones."""
    corners = vertices[triangles]
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], area)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
