"""The face model as plain numpy arrays: one head at a time, quick enough for a rendering worker."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import sparse

from mmface_core.model.face_model import FaceModel


@dataclass(frozen=True)
class Head:
    """Arrays of the whole default model (all parts), vertices V, identity codes K, expression weights M.

    mean (V, 3) f32 mm; basis (K + M, V * 3) f32; triangles (F, 3) i32; parts name -> slice of vertices;
    mirror (V,) i64; landmark_vertices (68, 3), landmark_weights (68, 3); names of the expression weights;
    incidence (V, F) sparse, 1 where a triangle touches a vertex; uv (V, 2) f32.
    """

    mean: np.ndarray
    basis: np.ndarray
    n_identity: int
    triangles: np.ndarray
    parts: dict[str, slice]
    mirror: np.ndarray
    landmark_vertices: np.ndarray
    landmark_weights: np.ndarray
    names: tuple[str, ...]
    incidence: sparse.csr_matrix
    uv: np.ndarray

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
        corner = vertices[self.triangles]
        faces = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        normal = self.incidence @ faces
        return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)

    def landmarks(self, points: np.ndarray) -> np.ndarray:
        """The 68 points (68, C) of per-vertex values (V, C)."""
        return (points[self.landmark_vertices] * self.landmark_weights[..., None]).sum(1)

    def index(self, name: str) -> int:
        """Position of a named expression weight."""
        return self.names.index(name)


@lru_cache(maxsize=1)
def default_head() -> Head:
    """The bundled default model with every part that it has."""
    model = FaceModel.load(parts=None)
    triangles = model.triangles.numpy().astype(np.int32)
    rows = triangles.reshape(-1)
    columns = np.repeat(np.arange(len(triangles)), 3)
    ones = np.ones(len(rows), np.float32)
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
        names=model.expression_names,
        incidence=sparse.csr_matrix((ones, (rows, columns)), shape=(model.n_vertices, len(triangles))),
        uv=model.uv.numpy(),
    )
