"""ICT-FaceKit: a folder of OBJ files, the neutral mesh and one absolute shape for each mode."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES
from mmface_core.model.readers.obj import read_obj, read_obj_vertices
from mmface_core.model.readers.source import Landmarks, SourceModel, check_counts

NEUTRAL, INDICES = "generic_neutral_mesh.obj", "vertex_indices.json"
# Shapes of the newer releases that no ARKit unit means.
OTHER_SHAPES = ("PupilDilate_L", "PupilDilate_R", "cheekRaiser_L", "cheekRaiser_R")


def arkit_name(shape: str) -> str:
    """The ARKit unit of a shape's name: `eyeBlink_L` -> `eyeBlinkLeft`; halves of two-sided units -> the whole one."""
    stem, _, side = shape.partition("_")
    sided = stem + {"L": "Left", "R": "Right"}.get(side, "")
    return sided if sided in ARKIT_INDEX else stem


def read_ict_facekit(folder: Path) -> SourceModel:
    """The folder `FaceXModel`: identities with standardised codes, expressions as ARKit units (no tongueOut)."""
    neutral = folder / NEUTRAL
    mesh = read_obj(neutral)
    identity_files = sorted(path for path in folder.glob("identity*.obj") if re.fullmatch(r"identity\d+", path.stem))
    shape_files = sorted(
        path
        for path in folder.glob("*.obj")
        if path != neutral and not path.stem.startswith("identity") and path.stem not in OTHER_SHAPES
    )
    check_counts(neutral, len(mesh.vertices), len(identity_files), len(shape_files))
    if not identity_files or not shape_files:
        raise UserError(f"{folder} holds {len(identity_files)} identity*.obj and {len(shape_files)} expressions.")
    units: dict[str, np.ndarray] = {}
    unknown = []
    for path in shape_files:
        name = arkit_name(path.stem)
        if name not in ARKIT_INDEX:
            unknown.append(path.stem)
            continue
        units[name] = units.get(name, 0.0) + _offset(path, mesh.vertices)
    names = tuple(name for name in ARKIT_NAMES if name in units)
    if not names:
        raise UserError(f"{folder} holds no expression that is an ARKit unit, such as jawOpen.obj.")
    notes = [f"{len(shape_files) - len(unknown)} shapes as {len(names)} ARKit units"]
    absent = [name for name in ARKIT_NAMES if name not in units]
    if absent:
        notes.append(f"units it does not have: {', '.join(absent)}")
    if unknown:
        notes.append(f"shapes that are no ARKit unit were left out: {', '.join(unknown)}")
    return SourceModel(
        name="ICT-FaceKit",
        files=(neutral, *identity_files, *shape_files),
        mean=mesh.vertices,
        identity_basis=np.stack([_offset(path, mesh.vertices) for path in identity_files]),
        expression_basis=np.stack([units[name] for name in names]),
        triangles=mesh.triangles,
        identity_std=np.ones(len(identity_files)),
        expression_std=np.ones(len(names)),
        expression_spread=np.full(len(names), 0.3),
        expression_names=names,
        landmarks=_landmarks(folder / INDICES, len(mesh.vertices), notes),
        landmark_hint=f"{INDICES} of the same release, in the same folder, would give them. ",
        unit="cm",
        orthogonal=False,
        notes=notes,
    )


def _offset(path: Path, neutral: np.ndarray) -> np.ndarray:
    vertices = read_obj_vertices(path)
    if vertices.shape != neutral.shape:
        raise UserError(f"{path} has {len(vertices)} vertices; the neutral mesh has {len(neutral)}.")
    return (vertices - neutral).astype(np.float32)


def _landmarks(path: Path, vertices: int, notes: list[str]) -> Landmarks | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text())
        found = content.get("idx_to_landmark_verts") if isinstance(content, dict) else None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON ({error}).") from error
    if not isinstance(found, list) or len(found) != 68 or not all(isinstance(v, int) for v in found):
        notes.append(f"{path.name} lists no 68 landmarks under idx_to_landmark_verts")
        return None
    if min(found) < 0 or max(found) >= vertices:
        raise UserError(f"{path}: idx_to_landmark_verts names vertex {max(found)} of {vertices}.")
    return Landmarks.at(np.array(found), path.name)
