"""The registration of the default model to a rig in one place: surfaces and a found face in, a laid-on model out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from mmface_core.errors import UserError
from mmface_core.geometry.similarity import Similarity, fit_similarity_robustly
from retarget.registration.closest import SurfaceIndex
from retarget.registration.found_face import FoundFace
from retarget.registration.nonrigid import NonrigidConfig, fit_identity, fit_offsets
from retarget.registration.surface import Surface
from retarget.registration.template import Template, default_template

Array = NDArray[np.floating]

SPACING_MM = 2.0  # how densely a rig's surface is sampled for closest points
NORMAL_MM = 10.0  # a normal turned away by a right angle weighs like this distance (times sqrt 2)
_HEAD_MM = 260.0  # triangles farther from the head frame's origin than this along any axis are left out
_FEWEST_LANDMARKS = 10  # on a mesh, to lay the model over it
_FACE_Z_MM = -30.0  # the face's skin lies in front of this plane of the head frame


@dataclass(frozen=True)
class Registration:
    """The default model laid over a rig.

    to_world: from the head frame of this head (mm, x to its left, y up, z out of the face) to the rig's world at rest.
    vertices (V, 3): all parts of the model in that frame, on the rig's surface. identified (V, 3): the same by identity
    alone. residual_mm: median distance from the face's skin to the surface; covered: the part of the face's skin that
    has a place on it; objects: the meshes that carry the face's skin; confidence: of the capture that found the face.
    """

    template: Template = field(repr=False)
    to_world: Similarity
    vertices: Array = field(repr=False)
    identified: Array = field(repr=False)
    residual_mm: float
    covered: float
    objects: tuple[str, ...]
    confidence: float

    def to_head(self, world: Array) -> Array:
        """World points (N, 3) in this head's frame, mm."""
        return self.to_world.invert(world)


def can_register(face: FoundFace) -> bool:
    """Whether enough of the face's landmarks lie on meshes to lay the model over these."""
    return bool(face.seen.sum() >= _FEWEST_LANDMARKS and face.objects)


def register(
    surfaces: Sequence[Surface],
    face: FoundFace,
    config: NonrigidConfig | None = None,
    template: Template | None = None,
) -> Registration:
    """Lay the default model over the meshes that `face` lies on.

    Raises UserError where too few landmarks lie on any mesh.
    """
    config, template = config or NonrigidConfig(), template or default_template()
    if not can_register(face):
        raise UserError("The face was seen on the rig's picture, but too few of its points lie on a mesh.")
    guess = template.mean + np.tensordot(face.identity, template.identity, 1)
    start = fit_similarity_robustly(template.landmarks(guess)[face.seen], face.landmarks[face.seen])
    positions, triangles = joined([s for s in surfaces if s.object in face.objects])
    positions = start.invert(positions)
    near = (np.abs(positions) < _HEAD_MM).all(axis=1)
    index = SurfaceIndex(positions, triangles[near[triangles].all(axis=1)], SPACING_MM, NORMAL_MM)
    landmarks = start.invert(face.landmarks)
    codes, pose = fit_identity(template, index, landmarks, face.seen, config)
    identified = template.mean + np.tensordot(codes, template.identity, 1)
    placed = pose.apply(identified)
    moved, found, weights = fit_offsets(
        placed[template.skin],
        template.part_triangles("skin"),
        index,
        config,
        landmark_matrix(template)[face.seen],
        landmarks[face.seen],
    )
    front = template.mean[template.skin, 2] > _FACE_Z_MM
    to_world = Similarity(
        start.scale * pose.scale, start.rotation @ pose.rotation, start.apply(pose.translation[None])[0]
    )
    return Registration(
        template=template,
        to_world=to_world,
        vertices=pose.invert(_with_inner_parts(template, placed, moved)),
        identified=identified,
        residual_mm=float(np.median(found.distance[front])) / pose.scale,
        covered=float((weights[front] > 0.25).mean()),
        objects=face.objects,
        confidence=face.confidence,
    )


def joined(surfaces: Sequence[Surface]) -> tuple[Array, NDArray[np.integer]]:
    """One mesh of several: positions (N, 3) world and triangles (F, 3)."""
    starts = np.cumsum([0, *(len(s.positions) for s in surfaces)])
    return (
        np.concatenate([s.positions for s in surfaces]),
        np.concatenate([s.triangles + start for s, start in zip(surfaces, starts, strict=False)]),
    )


def landmark_matrix(template: Template) -> sparse.csr_matrix:
    """(68, S): times the skin's vertices gives the landmarks, all of which lie on the skin."""
    rows = np.repeat(np.arange(68), 3)
    values = (template.landmark_weights.reshape(-1), (rows, template.landmark_vertices.reshape(-1)))
    return sparse.csr_matrix(values, (68, template.skin.stop))


def _with_inner_parts(template: Template, placed: Array, skin: Array) -> Array:
    """All parts (V, 3): eyes, teeth, tongue, lashes and cavities follow the skin around them."""
    before = placed[template.skin]
    distance, nearest = cKDTree(before).query(placed, k=12)
    share = 1 / (distance**2 + 4.0)  # mm^2: as far as the skin's own vertices lie apart
    share /= share.sum(axis=1, keepdims=True)
    moved = placed + np.einsum("vk,vkx->vx", share, (skin - before)[nearest])
    moved[template.skin] = skin
    return moved
