"""Moves the 52 units from the registered model to a rig's own vertices.

Deformation transfer after R. Sumner and J. Popovic (SIGGRAPH 2004), in the form that small facial movements allow: the
model's offsets are carried by the local linear map that turns the model's surface into the rig's (so that a wider mouth
smiles wider), read off at the closest point that faces the same way, and where the rig has no such point (inside of the
lips, back of the skull) filled in smoothly along the rig's own edges. Eyeballs turn about their own centres, teeth move
as bodies. All in the head's frame, millimetres.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from mmface_core.geometry.normals import normals_of
from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES, MIRRORED_UNIT
from mmface_core.model.default_expression import GAZE_DEGREES, turn
from retarget.registration.closest import SurfaceIndex, seamless_normals
from retarget.registration.nonrigid import match_weights
from retarget.registration.parts import (
    ATTACHED,
    ELSEWHERE,
    EYE_LEFT,
    EYE_RIGHT,
    SKIN,
    TEETH_LOWER,
    TEETH_UPPER,
    mirror_of,
    objects_to_move,
    pieces_of,
    reflected_directions,
    weld,
)
from retarget.registration.register import NORMAL_MM, SPACING_MM, Registration
from retarget.registration.surface import Surface
from retarget.registration.template import Template, edges_of, laplacian

Array = NDArray[np.floating]

# The model's units are those of MakeHuman's base head, in its millimetres, but the model's mean is so much larger: in
# proportion to a head they must be so much stronger to mean what their sculptors meant (the test measures both heads).
SCULPTED = 1.064
# A head so large, against the model's mean, is a person's: there the model's own rule holds, by which identity, size
# included, and expression add up in millimetres. What is larger or smaller is another unit's or a cartoon's.
PERSON = (0.75, 1.25)
_REACH_MM = 12.0  # a rig's skin farther from the model than this takes its movement from its neighbours
_FILL = 0.03  # how much neighbours count against a good match: enough to fill in, too little to blur
_REST = 0.02  # how much a vertex without any match holds still
_STILL_MM = 0.02  # offsets below this are nothing that one sees
_WELD_MM = 1e-3
_SYMMETRY_MM = 0.3  # a head whose vertices mirror each other this well is meant to be symmetric
_SMOOTHINGS = 4  # a local map is the mean over so many rings of neighbours
_GROWTH = (0.4, 2.5)  # a local map stretches movements by no less and no more


@dataclass(frozen=True)
class Transferred:
    """The units on one mesh: offsets (52, N, 3) in world directions; kinds: what its pieces were taken for."""

    object: str
    offsets: Array = field(repr=False)
    kinds: tuple[str, ...]
    symmetric: bool

    @property
    def moving(self) -> tuple[int, ...]:
        """Rows of the units that move this mesh at all."""
        return tuple(int(row) for row in np.flatnonzero(np.abs(self.offsets).max(axis=(1, 2)) > 0))


def transfer_units(surfaces: Sequence[Surface], registration: Registration) -> tuple[Transferred, ...]:
    """The 52 units on every mesh that any of them moves."""
    units = carried_units(registration, surfaces[0].unit_scale if surfaces else 1.0)
    carrier = _Carrier(registration, units)
    results = [_transfer_mesh(surface, registration, carrier) for surface in objects_to_move(surfaces)]
    return tuple(r for r in results if r is not None)


def carried_units(registration: Registration, unit_scale: float = 1.0) -> Array:
    """Units (52, V, 3) on the registered model: turned and stretched as its surface is, lids made to meet. On a head of
    a person's size in metres they are as large as the model's; on any other, as strong against the head as they were
    against the one that they were sculpted on. unit_scale: metres in a world unit."""
    template = registration.template
    maps = local_maps(registration.identified, registration.vertices, template.triangles)
    units = size_of_movements(1000 * unit_scale * registration.to_world.scale) * np.einsum(
        "vij,uvj->uvi", maps, template.units
    )
    for side in ("Left", "Right"):
        row = ARKIT_INDEX[f"eyeBlink{side}"]
        units[row] *= blink_gain(template, registration.vertices, units[row], side)
    return units


def size_of_movements(head: float) -> float:
    """By how much the units are strengthened in the head's own frame; head: its size against the model's mean."""
    return 1 / head if PERSON[0] < head < PERSON[1] else SCULPTED


def local_maps(before: Array, after: Array, triangles: NDArray[np.integer]) -> Array:
    """(V, 3, 3) the linear map that turns each vertex' neighbourhood on one shape into that on another.

    Least squares over the edges around, the normal taken along with the neighbourhood's size; smoothed over the
    neighbours, and kept from shrinking or growing movements beyond reason. The identity where a vertex has no edges.
    """
    edges = edges_of(triangles)
    count = len(before)
    source, goal = (shape[edges[:, 1]] - shape[edges[:, 0]] for shape in (before, after))
    normal_before, normal_after = normals_of(before, triangles), normals_of(after, triangles)
    from_square, to_square = (np.zeros((count, 3, 3)) for _ in range(2))
    for end in (0, 1):
        np.add.at(from_square, edges[:, end], np.einsum("ei,ej->eij", source, source))
        np.add.at(to_square, edges[:, end], np.einsum("ei,ej->eij", goal, source))
    size_before = np.maximum(np.trace(from_square, axis1=1, axis2=2), 1e-9)
    size_after = np.zeros(count)
    for end in (0, 1):
        np.add.at(size_after, edges[:, end], (goal**2).sum(axis=1))
    # The normal grows with the square root of the area, as a skin that is pulled wide gets no thicker movement.
    growth = np.sqrt(size_after / size_before)
    strength = size_before / 2
    from_square += strength[:, None, None] * np.einsum("vi,vj->vij", normal_before, normal_before)
    to_square += (strength * growth)[:, None, None] * np.einsum("vi,vj->vij", normal_after, normal_before)
    tie = 0.02 * size_before[:, None, None] * np.eye(3)
    maps = np.linalg.solve((from_square + tie).transpose(0, 2, 1), (to_square + tie).transpose(0, 2, 1))
    maps = maps.transpose(0, 2, 1)
    maps[size_before <= 1e-8] = np.eye(3)
    ones = np.ones(len(edges))
    graph = sparse.csr_matrix((ones, (edges[:, 0], edges[:, 1])), (count, count))
    graph = graph + graph.T + sparse.identity(count)
    graph = sparse.diags(1 / np.asarray(graph.sum(axis=1)).ravel()) @ graph
    flat = maps.reshape(count, 9)
    for _ in range(_SMOOTHINGS):
        flat = graph @ flat
    left, stretch, right = np.linalg.svd(flat.reshape(count, 3, 3))
    return left * np.clip(stretch, *_GROWTH)[:, None, :] @ right


def blink_gain(template: Template, vertices: Array, blink: Array, side: str) -> float:
    """By how much to strengthen a blink (V, 3) so that the lids of `vertices` close as far as the model's do."""
    upper, lower = ((37, 38), (41, 40)) if side == "Right" else ((43, 44), (47, 46))
    unit = template.units[ARKIT_INDEX[f"eyeBlink{side}"]]

    def opening(shape: Array) -> float:
        points = template.landmarks(shape)
        return float(np.mean(points[list(upper), 1] - points[list(lower), 1]))

    rest, closing = opening(vertices), -opening(blink)
    left_open = opening(template.mean + unit) / opening(template.mean)  # what annotators' points keep apart
    return float(np.clip(rest * (1 - left_open) / max(closing, 1e-6), 0.5, 2.0))


