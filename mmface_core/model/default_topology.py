"""Which vertices of MakeHuman's base mesh make up the default head, and its triangles, symmetry and UV."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmface_core.model.default_source import (
    EYE_CAVITY_COLOURS,
    HEAD_COLOUR,
    MOUTH_CAVITY_COLOUR,
    BaseMesh,
    body_quads,
    read_base_mesh,
)

# Parts in file order. Each owns its vertices: where a cavity meets the skin, the vertices of the seam are repeated.
PART_NAMES = (
    "skin",
    "eye_left",
    "eye_right",
    "teeth_upper",
    "teeth_lower",
    "tongue",
    "mouth",
    "lashes",
    "sockets",
)
_HELPER_GROUPS = {
    "eye_left": ("helper-l-eye",),
    "eye_right": ("helper-r-eye",),
    "teeth_upper": ("helper-upper-teeth",),
    "teeth_lower": ("helper-lower-teeth",),
    "tongue": ("helper-tongue",),
    "lashes": (
        "helper-l-eyelashes-1",
        "helper-l-eyelashes-2",
        "helper-r-eyelashes-1",
        "helper-r-eyelashes-2",
    ),
}
_BODY_COLOURS = {"skin": (HEAD_COLOUR,), "mouth": (MOUTH_CAVITY_COLOUR,), "sockets": EYE_CAVITY_COLOURS}
_MIRRORED_PART = {"eye_left": "eye_right", "eye_right": "eye_left"}


@dataclass(frozen=True)
class HeadTopology:
    """The default head as a selection from the base mesh.

    source (V,) i64 base vertex of each vertex; vertex_part (V,) i8; triangles (F, 3) i64, counter-clockwise from
    outside; mirror (V,) i64; uv (V, 2) f64 in 0..1.
    """

    source: np.ndarray
    vertex_part: np.ndarray
    triangles: np.ndarray
    mirror: np.ndarray
    uv: np.ndarray

    def part(self, name: str) -> slice:
        """The vertices of a part."""
        where = np.flatnonzero(self.vertex_part == PART_NAMES.index(name))
        return slice(int(where[0]), int(where[-1]) + 1)

    def of_base(self, base_indices: np.ndarray, part: str = "skin") -> np.ndarray:
        """Indices of base vertices within a part of this head; raises KeyError where one is not there."""
        where = self.part(part)
        lookup = {int(vertex): where.start + row for row, vertex in enumerate(self.source[where])}
        return np.array([lookup[int(vertex)] for vertex in np.ravel(base_indices)]).reshape(np.shape(base_indices))


def head_topology() -> HeadTopology:
    """Select the head from the base mesh; the head skin ends on the edge loops of neck, lips and eyelids."""
    base = read_base_mesh()
    source: list[int] = []
    vertex_part: list[int] = []
    triangles: list[np.ndarray] = []
    uv: list[np.ndarray] = []
    index_of: list[dict[int, int]] = []
    for number, name in enumerate(PART_NAMES):
        quads, quad_texture = _part_quads(base, name)
        vertices = np.unique(quads)
        offset = len(source)
        lookup = {int(vertex): offset + row for row, vertex in enumerate(vertices)}
        index_of.append(lookup)
        source += vertices.tolist()
        vertex_part += [number] * len(vertices)
        corners = split_quads(quads, base)
        triangles.append(np.array([[lookup[int(vertex)] for vertex in corner] for corner in corners]))
        uv.append(_part_uv(base, quads, quad_texture, vertices))
    mirror = [
        index_of[PART_NAMES.index(_MIRRORED_PART.get(PART_NAMES[part], PART_NAMES[part]))][int(base.mirror[vertex])]
        for vertex, part in zip(source, vertex_part, strict=True)
    ]
    return HeadTopology(
        np.array(source),
        np.array(vertex_part, np.int8),
        np.concatenate(triangles),
        np.array(mirror),
        np.concatenate(uv),
    )


def _part_quads(base: BaseMesh, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Quads (n, 4) of base vertices and of texture coordinates of a part."""
    if name in _BODY_COLOURS:
        rows = body_quads(_BODY_COLOURS[name])
        return base.groups["body"][rows], base.group_texture["body"][rows]
    groups = _HELPER_GROUPS[name]
    return (
        np.concatenate([base.groups[group] for group in groups]),
        np.concatenate([base.group_texture[group] for group in groups]),
    )


