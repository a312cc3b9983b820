"""Closest points on a surface that also face the same way, as triangles and barycentric coordinates."""

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from mmface_core.geometry.normals import normals_of

Array = NDArray[np.floating]
Indices = NDArray[np.integer]

_SAME_SIDE = 0.5  # least cosine between the normals of two copies of a vertex that were one
MOST_SAMPLES = 400_000  # a KD-tree of this size takes a second; finer meshes are sampled by their corners alone


@dataclass(frozen=True)
class Matches:
    """For each query point: corners (Q, 3) vertices, weights (Q, 3) barycentric; point, normal (Q, 3); distance (Q,);
    facing (Q,): cosine between the two normals."""

    corners: Indices = field(repr=False)
    weights: Array = field(repr=False)
    point: Array = field(repr=False)
    normal: Array = field(repr=False)
    distance: Array = field(repr=False)
    facing: Array = field(repr=False)

    def interpolate(self, values: Array) -> Array:
        """Values (N, ...) of the surface's vertices at the matched points (Q, ...)."""
        return np.einsum("qc...,qc->q...", values[self.corners], self.weights)

    def matrix(self, n_vertices: int) -> sparse.csr_matrix:
        """(Q, n_vertices): matrix @ values interpolates."""
        rows = np.repeat(np.arange(len(self.corners)), 3)
        shape = (len(self.corners), n_vertices)
        return sparse.csr_matrix((self.weights.reshape(-1), (rows, self.corners.reshape(-1))), shape)


class SurfaceIndex:
    """A triangle mesh prepared for closest-point queries in space and normal together.

    A query weighs a right angle between the normals like `normal_length` of distance times sqrt 2: two lips that touch,
    or the two sides of a lid, are told apart although their places agree.
    """

    def __init__(self, positions: Array, triangles: Indices, spacing: float, normal_length: float) -> None:
        """spacing: the surface is sampled so densely (in its own unit)."""
        self.positions, self.triangles, self.normal_length = positions, triangles, normal_length
        self.vertex_normals = seamless_normals(positions, triangles)
        corners = positions[triangles]
        longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
        steps = np.clip(np.ceil(longest / spacing), 1, 24).astype(int)
        while (steps**2).sum() > MOST_SAMPLES and steps.max() > 1:
            steps = np.maximum(steps // 2, 1)
        of, inside = [], []
        for step in np.unique(steps):
            grid = _barycentric_grid(int(step))
            members = np.flatnonzero(steps == step)
            of.append(np.repeat(members, len(grid)))
            inside.append(np.tile(grid, (len(members), 1)))
        self._of, bary = np.concatenate(of), np.concatenate(inside)
        points = np.einsum("sc,scx->sx", bary, positions[triangles[self._of]])
        normals = np.einsum("sc,scx->sx", bary, self.vertex_normals[triangles[self._of]])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
        self._tree = cKDTree(np.concatenate([points, normal_length * normals], axis=1))

    def match(self, points: Array, normals: Array) -> Matches:
        """The best place for each of points (Q, 3) with unit normals (Q, 3)."""
        _, sample = self._tree.query(np.concatenate([points, self.normal_length * normals], axis=1))
        corners = self.triangles[self._of[sample]]
        weights = closest_barycentric(points, self.positions[corners])
        point = np.einsum("qc,qcx->qx", weights, self.positions[corners])
        normal = np.einsum("qc,qcx->qx", weights, self.vertex_normals[corners])
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
        return Matches(
            corners, weights, point, normal, np.linalg.norm(point - points, axis=1), (normal * normals).sum(axis=1)
        )


def seamless_normals(positions: Array, triangles: Indices) -> Array:
    """Unit normals (N, 3) of vertices (N, 3) as if the surface had never been cut.

    Exporters split vertices where textures meet, and artists keep halves of a face in two meshes: each copy alone
    leans away from the seam. Copies that face the same way share one normal; lips that touch face apart and do not.
    """
    normals = normals_of(positions, triangles)
    corners = positions[triangles]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    sums = np.zeros_like(normals)
    for corner in range(3):
        np.add.at(sums, triangles[:, corner], across)
    _, place, count = np.unique(positions, axis=0, return_inverse=True, return_counts=True)
    place = place.reshape(-1)
    order = np.argsort(place, kind="stable")
    starts = np.cumsum(count) - count
    shared = normals.copy()
    for number in np.flatnonzero(count > 1):
        copies = order[starts[number] : starts[number] + count[number]]
        alike = (normals[copies] @ normals[copies].T) > _SAME_SIDE
        shared[copies] = alike @ sums[copies]
    return shared / np.maximum(np.linalg.norm(shared, axis=1, keepdims=True), 1e-30)


def closest_barycentric(points: Array, corners: Array) -> Array:
    """Barycentric coordinates (Q, 3) of each triangle's point closest to points (Q, 3); corners (Q, 3, 3)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    inside = _plane_barycentric(points, a, b, c)
    best, distance = inside, np.where((inside >= 0).all(axis=1), 0.0, np.inf)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        start, along = corners[:, i], corners[:, j] - corners[:, i]
        length = np.maximum((along**2).sum(axis=1), 1e-30)
        share = np.clip(((points - start) * along).sum(axis=1) / length, 0, 1)
        edge = np.zeros_like(inside)
        edge[np.arange(len(edge)), i], edge[np.arange(len(edge)), j] = 1 - share, share
        away = ((start + share[:, None] * along - points) ** 2).sum(axis=1)
        nearer = away < distance
        best, distance = np.where(nearer[:, None], edge, best), np.where(nearer, away, distance)
    return best


def _plane_barycentric(points: Array, a: Array, b: Array, c: Array) -> Array:
    u, v, w = b - a, c - a, points - a
    uu, uv, vv = (u * u).sum(1), (u * v).sum(1), (v * v).sum(1)
    wu, wv = (w * u).sum(1), (w * v).sum(1)
    determinant = uu * vv - uv * uv
    flat = determinant <= 1e-12 * np.maximum(uu * vv, 1e-300)  # a needle has no inside
    safe = np.where(flat, 1.0, determinant)
    s, t = (vv * wu - uv * wv) / safe, (uu * wv - uv * wu) / safe
    return np.where(flat[:, None], -1.0, np.stack([1 - s - t, s, t], axis=1))


def _barycentric_grid(steps: int) -> Array:
    """Barycentric coordinates of the centres of the steps^2 small triangles of a triangle."""
    rows = []
    for i in range(steps):
        for j in range(steps - i):
            rows.append(((i + 1 / 3) / steps, (j + 1 / 3) / steps))
            if i + j < steps - 1:
                rows.append(((i + 2 / 3) / steps, (j + 2 / 3) / steps))
    first = np.array(rows)
    return np.concatenate([first, 1 - first.sum(axis=1, keepdims=True)], axis=1)