class _Carrier:
    """The registered model, ready to hand its units to other vertices."""

    def __init__(self, registration: Registration, units: Array) -> None:
        self.registration, self.units = registration, units
        template = registration.template
        self.outer = SurfaceIndex(
            registration.vertices, template.part_triangles("skin", "mouth", "sockets"), SPACING_MM, NORMAL_MM
        )
        self.trees = {name: cKDTree(registration.vertices[where]) for name, where in template.parts.items()}

    def skin(self, positions: Array, triangles: NDArray[np.integer]) -> Array:
        """(52, n, 3) for a piece of skin with its own triangles."""
        found = self.outer.match(positions, seamless_normals(positions, triangles))
        weight = match_weights(found, _REACH_MM, 0.0)
        read = np.stack([found.interpolate(unit) for unit in self.units])
        place, count = weld(positions, _WELD_MM)
        total = np.bincount(place, weight, count)
        joined = np.zeros((len(read), count, 3))
        for row, offsets in enumerate(read):
            for axis in range(3):
                joined[row, :, axis] = np.bincount(place, weight * offsets[:, axis], count)
        edges = edges_of(np.sort(place[triangles], axis=1))
        edges = edges[edges[:, 0] != edges[:, 1]]
        middle = np.zeros((count, 3))
        middle[place] = positions
        length = np.linalg.norm(middle[edges[:, 0]] - middle[edges[:, 1]], axis=1)
        smooth = laplacian(edges, count, np.median(length) / np.maximum(length, 0.05 * np.median(length)))
        number = np.maximum(np.bincount(place, minlength=count), 1)
        system = sparse.diags(total / number + _REST * (total / number < 0.05)) + _FILL * smooth
        solve = splu((system + 1e-9 * sparse.identity(count)).tocsc())
        flat = (joined / number[:, None]).transpose(1, 0, 2).reshape(count, -1)
        return solve.solve(flat).reshape(count, len(read), 3).transpose(1, 0, 2)[:, place]

    def attached(self, positions: Array) -> Array:
        """(52, n, 3) for what sits on the skin: as the nearest places of the skin."""
        where = self.registration.template.skin
        distance, nearest = self.trees["skin"].query(positions, k=4)
        share = 1 / (distance + 0.5)
        share /= share.sum(axis=1, keepdims=True)
        return np.einsum("nk,unkx->unx", share, self.units[:, where][:, nearest])

    def body(self, positions: Array, part: str) -> Array:
        """(52, n, 3) for teeth: the affine map that the part's own movement is."""
        where = self.registration.template.parts[part]
        middle = self.registration.vertices[where].mean(axis=0)
        at = np.c_[self.registration.vertices[where] - middle, np.full(where.stop - where.start, 20.0)]
        solved = np.linalg.lstsq(at, self.units[:, where].transpose(1, 0, 2).reshape(len(at), -1), rcond=1e-6)[0]
        moved = np.c_[positions - middle, np.full(len(positions), 20.0)] @ solved
        return moved.reshape(len(positions), -1, 3).transpose(1, 0, 2)

    def near(self, positions: Array, part: str) -> Array:
        """(52, n, 3) for a tongue: a mean of the part's vertices around."""
        where = self.registration.template.parts[part]
        distance, nearest = self.trees[part].query(positions, k=8)
        share = 1 / (distance**2 + 4.0)
        share /= share.sum(axis=1, keepdims=True)
        return np.einsum("nk,unkx->unx", share, self.units[:, where][:, nearest])


