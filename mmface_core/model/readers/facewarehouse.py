"""FaceWarehouse: `Tester_<n>/Blendshape/shape.bs`, 47 absolute shapes a person, neutral first."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np

from mmface_core.errors import UserError
from mmface_core.model.readers.obj import read_obj
from mmface_core.model.readers.source import SourceModel, check_counts

MOST_IDENTITIES = 50  # components kept of at most 150 people; the rest is noise of single scans

# The 46 expressions in the order of the file; Left and Right are the subject's.
FACEWAREHOUSE_NAMES: Final[tuple[str, ...]] = (
    *("eyeCloseLeft", "eyeCloseRight", "eyeSquintLeft", "eyeSquintRight", "lookDownLeft", "lookDownRight"),
    *("lookInLeft", "lookInRight", "eyeWideLeft", "eyeWideRight", "lookOutLeft", "lookOutRight"),
    *("lookUpLeft", "lookUpRight", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft"),
    *("browOuterUpRight", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthLeft", "mouthRight"),
    *("frownLeft", "frownRight", "smileLeft", "smileRight", "pressLeft", "pressRight", "dimpleLeft", "dimpleRight"),
    *("rollUpper", "rollLower", "mouthUpperUp", "mouthLowerDown", "lipLowerDown", "funnel", "pucker", "shrug"),
    *("lipUpperUp", "noseWrinkle", "cheekPuff", "cheekUpLeft", "cheekUpRight"),
)


def read_shape_bs(path: Path) -> np.ndarray:
    """The absolute shapes (47, V, 3) f32 of a `shape.bs`. UserError where header and length disagree."""
    if not path.is_file():
        raise UserError(f"There is no file {path}.")
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if len(head) < 12:
            raise UserError(f"{path} is too short to be a FaceWarehouse shape.bs.")
        shapes, vertices, _polygons = (int(value) for value in np.frombuffer(head, "<i4"))
        check_counts(path, vertices, shapes)
        expected = 12 + 12 * (shapes + 1) * vertices
        if size != expected:
            raise UserError(
                f"{path} declares {shapes} + 1 shapes of {vertices} vertices, {expected} bytes, and holds {size}."
            )
        values = np.fromfile(file, "<f4").reshape(shapes + 1, vertices, 3)
    if not np.isfinite(values).all():
        raise UserError(f"{path} holds numbers that are not finite; copy the file again.")
    return values


def read_facewarehouse(path: Path, topology: Path | None = None) -> SourceModel:
    """All people of a folder with `Tester_*`, or the one of a `shape.bs`.

    Identities are the principal components of the neutral shapes, expressions the mean offsets of the 46 shapes.
    topology: an OBJ with the same vertices, for shape.bs has no faces; by default one of the tester's own.
    """
    files = [path] if path.is_file() else sorted(path.glob("Tester_*/Blendshape/shape.bs"), key=_number)
    if not files and path.is_dir():
        files = sorted(path.glob("Blendshape/shape.bs")) or sorted(path.glob("shape.bs"))
    if not files:
        raise UserError(f"{path} holds no Tester_<n>/Blendshape/shape.bs.")
    neutrals: list[np.ndarray] = []
    offsets: np.ndarray | None = None
    for file in files:
        shapes = read_shape_bs(file)
        if shapes.shape[0] != len(FACEWAREHOUSE_NAMES) + 1:
            raise UserError(f"{file} holds {shapes.shape[0] - 1} expressions; FaceWarehouse has 46.")
        if neutrals and shapes.shape[1:] != neutrals[0].shape:
            raise UserError(f"{file} has {shapes.shape[1]} vertices; {files[0]} has {len(neutrals[0])}.")
        neutrals.append(shapes[0])
        moved = shapes[1:].astype(np.float64) - shapes[0]
        offsets = moved if offsets is None else offsets + moved
    assert offsets is not None
    mesh_path = topology or _own_topology(files[0], len(neutrals[0]))
    mesh = read_obj(mesh_path)
    if len(mesh.vertices) != len(neutrals[0]):
        raise UserError(f"{mesh_path} has {len(mesh.vertices)} vertices; shape.bs has {len(neutrals[0])}.")
    stacked = np.stack(neutrals).astype(np.float64).reshape(len(files), -1)
    mean = stacked.mean(axis=0)
    identity, std = _principal(stacked - mean)
    count = len(FACEWAREHOUSE_NAMES)
    return SourceModel(
        name="FaceWarehouse",
        files=(*files, mesh_path),
        mean=mean.reshape(-1, 3),
        identity_basis=identity.reshape(len(identity), -1 if len(identity) else len(mesh.vertices), 3).astype(
            np.float32
        ),
        expression_basis=(offsets / len(files)).astype(np.float32),
        triangles=mesh.triangles,
        identity_std=np.ones(len(std)),
        expression_std=np.ones(count),
        expression_spread=np.full(count, 0.3),
        expression_names=FACEWAREHOUSE_NAMES,
        notes=[f"{len(files)} people: {len(std)} identities by principal components, 46 mean expressions"],
    )


def _principal(centred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Components (K, 3V) times their deviations, and those (K,), of centred rows (n, 3V); K = 0 for one person."""
    if len(centred) < 2:
        return np.zeros((0, centred.shape[1])), np.zeros(0)
    _, values, rows = np.linalg.svd(centred, full_matrices=False)
    std = values / np.sqrt(len(centred) - 1)
    kept = np.flatnonzero(std > 1e-6 * std[0])[:MOST_IDENTITIES]
    return rows[kept] * std[kept, None], std[kept]


