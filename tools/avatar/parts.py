"""One mesh of the avatar, and how a folder of them is handed to Blender: a JSON file and raw little-endian arrays."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

LIVE_MM = 0.05  # a key that moves nothing farther than this is left out of a mesh


@dataclass
class AvatarMesh:
    """A mesh in the head frame (mm, x towards the subject's left, y up, z out of the face).

    vertices (n, 3); faces (m, 3 or 4) i64; uv (m, 3 or 4, 2) or None; keys name -> offsets (n, 3); materials names;
    face_material (m,) index into them; bones name -> weights (n,); subdivision: Subsurf's levels (view, render).
    """

    name: str
    vertices: np.ndarray
    faces: np.ndarray
    materials: list[str]
    bones: dict[str, np.ndarray]
    keys: dict[str, np.ndarray] = field(default_factory=dict)
    uv: np.ndarray | None = None
    face_material: np.ndarray | None = None
    subdivision: tuple[int, int] = (0, 0)


def write_parts(folder: Path, meshes: list[AvatarMesh], description: dict) -> None:
    """Write `avatar.json` and the arrays that it names into `folder`; description: materials, images, bones."""
    rows = []
    for mesh in meshes:
        arrays = {"vertices": mesh.vertices.astype("<f4"), "faces": mesh.faces.astype("<i4")}
        if mesh.uv is not None:
            arrays["uv"] = mesh.uv.astype("<f4")
        if mesh.face_material is not None:
            arrays["face_material"] = mesh.face_material.astype("<i4")
        live = {name: offset for name, offset in mesh.keys.items() if np.abs(offset).max() > LIVE_MM}
        arrays |= {f"key_{name}": offset.astype("<f4") for name, offset in live.items()}
        arrays |= {f"bone_{name}": weight.astype("<f4") for name, weight in mesh.bones.items()}
        files = {}
        for key, array in arrays.items():
            files[key] = f"{mesh.name}.{key}.raw"
            (folder / files[key]).write_bytes(array.tobytes())
        rows.append(
            {
                "name": mesh.name,
                "corners": int(mesh.faces.shape[1]),
                "materials": mesh.materials,
                "subdivision": list(mesh.subdivision),
                "keys": list(live),
                "bones": list(mesh.bones),
                "files": files,
            }
        )
    text = json.dumps({"schema": "mmface-avatar-parts/1", "meshes": rows, **description}, indent=1)
    (folder / "avatar.json").write_text(text, encoding="utf-8")