def eyeball(positions: Array, left: bool) -> Array:
    """(52, n, 3): the gaze of a ball with vertices (n, 3), turned about its middle."""
    centre = ball_centre(positions)
    offsets = np.zeros((len(ARKIT_NAMES), len(positions), 3))
    for name, (yaw, pitch) in GAZE_DEGREES.items():
        row = ARKIT_INDEX[name] if left else MIRRORED_UNIT[ARKIT_INDEX[name]]
        turned = turn(yaw if left else -yaw, pitch)
        offsets[row] = (positions - centre) @ (turned - np.eye(3)).T
    return offsets


def ball_centre(positions: Array) -> Array:
    """Centre (3,) of the sphere through points (n, 3) in least squares; their middle where they are too flat."""
    middle = (positions.min(axis=0) + positions.max(axis=0)) / 2
    about = positions - middle
    solved = np.linalg.lstsq(np.c_[2 * about, np.ones(len(about))], (about**2).sum(axis=1), rcond=None)[0][:3]
    return middle + solved if np.linalg.norm(solved) < np.ptp(positions, axis=0).max() else middle


def _transfer_mesh(surface: Surface, registration: Registration, carrier: _Carrier) -> Transferred | None:
    pieces = pieces_of(surface, registration)
    kinds = tuple(dict.fromkeys(piece.kind for piece in pieces))
    if kinds == (ELSEWHERE,):
        return None
    positions = registration.to_head(surface.positions)
    offsets = np.zeros((len(ARKIT_NAMES), len(positions), 3))
    number = np.full(len(positions), -1)
    for piece in pieces:
        points = positions[piece.vertices]
        if piece.kind == SKIN:
            number[piece.vertices] = np.arange(len(piece.vertices))
            inside = surface.triangles[(number[surface.triangles] >= 0).all(axis=1)]
            offsets[:, piece.vertices] = carrier.skin(points, number[inside])
            number[piece.vertices] = -1
        elif piece.kind in (EYE_LEFT, EYE_RIGHT):
            offsets[:, piece.vertices] = eyeball(points, piece.kind == EYE_LEFT)
        elif piece.kind in (TEETH_UPPER, TEETH_LOWER):
            offsets[:, piece.vertices] = carrier.body(points, piece.kind)
        elif piece.kind == ATTACHED:
            offsets[:, piece.vertices] = carrier.attached(points)
        elif piece.kind != ELSEWHERE:
            offsets[:, piece.vertices] = carrier.near(points, piece.kind)
    symmetry = mirror_of(positions, _SYMMETRY_MM)
    if symmetry is not None:
        partner, normal, _ = symmetry
        mirrored = reflected_directions(offsets[list(MIRRORED_UNIT)][:, partner], normal)
        offsets = (offsets + mirrored) / 2
    offsets[np.linalg.norm(offsets, axis=2) < _STILL_MM] = 0.0
    if not offsets.any():
        return None
    return Transferred(surface.object, registration.to_world.turn(offsets), kinds, symmetry is not None)
