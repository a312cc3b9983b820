"""A rig's keys seen from the default model: where each of the model's vertices goes when a key is at 1."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mmface_core.geometry.normals import normals_of
from retarget.registration.closest import SurfaceIndex
from retarget.registration.nonrigid import match_weights
from retarget.registration.register import NORMAL_MM, SPACING_MM, Registration, joined
from retarget.registration.surface import Surface
from retarget.rig import RigDescription

Array = NDArray[np.floating]

_SKIN_REACH_MM = 10.0  # a rig's surface farther from the model's skin than this says nothing about it
_INNER_REACH_MM = 12.0  # eyes, teeth and tongue are only roughly where the model's are
_INNER_NORMAL_MM = 3.0  # and their normals say less


@dataclass(frozen=True)
class KeyFields:
    """Keys by name (keys of one name on several meshes act together) on the model's vertices, head frame, mm.

    names (n); offsets (n, V, 3) at value 1; trust (V,) 0..1: whether the rig has a surface there.
    """

    names: tuple[str, ...]
    offsets: Array = field(repr=False)
    trust: Array = field(repr=False)


def key_fields(rig: RigDescription, surfaces: Sequence[Surface], registration: Registration) -> KeyFields:
    """Carry every live key of the rig to the model's vertices by closest points."""
    by_object = {s.object: s for s in surfaces}
    meshes = [m for m in rig.keyed_meshes if m.object in by_object]
    names = tuple(dict.fromkeys(k.name for m in meshes for k in m.keys if k.usable and not m.is_dead(k)))
    template = registration.template
    if not names:
        return KeyFields((), np.zeros((0, len(template.mean), 3)), np.zeros(len(template.mean)))
    positions, triangles = joined([by_object[m.object] for m in meshes])
    positions = registration.to_head(positions)
    on_face = np.concatenate([np.full(m.vertices, m.object in registration.objects) for m in meshes])
    skin = template.skin
    normals = normals_of(registration.vertices, template.triangles)
    face = SurfaceIndex(positions, triangles[on_face[triangles].all(axis=1)], SPACING_MM, NORMAL_MM)
    outer = face.match(registration.vertices[skin], normals[skin])
    anything = SurfaceIndex(positions, triangles, SPACING_MM, _INNER_NORMAL_MM)
    inner = anything.match(registration.vertices, normals)
    trust = np.clip(1 - (inner.distance / _INNER_REACH_MM) ** 2, 0, 1)
    trust[skin] = match_weights(outer, _SKIN_REACH_MM, 0.2)
    to_inner, to_outer = inner.matrix(len(positions)), outer.matrix(len(positions))
    starts = dict(zip((m.object for m in meshes), np.cumsum([0, *(m.vertices for m in meshes)]), strict=False))
    offsets = np.zeros((len(names), len(template.mean), 3))
    for number, name in enumerate(names):
        moved = np.zeros_like(positions)
        for mesh in meshes:
            key = mesh.key(name)
            if key is not None and key.delta is not None and key.usable and not mesh.is_dead(key):
                moved[starts[mesh.object] : starts[mesh.object] + mesh.vertices] = key.delta
        moved = registration.to_world.turn_back(moved)
        offsets[number] = to_inner @ moved
        offsets[number, skin] = to_outer @ moved
    return KeyFields(names, offsets, trust)
