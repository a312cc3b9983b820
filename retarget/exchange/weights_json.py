"""Weights as JSON (schema "mmface-weights/1"), for web viewers and scripts. Reads back as a take.

    {"schema": "mmface-weights/1", "name": "talk", "fps": 25.0, "start": 1, "names": [52 ARKit units],
     "frames": [{"time": 0.0, "weights": [52 numbers], "head": [w, x, y, z]}, ...]}

`head` is the rotation from head to camera as a quaternion. A frame in which the face was not seen has null for both.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES
from mmface_core.take import Take
from retarget import rotations
from retarget.exchange import recording
from retarget.exchange.recording import Recording

SCHEMA = "mmface-weights/1"


def read(path: Path) -> Take:
    """Read such a file as a take. Raises UserError that names the line or the frame of a mistake."""
    from scipy.spatial.transform import Rotation

    try:
        data = json.loads(recording.read_text(path))
    except json.JSONDecodeError as error:
        raise UserError(f"{path}, line {error.lineno}: this is no JSON ({error.msg}).") from error
    except (ValueError, RecursionError) as error:  # a number or a nesting without end
        raise UserError(f"{path} is no JSON that can be read ({error}).") from error
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SCHEMA:
        raise UserError(f"{path} has the schema {schema}; as a take, a .json must have {SCHEMA}.")
    try:
        columns = [ARKIT_INDEX[name] for name in data["names"]]
        frames = data["frames"]
    except (KeyError, TypeError) as error:
        raise UserError(f"{path} lacks {error}, or names what is no ARKit unit.") from error
    count = len(frames) if isinstance(frames, list) else 0
    if not count:
        raise UserError(f"{path} holds no frames.")
    time, weights = np.zeros(count), np.zeros((count, len(ARKIT_NAMES)))
    rotation, present = np.tile(np.eye(3), (count, 1, 1)), np.zeros(count, bool)
    for index, frame in enumerate(frames):
        try:
            time[index] = float(frame["time"])
            if frame["weights"] is not None:
                weights[index, columns] = frame["weights"]
                w, x, y, z = frame["head"]
                rotation[index] = Rotation.from_quat([x, y, z, w]).as_matrix()
                present[index] = True
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UserError(f"{path}: frames[{index}] is wrong: {error}.") from error
    finite = all(np.isfinite(array).all() for array in (time, weights, rotation))
    if not finite or (np.diff(time) <= 0).any():
        raise UserError(f"{path} holds numbers that are not finite, or times that do not rise.")
    return Recording(str(path), time, np.clip(weights, 0, 1), rotation, present).take()


def write(what: Recording, path: Path, start: int = 1) -> None:
    """Write the file; `start` is Blender's number of the first frame."""
    quaternions = rotations.to_quaternions(what.rotation)
    frames: list[dict[str, Any]] = [
        {
            "time": round(float(t), 9),
            "weights": [round(float(v), 6) for v in w] if seen else None,
            "head": [round(float(v), 7) for v in q] if seen else None,
        }
        for t, w, q, seen in zip(what.time, what.weights, quaternions, what.present, strict=True)
    ]
    data = {"schema": SCHEMA, "name": what.source, "fps": what.fps, "start": start, "names": list(ARKIT_NAMES)}
    rows = ",\n".join(json.dumps(frame) for frame in frames)
    path.write_text(json.dumps(data)[:-1] + ',\n"frames": [\n' + rows + "\n]}\n", encoding="utf-8")
