"""RigMotion: curves on a rig's own channels, at the clip's frames. What retargeting hands to Blender.

On disk: a JSON (schema "mmface-motion/1") and beside it a raw little-endian float32 file, one curve after another; see
docs/rig_formats.md. `blender_addon/scene/bake.py` reads it with the standard library alone.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmface_core.archive import read_json
from mmface_core.errors import UserError
from mmface_core.whole_file import replacing
from retarget.timing import FrameRate

SCHEMA = "mmface-motion/1"

Array = NDArray[np.floating]


@dataclass(frozen=True)
class KeyCurve:
    """Values (T,) of one shape key of one object."""

    object: str
    key: str
    values: Array = field(repr=False)


@dataclass(frozen=True)
class Pivot:
    """An empty to be made: where it stands (3,) in the world, how large it is drawn, and which objects hang on it."""

    location: tuple[float, float, float]
    size: float
    children: tuple[str, ...]


@dataclass(frozen=True)
class RotationCurve:
    """Quaternions (T, 4), w first, of an object or of one of its bones: the basis rotation, which the artist also keys.

    locations (T, 3): of an object that turns about a point other than its origin, or of a bone that moves.
    """

    object: str
    bone: str | None
    values: Array = field(repr=False)
    pivot: Pivot | None = None
    locations: Array | None = field(default=None, repr=False)


@dataclass(frozen=True)
class RigMotion:
    """All curves of one clip. `rate` is None for a still picture: the scene then keeps its own rate.

    cuts: first and last of Blender's frames of each stretch that gets no keys. tolerance: weight units by which the
    baked curves may differ, 0 for a key at every frame. layer: bake as an additive NLA strip.
    """

    name: str
    rate: FrameRate | None
    start: int
    frame_count: int
    keys: tuple[KeyCurve, ...]
    rotations: tuple[RotationCurve, ...]
    cuts: tuple[tuple[int, int], ...] = ()
    tolerance: float = 0.0
    layer: bool = False

    @property
    def frames(self) -> range:
        """Blender's frame numbers of the curves' values."""
        return range(self.start, self.start + self.frame_count)


def save_motion(motion: RigMotion, path: str | Path) -> None:
    """Write `path` (.json) and the curves beside it (.f32), each whole or not at all.

    Raises UserError where that cannot be written.
    """
    path = Path(path)
    curves_path = path.with_suffix(".f32")
    try:
        with replacing(curves_path) as file:
            keys, rotations = _write_curves(motion, file)
        data = {
            "schema": SCHEMA,
            "name": motion.name,
            "fps": motion.rate.fps if motion.rate else None,
            "fps_base": motion.rate.base if motion.rate else None,
            "start": motion.start,
            "frame_count": motion.frame_count,
            "cuts": [list(cut) for cut in motion.cuts],
            "tolerance": motion.tolerance,
            "layer": motion.layer,
            "curves_file": curves_path.name,
            "keys": keys,
            "rotations": rotations,
        }
        with replacing(path) as file:
            file.write(json.dumps(data, indent=1).encode())
    except OSError as error:
        raise UserError(f"The motion cannot be written to {path} ({error.strerror or error}).") from error


def _write_curves(motion: RigMotion, file: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Append all curves to the file; say where each lies."""
    offset = 0
    keys: list[dict[str, Any]] = []
    rotations: list[dict[str, Any]] = []
    for key in motion.keys:
        keys.append({"object": key.object, "key": key.key, "offset": offset})
        offset += _append(file, key.values, (motion.frame_count,))
    for rotation in motion.rotations:
        entry: dict[str, Any] = {"object": rotation.object, "bone": rotation.bone, "offset": offset, "width": 4}
        if rotation.pivot:
            p = rotation.pivot
            entry["pivot"] = {"location": list(p.location), "size": p.size, "children": list(p.children)}
        rotations.append(entry)
        offset += _append(file, rotation.values, (motion.frame_count, 4))
        if rotation.locations is not None:
            entry["location_offset"] = offset
            offset += _append(file, rotation.locations, (motion.frame_count, 3))
    return keys, rotations


def load_motion(path: str | Path) -> RigMotion:
    """Read what `save_motion` wrote. Raises UserError where it is something else or another version."""
    path = Path(path)
    data = read_json(path, "a motion file of mmface")
    if "schema" not in data:
        raise UserError(f"{path} is not a motion file of mmface.")
    if data["schema"] != SCHEMA:
        raise UserError(f"{path} has the version {data['schema']}; this mmface reads {SCHEMA}.")
    try:
        return _motion_of(data, path)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError) as error:
        raise UserError(f"The motion file {path} is wrong ({type(error).__name__}: {error}).") from error


def _motion_of(data: dict[str, Any], path: Path) -> RigMotion:
    # A name with a folder in it is refused by with_name: the curves lie beside the file, nowhere else.
    curves_path = path.with_name(data["curves_file"])
    if not curves_path.is_file():
        raise UserError(f"{curves_path}, the curves that belong to {path}, is missing.")
    values = np.fromfile(curves_path, dtype="<f4")
    count = data["frame_count"]
    keys = tuple(KeyCurve(k["object"], k["key"], _slice(values, k["offset"], count, path)) for k in data["keys"])
    rotations = tuple(
        RotationCurve(
            r["object"],
            r["bone"],
            _slice(values, r["offset"], 4 * count, path).reshape(count, 4),
            Pivot(tuple(p["location"]), p["size"], tuple(p["children"])) if (p := r.get("pivot")) else None,
            _slice(values, at, 3 * count, path).reshape(count, 3) if (at := r.get("location_offset")) else None,
        )
        for r in data["rotations"]
    )
    rate = FrameRate(data["fps"], data["fps_base"]) if data["fps"] else None
    return RigMotion(
        name=data["name"],
        rate=rate,
        start=data["start"],
        frame_count=count,
        keys=keys,
        rotations=rotations,
        cuts=tuple((first, last) for first, last in data.get("cuts", ())),
        tolerance=data.get("tolerance", 0.0),
        layer=data.get("layer", False),
    )


def _append(file: Any, values: Array, shape: tuple[int, ...]) -> int:
    if values.shape != shape:
        raise ValueError(f"curve must be {shape}, not {values.shape}!")
    if not np.isfinite(values).all():
        raise ValueError("curve must be finite!")
    file.write(values.astype("<f4").tobytes())
    return values.size


def _slice(values: Array, offset: int, count: int, path: Path) -> Array:
    if type(offset) is not int or type(count) is not int or not 0 <= offset <= offset + count <= len(values):
        raise UserError(f"The curves that belong to {path} are cut short; write the motion again.")
    return values[offset : offset + count]
