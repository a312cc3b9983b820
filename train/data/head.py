"""The face model as plain numpy arrays: one head at a time, quick enough for a rendering worker."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np

from mmface_core.model.dense_points import dense_points
from mmface_core.model.face_model import FaceModel


@dataclass(frozen=True)
class Head:
    """Arrays of the whole default model (all parts), vertices V, identity codes K, expression weights M.

    mean (V, 3) f32 mm; basis (K + M, V * 3) f32; triangles (F, 3) i32; parts name -> slice of vertices;
    mirror (V,) i64; landmark_vertices (68, 3), landmark_weights (68, 3), dense_vertices (P, 3), dense_weights (P, 3) of
    the points that the network predicts, the landmarks first; names of the expression
    weights; uv (V, 2) f32; version, a hash of the shapes.
    """

    mean: np.ndarray
    basis: np.ndarray
    n_identity: int
    triangles: np.ndarray
    parts: dict[str, slice]
    mirror: np.ndarray
    landmark_vertices: np.ndarray
    landmark_weights: np.ndarray
    dense_vertices: np.ndarray
    dense_weights: np.ndarray
    names: tuple[str, ...]
    uv: np.ndarray
    version: str

    @property
    def n_vertices(self) -> int:
        return len(self.mean)

    @property
    def n_expression(self) -> int:
        return len(self.basis) - self.n_identity

    def shape(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """Vertices (V, 3) f32 in mm of identity codes (K,) and expression weights (M,)."""
        codes = np.concatenate((identity, expression)).astype(np.float32)
        used = np.flatnonzero(codes)  # most weights are zero: skip their megabytes
        return self.mean + (codes[used] @ self.basis[used]).reshape(-1, 3)

    def normals(self, vertices: np.ndarray) -> np.ndarray:
        """Unit vertex normals (V, 3) f32, area weighted, outwards; vertices (V, 3) in any frame with y up."""
        return _vertex_normals(np.ascontiguousarray(vertices, np.float32), self.triangles)

    def landmarks(self, points: np.ndarray) -> np.ndarray:
        """The 68 points (68, C) of per-vertex values (V, C)."""
        return (points[self.landmark_vertices] * self.landmark_weights[..., None]).sum(1)

    def dense_points(self, points: np.ndarray) -> np.ndarray:
        """The P points that the network predicts (P, C) of per-vertex values (V, C)."""
        return (points[self.dense_vertices] * self.dense_weights[..., None]).sum(1)

    def index(self, name: str) -> int:
        """Position of a named expression weight."""
        return self.names.index(name)


@lru_cache(maxsize=1)
def default_head() -> Head:
    """The bundled default model with every part that it has."""
    model = FaceModel.load(parts=None)
    dense = dense_points(model)
    triangles = model.triangles.numpy().astype(np.int32)
    basis = np.concatenate((model.identity_basis.numpy(), model.expression_basis.numpy()))
    return Head(
        mean=model.mean.numpy().astype(np.float32),
        basis=np.ascontiguousarray(basis.reshape(len(basis), -1), np.float32),
        n_identity=model.n_identity,
        triangles=triangles,
        parts=dict(model.parts),
        mirror=model.mirror.numpy(),
        landmark_vertices=model.landmark_vertices.numpy(),
        landmark_weights=model.landmark_weights.numpy().astype(np.float32),
        dense_vertices=dense.vertices.numpy(),
        dense_weights=dense.weights.numpy(),
        names=model.expression_names,
        uv=model.uv.numpy(),
        version=hashlib.sha256(model.mean.numpy().tobytes() + basis.tobytes()).hexdigest()[:12],
    )


@numba.njit(cache=True)
def _vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    out = np.zeros_like(vertices)
    for i in range(len(triangles)):
        a, b, c = triangles[i]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for corner in (a, b, c):
            out[corner, 0] += nx
            out[corner, 1] += ny
            out[corner, 2] += nz
    for i in range(len(out)):
        length = np.sqrt(out[i, 0] ** 2 + out[i, 1] ** 2 + out[i, 2] ** 2)
        out[i] /= max(length, np.float32(1e-9))
    return out
