"""`create_shapes`: the 52 ARKit keys for a rig that has none, written into a copy of its file."""

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.whole_file import unfinished_path
from retarget.blender import Blender
from retarget.registration.locate import Capture
from retarget.registration.register import Registration
from retarget.registration.rig import register_rig
from retarget.registration.surface import Surface
from retarget.registration.transfer import Transferred, transfer_units

Array = NDArray[np.floating]
Progress = Callable[[str, int, int], None]

KEYS_SCHEMA = "mmface-keys/1"
MOST_RESIDUAL_MM = 2.0  # on a human-sized head; beyond that lids and lips are not where the model thinks
LEAST_COVERED = 0.6  # of the model's face must have a place on the rig


@dataclass(frozen=True)
class Created:
    """What was made. registration: how well the model lies; meshes: what each mesh was taken for; still: units that
    move nothing on this rig (no tongue, no eyeballs)."""

    output: Path
    registration: Registration = field(repr=False)
    meshes: tuple[Transferred, ...] = field(repr=False)
    still: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """For the user: how it went, one line each."""
        found = self.registration
        lines = [
            f"The face was found on {', '.join(found.objects)} (confidence {found.confidence:.2f}); the model lies "
            f"{found.residual_mm:.2f} mm from it in the median and covers {100 * found.covered:.0f} % of the face.",
        ]
        for mesh in self.meshes:
            symmetric = ", symmetric" if mesh.symmetric else ""
            what = ", ".join(kind.replace("_", " ") for kind in mesh.kinds)
            lines.append(f"{mesh.object}: {len(mesh.moving)} moving keys ({what}{symmetric})")
        if self.still:
            lines.append(f"Nothing on this rig moves with {', '.join(self.still)}.")
        return tuple(lines)


def create_shapes(
    head: Path,
    output: Path,
    *,
    strength: float = 1.0,
    replace: bool = False,
    force: bool = False,
    blender: Blender | None = None,
    capture: Capture | None = None,
    progress: Progress | None = None,
) -> Created:
    """Make the 52 ARKit keys on the meshes of `head` and save a copy as `output`; the file itself stays as it is.

    strength: multiplies every movement. replace: the meshes' own keys are dropped first. force: go on where the model
    does not fit well. Raises UserError where no face is found, the model does not fit, or the keys exist already.
    """
    blender = blender or Blender()
    found = register_rig(head, None, blender, capture)
    if found.registration is None:
        raise UserError(
            f"No human face was recognised on {head.name} when it was rendered from all sides, so there is nothing to "
            "lay the face model on. Faces far from human need hand-made shapes."
        )
    check_fit(found.registration, head.name, force)
    meshes = transfer_units(found.surfaces, found.registration)
    if not meshes:
        raise UserError(f"The face model fits {head.name}, but it moves none of its meshes.")
    unfinished = unfinished_path(output)
    with tempfile.TemporaryDirectory(prefix="mmface-keys-") as folder:
        plan = write_plan(Path(folder), found.surfaces, meshes, strength)
        steps: list[dict[str, Any]] = [
            {"do": "open", "path": str(head.resolve())},
            {"do": "make_keys", "path": str(plan), "replace": replace},
            {"do": "save", "path": str(unfinished)},
        ]
        try:
            blender.run(steps, head.name, progress)
            os.replace(unfinished, output)
        finally:
            unfinished.unlink(missing_ok=True)
    moving = {row for mesh in meshes for row in mesh.moving}
    still = tuple(name for row, name in enumerate(ARKIT_NAMES) if row not in moving)
    return Created(output, found.registration, meshes, still)


def check_fit(registration: Registration, name: str, force: bool = False) -> None:
    """Raise UserError where the model lies too far off the rig for lids and lips to be right."""
    if force:
        return
    if registration.residual_mm > MOST_RESIDUAL_MM or registration.covered < LEAST_COVERED:
        raise UserError(
            f"The face model does not fit {name}: it lies {registration.residual_mm:.1f} mm off in the median (at most "
            f"{MOST_RESIDUAL_MM:g}) and covers {100 * registration.covered:.0f} % of the face (at least "
            f"{100 * LEAST_COVERED:.0f}). Look whether its mouth and eyes are at rest; --force goes on anyway."
        )


def write_plan(folder: Path, surfaces: Sequence[Surface], meshes: Sequence[Transferred], strength: float = 1.0) -> Path:
    """The keys for the child's step `make_keys` into `folder`; return the JSON file.

    Every mesh that moves gets all 52 keys, so that a mesh's list of keys looks as an artist expects it.
    """
    linear = {s.object: s.linear for s in surfaces}
    rows, place = [], 0
    with (folder / "keys.f32").open("wb") as file:
        for mesh in meshes:
            to_local = np.linalg.inv(linear[mesh.object]).T
            keys: list[dict[str, object]] = []
            for name, offsets in zip(ARKIT_NAMES, mesh.offsets, strict=True):
                local = (strength * offsets @ to_local).astype("<f4")
                keys.append({"name": name, "offset": place if local.any() else None})
                if local.any():
                    local.tofile(file)
                    place += local.size
            rows.append({"object": mesh.object, "vertices": mesh.offsets.shape[1], "keys": keys})
    path = folder / "keys.json"
    path.write_text(json.dumps({"schema": KEYS_SCHEMA, "values": "keys.f32", "meshes": rows}))
    return path
