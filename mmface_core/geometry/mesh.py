"""Triangle meshes: normals, boundary loops, and closing a mesh so that it has an inside.

Triangles are (F, 3) vertex indices, counter-clockwise seen from outside.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph
import torch
from torch import Tensor


class ClosedMesh(NamedTuple):
    """A closed mesh made from an open one.

    extra (L, V) sparse f32: the extra vertices are `extra @ vertices`; triangles (F + f, 3) i64 over V + L vertices.
    """

    extra: scipy.sparse.csr_matrix
    triangles: np.ndarray

    def vertices(self, vertices: Tensor) -> Tensor:
        """Vertices (B, V + L, 3) of the closed mesh from those of the open one (B, V, 3)."""
        rows = [torch.from_numpy(row.indices.astype(np.int64)).to(vertices.device) for row in self.extra]
        weights = [torch.from_numpy(row.data).to(vertices) for row in self.extra]
        centres = [(vertices[:, i] * w[:, None]).sum(1, keepdim=True) for i, w in zip(rows, weights, strict=True)]
        return torch.cat([vertices, *centres], 1)


def vertex_normals(vertices: Tensor, triangles: Tensor) -> Tensor:
    """Unit normals (B, V, 3) outward, averaged over the adjacent triangles by area; zero at unused vertices.

    Args: vertices (B, V, 3); triangles (F, 3) i64.
    """
    corners = vertices[:, triangles]  # (B, F, 3 corners, xyz)
    area = torch.cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0], dim=-1)
    normals = torch.zeros_like(vertices)
    for corner in range(3):
        normals = normals.index_add(1, triangles[:, corner], area)
    return torch.nn.functional.normalize(normals, dim=-1)


def edge_counts(triangles: np.ndarray) -> np.ndarray:
    """How many triangles share each undirected edge; (E,). A manifold mesh has only ones (the boundary) and twos."""
    return np.unique(np.sort(_half_edges(triangles), 1), axis=0, return_counts=True)[1]


def boundary_loops(triangles: np.ndarray) -> list[np.ndarray]:
    """The loops of the boundary, longest first (by number of vertices), each (n,) i64.

    A loop runs in the direction of the edges of the triangles beside it. Raises ValueError where the boundary touches
    itself in a vertex, because loops are not defined there.
    """
    edges = _half_edges(np.asarray(triangles, np.int64))
    present = set(map(tuple, edges.tolist()))
    following: dict[int, int] = {}
    for start, end in edges.tolist():
        if (end, start) not in present:
            if start in following:
                raise ValueError(f"the boundary passes vertex {start} more than once")
            following[start] = end
    loops: list[np.ndarray] = []
    while following:
        loop = [min(following)]
        while (after := following.pop(loop[-1])) != loop[0]:
            loop.append(after)
        loops.append(np.array(loop, np.int64))
    return sorted(loops, key=lambda loop: (-len(loop), int(loop[0])))


def cap_triangles(triangles: np.ndarray, n_vertices: int) -> ClosedMesh:
    """Close every hole with a fan around the middle of its edges (one extra vertex per connected boundary).

    Args: triangles (F, 3); n_vertices V of the mesh. Boundaries that touch in a vertex share a fan, which still closes
    them: each vertex has as many edges that come as that go.
    """
    triangles = np.asarray(triangles, np.int64)
    edges = _half_edges(triangles)
    codes, reverse = edges[:, 0] * n_vertices + edges[:, 1], edges[:, 1] * n_vertices + edges[:, 0]
    rim = edges[~np.isin(codes, reverse)]
    links = scipy.sparse.coo_matrix((np.ones(len(rim)), (rim[:, 0], rim[:, 1])), (n_vertices, n_vertices))
    group = scipy.sparse.csgraph.connected_components(links, directed=False)[1][rim[:, 0]]
    holes, hole = np.unique(group, return_inverse=True)
    # The longest first, as `boundary_loops` has them.
    order = np.argsort(-np.bincount(hole, minlength=len(holes)), kind="stable") if len(holes) else holes
    number = np.empty(len(holes), np.int64)
    number[order] = np.arange(len(holes))
    hole = number[hole]
    fans = np.stack([rim[:, 1], rim[:, 0], n_vertices + hole], 1)  # against the edge's direction next door
    shares = (1 / np.bincount(hole, minlength=len(holes)))[hole] if len(rim) else np.zeros(0)
    extra = scipy.sparse.csr_matrix((shares.astype(np.float32), (hole, rim[:, 0])), (len(holes), n_vertices))
    return ClosedMesh(extra, np.concatenate([triangles, fans]))


def signed_volume(vertices: Tensor, triangles: Tensor) -> Tensor:
    """Volume (B,) enclosed by a closed mesh, positive where its triangles are counter-clockwise from outside."""
    a, b, c = vertices[:, triangles].unbind(2)
    return (a * torch.cross(b, c, dim=-1)).sum((1, 2)) / 6


def _half_edges(triangles: np.ndarray) -> np.ndarray:
    """Directed edges (3F, 2) of the triangles."""
    return np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