def split_quads(quads: np.ndarray, base: BaseMesh) -> np.ndarray:
    """Triangles (2n, 3) from quads (n, 4), cut along the shorter diagonal, alike on both sides of the face."""
    corners = base.vertices[quads]
    first = np.linalg.norm(corners[:, 0] - corners[:, 2], axis=1).round(3)
    second = np.linalg.norm(corners[:, 1] - corners[:, 3], axis=1).round(3)
    # Ties go to the diagonal with the smallest vertex or mirrored vertex: a rule that a mirrored quad shares.
    rank = np.minimum(quads, base.mirror[quads])
    tie = np.minimum(rank[:, 0], rank[:, 2]) < np.minimum(rank[:, 1], rank[:, 3])
    use_first = (first < second) | ((first == second) & tie)
    a, b, c, d = quads.T
    one = np.where(use_first[:, None], np.stack([a, b, c], 1), np.stack([a, b, d], 1))
    two = np.where(use_first[:, None], np.stack([a, c, d], 1), np.stack([b, c, d], 1))
    return np.stack([one, two], 1).reshape(-1, 3)


def _part_uv(base: BaseMesh, quads: np.ndarray, quad_texture: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """One texture coordinate (n, 2) per vertex, from the UV island that has most quads where islands meet at it.

    Islands that touch the largest one are moved by a similarity so that the seams meet as well as they can: a vertex
    has one coordinate here, and the triangles at a seam (under the jaw, at the back of the head) would otherwise be
    smeared.
    """
    island = _islands(quad_texture)
    order = [number for number, _ in sorted(_counts(island).items(), key=lambda item: (-item[1], item[0]))]
    uv = np.full((len(base.vertices), 2), np.nan)
    for number in order:
        rows = island == number
        pairs = np.unique(np.stack([quads[rows].ravel(), quad_texture[rows].ravel()], 1), axis=0)
        here = base.texture[pairs[:, 1]]
        known = ~np.isnan(uv[pairs[:, 0], 0])
        if known.sum() >= 3:
            here = _similarity(here[known], uv[pairs[known, 0]], here)
        new = ~known
        uv[pairs[new, 0]] = here[new]
    chosen = uv[vertices]
    low, high = chosen.min(0), chosen.max(0)
    return (chosen - (low + high) / 2) / (high - low).max() * 0.98 + 0.5


def _islands(quad_texture: np.ndarray) -> np.ndarray:
    """Number (n,) of the connected island of each quad in the UV layout."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    size = int(quad_texture.max()) + 1
    rows = quad_texture[:, [0, 1, 2]].ravel()
    columns = quad_texture[:, [1, 2, 3]].ravel()
    _, label = connected_components(coo_matrix((np.ones(len(rows)), (rows, columns)), (size, size)), directed=False)
    return label[quad_texture[:, 0]]


def _counts(labels: np.ndarray) -> dict[int, int]:
    numbers, counts = np.unique(labels, return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


def _similarity(points: np.ndarray, onto: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """`moved` (n, 2) under the similarity without reflection that takes `points` best onto `onto` (least squares)."""
    centre, goal = points.mean(0), onto.mean(0)
    source = (points - centre) @ np.array([1, 1j])
    target = (onto - goal) @ np.array([1, 1j])
    factor = np.vdot(source, target) / np.vdot(source, source)
    result = ((moved - centre) @ np.array([1, 1j])) * factor
    return np.stack([result.real, result.imag], 1) + goal
