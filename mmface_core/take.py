"""A take: what one face did over one clip, as a file that plain numpy reads (see docs/take_format.md)."""

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mmface_core.archive import BROKEN, read_arrays, write_arrays
from mmface_core.errors import UserError
from mmface_core.whole_file import replacing

SCHEMA: Final = "mmface-take/1"
_OPTIONAL: Final = ("neutral", "full", "calibrated_by")  # only calibrated takes have them
# Kinds of numpy of the entries that are not floats.
KINDS: Final = {"image_size": "iu", "frame": "iu", "present": "b", "weight_names": "U"}


@dataclass
class Take:
    """T frames of one face; see docs/take_format.md for what each array means.

    source: what was captured, as the user named it; fps: nominal frames per second (of a still: 1).
    image_size (2,) i32 width, height; frame (T,) i32 index in the source; time (T,) f64 seconds; present (T,) bool;
    confidence (T,) f32 0..1; landmarks (T, 68, 3) f32 pixels (x right, y down, z towards the camera); rotation
    (T, 3, 3) f32 head to camera; translation (T, 2) f32 pixels; scale (T,) f32 pixels per mm; identity (n,) f32 and
    expression (T, m) f32 codes of the face model; weight_names (w,) str and weights (T, w) f32: the 52 ARKit units in
    their own order, or none (w = 0) where the face model's expression components are not those units.
    In frames where the face is absent, rotation is the identity and every other value 0.
    A calibrated take also has neutral (w,) and full (w,) f32, the weights that count as 0 and as 1, and calibrated_by,
    how they were found; `weights` stay as captured.
    """

    source: str
    fps: float
    image_size: NDArray[np.int32]
    frame: NDArray[np.int32]
    time: NDArray[np.float64]
    present: NDArray[np.bool_]
    confidence: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    rotation: NDArray[np.float32]
    translation: NDArray[np.float32]
    scale: NDArray[np.float32]
    identity: NDArray[np.float32]
    expression: NDArray[np.float32]
    weight_names: NDArray[np.str_]
    weights: NDArray[np.float32]
    neutral: NDArray[np.float32] | None = None
    full: NDArray[np.float32] | None = None
    calibrated_by: str = ""

    def __len__(self) -> int:
        return len(self.frame)

    def save(self, path: str | Path) -> None:
        """Write the take to exactly `path`, whole or not at all. Raises UserError where that cannot be written."""
        path = Path(path)
        problem = _inconsistency(self)
        if problem:
            raise ValueError(f"a take must be consistent: {problem}")
        arrays = {f.name: np.asarray(value) for f in fields(self) if (value := getattr(self, f.name)) is not None}
        if self.neutral is None:
            arrays.pop("calibrated_by")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as file:
                write_arrays(file, {"schema": np.array(SCHEMA), **arrays})
        except OSError as error:
            raise UserError(f"The take cannot be written to {path} ({error.strerror or error}).") from error

    @classmethod
    def load(cls, path: str | Path) -> "Take":
        """Read a take. Raises UserError where the file is missing, broken, no take, or of another version."""
        path = Path(path)
        if not path.is_file():
            raise UserError(f"There is no take {path}.")
        try:
            arrays = read_arrays(path)
        except BROKEN as error:
            raise UserError(f"{path} is not a take that can be read ({error}); capture the clip again.") from error
        schema = str(arrays.pop("schema", ""))
        if schema != SCHEMA:
            kind = f'of version "{schema}"' if schema.startswith("mmface-take/") else "not a take"
            raise UserError(f'{path} is {kind}; this program reads "{SCHEMA}". Capture the clip again.')
        names = [field.name for field in fields(cls)]
        missing = [name for name in names if name not in arrays and name not in _OPTIONAL]
        if missing:
            raise UserError(f"The take {path} lacks {', '.join(missing)}; capture the clip again.")
        if arrays["source"].shape or arrays["fps"].shape or arrays["fps"].dtype.kind not in "fiu":
            raise UserError(f"The take {path} is inconsistent: its source or rate is a list; capture the clip again.")
        plain = {"source": str(arrays["source"]), "fps": float(arrays["fps"])}
        if "calibrated_by" in arrays:
            plain["calibrated_by"] = str(arrays["calibrated_by"])
        others = {name: arrays[name] for name in names if name not in plain and name in arrays}
        take = cls(**plain, **others)  # type: ignore[arg-type]
        problem = _inconsistency(take)
        if problem:
            raise UserError(f"The take {path} is inconsistent: {problem}; capture the clip again.")
        return take


def _inconsistency(take: Take) -> str:
    """What contradicts the format, or an empty string."""
    for name in ("frame", "weight_names"):
        if np.ndim(getattr(take, name)) != 1:
            return f"{name} is no list"
    count = len(take.frame)
    weights = len(take.weight_names)
    shapes: dict[str, tuple[int | None, ...]] = {
        "image_size": (2,),
        "frame": (count,),
        "time": (count,),
        "present": (count,),
        "confidence": (count,),
        "landmarks": (count, 68, 3),
        "rotation": (count, 3, 3),
        "translation": (count, 2),
        "scale": (count,),
        "identity": (None,),
        "expression": (count, None),
        "weight_names": (weights,),
        "weights": (count, weights),
    }
    if (take.neutral is None) != (take.full is None):
        return "it has one of neutral and full without the other"
    if take.neutral is not None:
        shapes |= {"neutral": (weights,), "full": (weights,)}
    for name, wanted in shapes.items():
        array = np.asarray(getattr(take, name))
        if len(array.shape) != len(wanted) or any(w not in (None, n) for n, w in zip(array.shape, wanted, strict=True)):
            return f"{name} has the shape {array.shape}"
        if array.dtype.kind not in KINDS.get(name, "f"):
            return f"{name} holds {array.dtype}"
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return f"{name} holds numbers that are not finite"
    if take.neutral is not None and (np.asarray(take.full) <= np.asarray(take.neutral)).any():
        return "its calibration leaves no range"
    if count and (np.diff(take.time) <= 0).any():
        return "its times do not increase"
    if count and (take.frame.min() < 0 or (np.diff(take.frame.astype(np.int64)) <= 0).any()):
        return "its frames do not increase"
    if not 0 < take.fps < math.inf:
        return "its frame rate is not positive"
    return ""
