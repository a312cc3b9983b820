"""Takes a rig's meshes apart: which connected piece is skin, an eyeball, teeth, a tongue, or none of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from retarget.registration.register import Registration
from retarget.registration.surface import Surface

Array = NDArray[np.floating]
Indices = NDArray[np.integer]

SKIN, ATTACHED, EYE_LEFT, EYE_RIGHT = "skin", "attached", "eye_left", "eye_right"
TEETH_UPPER, TEETH_LOWER, TONGUE, ELSEWHERE = "teeth_upper", "teeth_lower", "tongue", "elsewhere"

_WELD_MM = 1e-3  # vertices nearer than this are one: exporters split them at texture seams
_EYE_CENTRE_MM = 14.0  # an eyeball's centre lies so near to the model's
_EYE_RADIUS_MM = (5.0, 30.0)  # cartoon eyes are large
_MOUTH_MM = 14.0  # teeth and tongue lie, on average, so near to the model's
_ATTACHED_MM = 6.0  # lashes, brows and the like lie so near to the skin
_SKIN_SHARE = 0.25  # a piece is skin if so much of the model's face lies on it


@dataclass(frozen=True)
class Piece:
    """A connected piece of one mesh: its vertices (n,) in the mesh, and what it is."""

    object: str
    vertices: Indices = field(repr=False)
    kind: str


def weld(positions: Array, distance: float) -> tuple[Indices, int]:
    """For each vertex (N,) the number of the place that it shares with all nearer than `distance`; and their count."""
    pairs = cKDTree(positions).query_pairs(distance, output_type="ndarray")
    graph = sparse.coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (len(positions), len(positions)))
    count, place = connected_components(graph, directed=False)
    return place, int(count)


def pieces_of(surface: Surface, registration: Registration) -> list[Piece]:
    """The mesh's connected pieces, largest first, each named by where it lies on the registered model."""
    positions = registration.to_head(surface.positions)
    place, count = weld(positions, _WELD_MM)
    a, b = place[surface.triangles[:, [0, 1, 1, 2]]].reshape(-1, 2).T
    graph = sparse.coo_matrix((np.ones(len(a)), (a, b)), (count, count))
    label = connected_components(graph, directed=False)[1][place]
    pieces = [np.flatnonzero(label == number) for number in np.unique(label)]
    model = _Model(registration)
    on_face = surface.object in registration.objects
    return [
        Piece(surface.object, members, model.kind(positions[members], on_face))
        for members in sorted(pieces, key=len, reverse=True)
    ]


class _Model:
    """The registered model's parts, ready to be compared with pieces."""

    def __init__(self, registration: Registration) -> None:
        self.parts = {name: registration.vertices[where] for name, where in registration.template.parts.items()}
        self.trees = {name: cKDTree(points) for name, points in self.parts.items()}
        front = registration.template.mean[registration.template.skin, 2] > 0
        self.face = self.parts["skin"][front]

    def kind(self, points: Array, on_face: bool) -> str:
        """What a piece with vertices `points` (n, 3) is, in the head's frame."""
        if on_face and self._carries_skin(points):
            return SKIN
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        radius = float(np.linalg.norm(points - middle, axis=1).max())
        for name in (EYE_LEFT, EYE_RIGHT):
            eye = self.parts[name]
            away = float(np.linalg.norm(middle - (eye.min(axis=0) + eye.max(axis=0)) / 2))
            if away < _EYE_CENTRE_MM and _EYE_RADIUS_MM[0] < radius < _EYE_RADIUS_MM[1] and _is_round(points):
                return name
        inner = {name: float(self.trees[name].query(points)[0].mean()) for name in (TEETH_UPPER, TEETH_LOWER, TONGUE)}
        to_skin = float(self.trees["skin"].query(points)[0].mean())
        nearest = min(inner, key=lambda name: inner[name])
        if inner[nearest] < min(_MOUTH_MM, to_skin):
            return nearest
        return ATTACHED if to_skin < _ATTACHED_MM else ELSEWHERE

    def _carries_skin(self, points: Array) -> bool:
        distance = cKDTree(points).query(self.face)[0]
        return bool((distance < 2 * _ATTACHED_MM).mean() > _SKIN_SHARE)


def _is_round(points: Array) -> bool:
    """Whether the points are as wide as high, within a factor of two: a ball or the front of one, no lash."""
    width, height = np.ptp(points[:, 0]), np.ptp(points[:, 1])
    return bool(0.5 < width / max(height, 1e-9) < 2.0)


def mirror_of(positions: Array, tolerance: float) -> tuple[Indices, Array, float] | None:
    """The symmetry of points (N, 3) near the plane x = 0: partner (N,) of each, the plane's normal (3,) and offset.

    None where fewer than 98 of 100 points have a partner within `tolerance` of their mirror image.
    """
    normal, offset = np.array([1.0, 0.0, 0.0]), 0.0
    tree = cKDTree(positions)
    for _ in range(8):
        distance, partner = tree.query(_reflected(positions, normal, offset))
        near = distance <= max(tolerance, float(np.median(distance)) * 2)
        across = (positions - positions[partner])[near]
        across = across[np.linalg.norm(across, axis=1) > 20 * tolerance]
        if len(across) < 10:
            return None
        normal = np.linalg.eigh(across.T @ across)[1][:, -1]
        normal *= np.sign(normal[0]) or 1.0
        offset = float(np.median(((positions + positions[partner]) / 2 @ normal)[near]))
    distance, partner = tree.query(_reflected(positions, normal, offset))
    if (distance <= tolerance).mean() < 0.98:
        return None
    return partner, normal, offset


def _reflected(points: Array, normal: Array, offset: float) -> Array:
    return points - 2 * np.outer(points @ normal - offset, normal)


def reflected_directions(offsets: Array, normal: Array) -> Array:
    """Directions (..., 3) mirrored in a plane with that normal (3,)."""
    return offsets - 2 * (offsets @ normal)[..., None] * normal


def objects_to_move(surfaces: Sequence[Surface]) -> list[Surface]:
    """The meshes that may get keys: seen, and the file's own."""
    return [s for s in surfaces if s.visible and not s.linked]
