"""From a rig's file to the default model laid over it: read the surfaces, find the face, register."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retarget.blender import Blender
from retarget.registration.found_face import FoundFace
from retarget.registration.locate import Capture, find_face, still_capture
from retarget.registration.register import Registration, can_register, register
from retarget.registration.surface import Surface, read_surfaces
from retarget.rig import RigDescription

Array = NDArray[np.floating]

_HEAD_SHARE = 0.2  # of a standing character's height, from the top: its head, whether grown-up or child
_BETTER_COVERED = 0.05  # so much more of the face's skin must lie on the mesh, to take what fewer pictures meant


@dataclass(frozen=True)
class RegisteredRig:
    """A rig's surfaces, and the model on them; registration None where no face was found."""

    surfaces: tuple[Surface, ...] = field(repr=False)
    registration: Registration | None


def register_rig(
    path: Path, rig: RigDescription | None = None, blender: Blender | None = None, capture: Capture | None = None
) -> RegisteredRig:
    """Open the rig at `path` in children and lay the default model over it.

    rig: its description; the keys' movements then say where to look for the face. Without one, or without keys, the
    whole scene is looked at, and then what looks like a face. Raises BlenderError where the file cannot be opened.
    """
    blender, capture = blender or Blender(), capture or still_capture()
    with tempfile.TemporaryDirectory(prefix="mmface-surface-") as folder:
        surfaces = read_surfaces(path, blender, Path(folder))
    visible = [s for s in surfaces if s.visible]
    if not visible:
        return RegisteredRig(surfaces, None)
    moved = moved_points(rig, surfaces) if rig else np.zeros((0, 3))
    if len(moved):
        # Hair, hats and glasses stand before the face and have no keys; should the face need them, a second look helps.
        without_keys = [s.object for s in visible if not s.keyed]
        faces = find_face(path, surfaces, moved, blender, capture, without_keys)
        if not faces and without_keys:
            faces = find_face(path, surfaces, moved, blender, capture)
    else:
        everything = np.concatenate([s.positions for s in visible])
        faces = find_face(path, surfaces, everything, blender, capture)
        if not faces:  # a face is lost in the picture of a whole body: look at its top
            top = everything[:, 2].max() - _HEAD_SHARE * np.ptp(everything[:, 2])
            faces = find_face(path, surfaces, everything[everything[:, 2] > top], blender, capture)
    return RegisteredRig(surfaces, lay_best(surfaces, faces) if faces else None)


def lay_best(surfaces: Sequence[Surface], faces: Sequence[FoundFace]) -> Registration:
    """The model laid over the meshes from the reading that fits them: the first, unless another covers clearly more.

    faces: what pictures of the rig may mean, the likeliest first. Raises UserError where none has enough landmarks on
    a mesh.
    """
    first, *others = [face for face in faces if can_register(face)] or faces[:1]
    best = register(surfaces, first)
    needed = best.covered + _BETTER_COVERED
    for face in others:
        laid = register(surfaces, face)
        if laid.covered >= needed:
            best, needed = laid, laid.covered
    return best


def moved_points(rig: RigDescription, surfaces: Sequence[Surface]) -> Array:
    """(n, 3) world: the vertices that any key moves by a tenth of its largest offset on any mesh."""
    positions = {s.object: s.positions for s in surfaces}
    largest: dict[str, float] = {}  # keys of one name are one key, on however many meshes
    for mesh in rig.keyed_meshes:
        for key in mesh.keys:
            largest[key.name] = max(largest.get(key.name, 0.0), key.max_delta)
    points = [
        positions[mesh.object][np.linalg.norm(key.delta, axis=1) > 0.1 * largest[key.name]]
        for mesh in rig.keyed_meshes
        if mesh.object in positions
        for key in mesh.keys
        if key.delta is not None and not mesh.is_dead(key)
    ]
    return np.concatenate(points) if points else np.zeros((0, 3))