def _own_topology(shapes: Path, vertices: int) -> Path:
    tester = shapes.parent.parent
    for path in sorted(tester.glob("TrainingPose/pose_*.obj")) + sorted(tester.glob("**/*.obj")):
        return path
    raise UserError(
        f"shape.bs has no faces, and {tester} holds no OBJ (TrainingPose/pose_0.obj) with its {vertices} vertices; "
        "name one with --topology."
    )


def _number(path: Path) -> int:
    match = re.search(r"Tester_(\d+)", str(path))
    return int(match.group(1)) if match else 0


ARKIT_OF_FACEWAREHOUSE: Final[dict[str, tuple[str, ...]]] = {
    **{f"eyeClose{side}": (f"eyeBlink{side}",) for side in ("Left", "Right")},
    **{f"eyeSquint{side}": (f"eyeSquint{side}",) for side in ("Left", "Right")},
    **{f"eyeWide{side}": (f"eyeWide{side}",) for side in ("Left", "Right")},
    **{
        f"look{way}{side}": (f"eyeLook{way}{side}",)
        for way in ("Down", "In", "Out", "Up")
        for side in ("Left", "Right")
    },
    **{f"brow{way}{side}": (f"brow{way}{side}",) for way in ("Down", "OuterUp") for side in ("Left", "Right")},
    **{
        f"{short}{side}": (f"mouth{short.capitalize()}{side}",)
        for short in ("frown", "smile", "press", "dimple")
        for side in ("Left", "Right")
    },
    **{name: (name,) for name in ("browInnerUp", "jawForward", "jawLeft", "jawOpen", "jawRight", "cheekPuff")},
    **{name: (name,) for name in ("mouthLeft", "mouthRight")},
    "rollUpper": ("mouthRollUpper",),
    "rollLower": ("mouthRollLower",),
    "mouthUpperUp": ("mouthUpperUpLeft", "mouthUpperUpRight"),
    "mouthLowerDown": ("mouthLowerDownLeft", "mouthLowerDownRight"),
    "funnel": ("mouthFunnel",),
    "pucker": ("mouthPucker",),
    "shrug": ("mouthShrugLower", "mouthShrugUpper"),
    "noseWrinkle": ("noseSneerLeft", "noseSneerRight"),
    **{f"cheekUp{side}": (f"cheekSquint{side}",) for side in ("Left", "Right")},
    # ARKit has no counterpart.
    "lipLowerDown": (),
    "lipUpperUp": (),
}
"""The ARKit units of each FaceWarehouse expression. FaceWarehouse does not split some by side; ARKit lacks two."""
