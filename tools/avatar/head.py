"""The avatar's head: the default model's skin, lids' insides and mouth as one mesh of quads, under one identity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.model.default_expression import build_units
from mmface_core.model.default_source import (
    EYE_CAVITY_COLOURS,
    HEAD_COLOUR,
    MOUTH_CAVITY_COLOUR,
    body_quads,
    read_base_mesh,
)
from mmface_core.model.default_topology import HeadTopology, head_topology
from mmface_core.model.face_model import FaceModel
from tools.avatar.parts import AvatarMesh

IDENTITY_SEED, IDENTITY_SIZE = 5, 0.42  # a face that no one will take for a certain person, a little off the average


@dataclass(frozen=True)
class Person:
    """The neutral shape (V, 3) mm and the 52 units (52, V, 3) mm of one identity on the default model's topology."""

    head: HeadTopology
    shape: np.ndarray
    units: np.ndarray

    def keys(self, where: slice | np.ndarray) -> dict[str, np.ndarray]:
        """Offsets of all units on some vertices."""
        return {name: self.units[row, where] for row, name in enumerate(ARKIT_NAMES)}


def make_person() -> Person:
    """The avatar's identity, with the blink and the gaze fitted to its own eyes."""
    model = FaceModel.load(parts=None)
    codes = np.random.default_rng(IDENTITY_SEED).normal(size=model.n_identity) * IDENTITY_SIZE
    shape = model.mean.numpy() + np.tensordot(codes, model.identity_basis.numpy(), 1)
    head = head_topology()
    return Person(head, shape.astype(float), build_units(head, shape.astype(float)))


def head_mesh(person: Person) -> AvatarMesh:
    """Skin, mouth cavity and eye sockets, joined along lips and lids so that Blender smooths across."""
    base = read_base_mesh()
    place: dict[int, int] = {}
    for name in ("sockets", "mouth", "skin"):  # the skin's own values win on the seams
        part = person.head.part(name)
        place |= {int(source): part.start + row for row, source in enumerate(person.head.source[part])}
    kinds = ((HEAD_COLOUR,), (MOUTH_CAVITY_COLOUR,), EYE_CAVITY_COLOURS)
    rows = [body_quads(colours) for colours in kinds]
    quads = base.groups["body"][np.concatenate(rows)]
    used = np.unique(quads)
    renumber = np.zeros(len(base.vertices), np.int64)
    renumber[used] = np.arange(len(used))
    where = np.array([place[int(vertex)] for vertex in used])
    vertices = person.shape[where]
    return AvatarMesh(
        "Head",
        vertices,
        renumber[quads],
        ["Skin", "Mouth", "Lid inside"],
        _neck_weights(vertices),
        person.keys(where),
        _atlas(base.texture[base.group_texture["body"][np.concatenate(rows)]], vertices[renumber[quads]]),
        np.repeat(np.arange(3), [len(row) for row in rows]),
        (1, 2),
    )


def _neck_weights(vertices: np.ndarray) -> dict[str, np.ndarray]:
    """Weights of the bones `neck` and `head`: the skin below and behind the jaw bends with the neck."""
    # Distance below a plane through the jaw that rises towards the back, as the neck does.
    depth = -55 - vertices[:, 1] - 0.45 * (vertices[:, 2] + 20)
    depth[vertices[:, 1] > -20] = np.minimum(depth, 0)[vertices[:, 1] > -20]
    neck = np.clip(depth / 45, 0, 1)
    neck = neck * neck * (3 - 2 * neck)
    return {"head": 1 - neck, "neck": neck}


def _atlas(texture: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """UV (m, 4, 2) in 0..1 of the quads: the face upright, the front of the neck in the free space beside it.

    Args: texture (m, 4, 2) of the source's atlas, where the face lies on its side; corners (m, 4, 3) mm.
    """
    upright = np.stack([texture[..., 1], 1 - texture[..., 0]], -1)
    face = (texture[..., 0] > 0.6).all(1) & (texture[..., 1] > 0.14).all(1)
    neck = (texture[..., 1] > 0.9).all(1)
    if np.corrcoef(upright[face, :, 0].ravel(), corners[face, :, 0].ravel())[0, 1] < 0:
        upright[..., 0] *= -1
    if np.corrcoef(upright[face, :, 1].ravel(), corners[face, :, 1].ravel())[0, 1] < 0:
        upright[..., 1] *= -1
    low, high = upright[face].min((0, 1)), upright[face].max((0, 1))
    size = (high - low).max()
    result = np.zeros_like(upright)
    result[face] = (upright[face] - low) / size * 0.98 + 0.01
    # The neck's patch, at the scale of the face, above it: the face is only half as high as wide.
    low_neck = texture[neck].min((0, 1))
    result[neck] = (texture[neck] - low_neck) / size * 0.98 + (0.4, 0.9)
    return result
