"""Laying one neutral face on another of a different topology: landmarks first, then closest points, ever less stiff.

A closest-point scheme in the manner of Amberg, Romdhani and Vetter (2007), with a Laplacian on the displacements in
place of their affine frames: faces that are already aligned by 68 landmarks need no more.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from mmface_core.geometry.normals import normals_of
from mmface_core.geometry.similarity import fit_similarity

STIFFNESS = (30.0, 10.0, 3.0, 1.0, 0.3)  # of the Laplacian against one closest point, step by step
REPEATS = 3
LANDMARK_WEIGHT = 20.0
FARTHEST_MM = 12.0  # a closest point beyond this belongs to something that the other mesh lacks
SAME_SIDE = 0.5  # least cosine of two normals that can mean the same skin: tells upper from lower lip


def laplacian(triangles: np.ndarray, count: int) -> sparse.csr_matrix:
    """(V, V): a vertex less the mean of its neighbours; rows of lone vertices are empty."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    ones = np.ones(2 * len(edges))
    both = np.concatenate([edges, edges[:, ::-1]])
    near = sparse.csr_matrix((ones, (both[:, 0], both[:, 1])), (count, count))
    near.data[:] = 1.0
    valence = np.asarray(near.sum(axis=1)).ravel()
    inverse = sparse.diags(np.divide(1.0, valence, out=np.zeros(count), where=valence > 0))
    return (sparse.diags((valence > 0).astype(float)) - inverse @ near).tocsr()


def register(
    vertices: np.ndarray,
    triangles: np.ndarray,
    marks: sparse.csr_matrix,
    target: np.ndarray,
    target_triangles: np.ndarray,
    target_marks: np.ndarray,
) -> np.ndarray:
    """Vertices (V, 3) moved onto a target mesh (W, 3), both mm.

    marks (68, V) picks the landmarks of the moved mesh, target_marks (68, 3) are where they belong.
    """
    start = fit_similarity(marks @ vertices, target_marks).apply(vertices)
    smooth = laplacian(triangles, len(vertices))
    tree = cKDTree(target)
    target_normals = normals_of(target, target_triangles)
    moved = start.copy()
    for number, stiffness in enumerate(STIFFNESS):
        # The landmarks alone first: closest points of unlike faces mislead.
        for _ in range(1 if number == 0 else REPEATS):
            weight, closest = np.zeros(len(vertices)), moved
            if number > 0:
                apart, nearest = tree.query(moved)
                alike = (normals_of(moved, triangles) * target_normals[nearest]).sum(axis=1) > SAME_SIDE
                weight, closest = (alike & (apart < FARTHEST_MM)).astype(float), target[nearest]
            matrix = sparse.diags(weight + 1e-6) + stiffness * (smooth.T @ smooth)
            matrix = matrix + LANDMARK_WEIGHT * (marks.T @ marks)
            right = weight[:, None] * (closest - start) + LANDMARK_WEIGHT * (marks.T @ (target_marks - marks @ start))
            moved = start + splu(matrix.tocsc()).solve(right)
    return moved
