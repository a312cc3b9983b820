"""The default face model as plain float64 arrays: what is laid over a rig."""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

Array = NDArray[np.floating]
Indices = NDArray[np.integer]


@dataclass(frozen=True)
class Template:
    """The model with all its parts. Head frame, millimetres (see `mmface_core.conventions`).

    mean (V, 3); identity (K, V, 3); units (52, V, 3) offsets of the ARKit units; triangles (F, 3); mirror (V,);
    parts: name -> slice of vertices; landmark_vertices, landmark_weights (68, 3): where annotators put the 68 points.
    """

    mean: Array = field(repr=False)
    identity: Array = field(repr=False)
    units: Array = field(repr=False)
    triangles: Indices = field(repr=False)
    mirror: Indices = field(repr=False)
    parts: dict[str, slice]
    landmark_vertices: Indices = field(repr=False)
    landmark_weights: Array = field(repr=False)

    @property
    def skin(self) -> slice:
        return self.parts["skin"]

    def part_triangles(self, *names: str) -> Indices:
        """The triangles (f, 3) of the named parts."""
        wanted = np.zeros(len(self.mean), bool)
        for name in names:
            wanted[self.parts[name]] = True
        return self.triangles[wanted[self.triangles].all(axis=1)]

    def landmarks(self, vertices: Array) -> Array:
        """The 68 points (68, 3) of vertices (V, 3)."""
        return np.einsum("lcx,lc->lx", vertices[self.landmark_vertices], self.landmark_weights)


@lru_cache(maxsize=1)
def default_template() -> Template:
    """The bundled model with every part."""
    from mmface_core.model.face_model import FaceModel

    model = FaceModel.load(parts=None)
    return Template(
        mean=model.mean.numpy().astype(np.float64),
        identity=model.identity_basis.numpy().astype(np.float64),
        units=model.expression_basis.numpy().astype(np.float64),
        triangles=model.triangles.numpy(),
        mirror=model.mirror.numpy(),
        parts=dict(model.parts),
        landmark_vertices=model.annotated_vertices.numpy(),
        landmark_weights=model.annotated_weights.numpy().astype(np.float64),
    )


def edges_of(triangles: Indices) -> Indices:
    """The undirected edges (E, 2) of triangles (F, 3), each once."""
    both = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return np.unique(np.sort(both, axis=1), axis=0)


def vertex_areas(positions: Array, triangles: Indices) -> Array:
    """A third of the area of the adjacent triangles (N,)."""
    corners = positions[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 6
    return np.bincount(triangles.reshape(-1), np.repeat(area, 3), minlength=len(positions)).astype(np.float64)


def laplacian(edges: Indices, n_vertices: int, weights: Array | None = None) -> sparse.csr_matrix:
    """The graph's Laplacian (N, N): x' L x is the sum over edges of weight times squared difference."""
    weights = np.ones(len(edges)) if weights is None else weights
    incidence = sparse.csr_matrix(
        (
            np.concatenate([np.ones(len(edges)), -np.ones(len(edges))]),
            (np.tile(np.arange(len(edges)), 2), edges.T.reshape(-1)),
        ),
        (len(edges), n_vertices),
    )
    return (incidence.T @ sparse.diags(weights) @ incidence).tocsr()
