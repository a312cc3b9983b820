"""The surfaces of a rig's meshes at rest, as a child Blender reported them (schema "mmface-surface/1")."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmface_core.errors import UserError
from retarget.blender import Blender

SCHEMA = "mmface-surface/1"

Array = NDArray[np.floating]
Indices = NDArray[np.integer]


@dataclass(frozen=True)
class Surface:
    """One mesh object at rest. positions (N, 3) f64 world; triangles (F, 3) i64; linear (3, 3): object to world.

    unit_scale: metres in one world unit, as the scene says.
    """

    object: str
    positions: Array = field(repr=False)
    triangles: Indices = field(repr=False)
    visible: bool = True
    linked: bool = False
    keyed: bool = False
    linear: Array = field(default_factory=lambda: np.eye(3), repr=False)
    unit_scale: float = 1.0


def surfaces_from_json(data: dict[str, Any], arrays: Path) -> tuple[Surface, ...]:
    """Build the surfaces from the step's answer and its raw file of 4-byte numbers. UserError on another schema."""
    if data.get("schema") != SCHEMA:
        raise UserError(f"This description of surfaces has the version {data.get('schema')}; mmface reads {SCHEMA}.")
    raw = arrays.read_bytes()

    def numbers(place: dict[str, int], kind: str) -> NDArray[Any]:
        return np.frombuffer(raw, kind, place["count"], 4 * place["offset"]).reshape(-1, 3)

    return tuple(
        Surface(
            object=row["object"],
            positions=numbers(row["positions"], "<f4").astype(np.float64),
            triangles=numbers(row["triangles"], "<i4").astype(np.int64),
            visible=row["visible"],
            linked=row["linked"],
            keyed=row["keyed"],
            linear=np.array(row["world"])[:3, :3],
            unit_scale=data.get("unit_scale", 1.0),
        )
        for row in data["meshes"]
    )


def surface_steps(rig: Path, folder: Path) -> list[dict[str, Any]]:
    """The job's steps that open a rig and read its surfaces into `folder`."""
    return [{"do": "open", "path": str(rig.resolve())}, {"do": "surface", "arrays": str(folder / "surface.raw")}]


def read_surfaces(rig: Path, blender: Blender, folder: Path) -> tuple[Surface, ...]:
    """Open the rig in a child and read its surfaces, with `folder` for the numbers. Raises BlenderError."""
    answer = blender.run(surface_steps(rig, folder), rig.name)[1]
    return surfaces_from_json(answer, folder / "surface.raw")
