"""Choosing part of a mesh: keep some vertices, renumber the triangles."""

from __future__ import annotations

import numpy as np


def subset_triangles(triangles: np.ndarray, keep: np.ndarray, n_vertices: int) -> tuple[np.ndarray, np.ndarray]:
    """Triangles between kept vertices, renumbered.

    Args: triangles (F, 3) int; keep (n,) int, the old indices in their new order; n_vertices of the old mesh.
    Returns: triangles (f, 3) i64 of which all corners are kept, and the new index (n_vertices,) i64 of each old vertex,
    -1 where it is dropped.
    """
    new_index = np.full(n_vertices, -1, np.int64)
    new_index[keep] = np.arange(len(keep))
    renumbered = new_index[triangles]
    return renumbered[(renumbered >= 0).all(1)], new_index
