"""Face Cap .txt: the text export of the Face Cap iPhone app.

Lines of comma-separated values that begin with what they are: `info` (of no use here), `bs` with the names of the
shapes, and `k` for each frame: milliseconds, head position (3), head rotation (3, degrees), gaze of the left and the
right eye (2 each, degrees), and the shapes in the order of `bs`.

Head rotation: about x (positive downwards), y (towards the subject's left) and z (towards the subject's right
shoulder), composed y, x, z as in Unity, in which the app is made. Positions are in no unit that a take has, and are not
read.
"""

import csv
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES, SIDEWAYS
from mmface_core.take import Take
from retarget.exchange import recording
from retarget.exchange.live_link_face import eye_angles
from retarget.exchange.recording import Recording

_HEADER = 12  # values of a frame before its shapes, the letter k included
_SIDES = (("Left", "_L"), ("Right", "_R"))


def read(path: Path) -> Take:
    """Read a recording as a take. Raises UserError that names the line of a mistake."""
    names: list[str] = []
    units: dict[int, int] = {}
    times: list[float] = []
    weights: list[np.ndarray] = []
    angles: list[list[float]] = []
    for line, row in recording.read_rows(path):
        kind = row[0].strip().lower() if row else ""
        if kind == "bs":
            names = [name.strip() for name in row[1:] if name.strip()]
            units = {index: unit for index, name in enumerate(names) if (unit := recording.column_of(name)) is not None}
            if not units:
                raise UserError(f"{path}, line {line}: none of the shapes it names is an ARKit unit.")
        elif kind == "k":
            if not units:
                raise UserError(f"{path}, line {line}: a frame comes before the line `bs` that names the shapes.")
            if len([cell for cell in row if cell.strip()]) < _HEADER + len(names):
                raise UserError(
                    f"{path}, line {line}: {len(row)} values where a frame has {_HEADER + len(names)}; "
                    "the file may be cut short."
                )
            time = recording.number(row[1], "the time", path, line) / 1000
            recording.check_rising(time, times[-1] if times else None, path, line)
            values = np.zeros(len(ARKIT_NAMES))
            for index, unit in units.items():
                values[unit] = recording.weight(row[_HEADER + index], names[index], path, line)
            turn = [recording.number(cell, "the head's rotation", path, line) for cell in row[5:8]]
            if times and time <= times[-1] + 1e-9:  # of frames at one time the last counts
                del times[-1], weights[-1], angles[-1]
            times.append(time)
            weights.append(values)
            angles.append([turn[1], turn[0], turn[2]])
    if not times:
        raise UserError(f"{path} holds no frames of Face Cap, which are lines that begin with k.")
    rotation = Rotation.from_euler("YXZ", np.array(angles), degrees=True).as_matrix()
    return Recording(str(path), np.array(times), np.array(weights), rotation, np.ones(len(times), bool)).take()


def write(what: Recording, path: Path) -> None:
    """Write a recording. Frames in which the face was not seen are left out, as the format has no sign for them."""
    head = Rotation.from_matrix(what.rotation).as_euler("YXZ", degrees=True)
    eyes = np.degrees(eye_angles(what.weights))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["info", "mmface", what.source])
        writer.writerow(["bs", *(_short(name) for name in ARKIT_INDEX)])
        for t, weights, turn, gaze, seen in zip(what.time, what.weights, head, eyes, what.present, strict=True):
            if seen:
                numbers = (0.0, 0.0, 0.0, turn[1], turn[0], turn[2], gaze[1], gaze[0], gaze[4], gaze[3], *weights)
                writer.writerow(["k", f"{1000 * t:.3f}", *(f"{value:.6f}" for value in numbers)])


def _short(name: str) -> str:
    """The app's own spelling: eyeBlink_L for eyeBlinkLeft."""
    if name in SIDEWAYS:
        return name
    return next((name.removesuffix(long) + short for long, short in _SIDES if name.endswith(long)), name)
