"""A plain table of weights: one row a frame, for spreadsheets and scripts. Reads back as a take.

Columns: frame (Blender's number), time (seconds), the 52 ARKit units, head_yaw, head_pitch, head_roll (degrees, in the
signs of the take format). A frame in which the face was not seen has empty cells.
"""

import csv
from pathlib import Path

import numpy as np

from mmface_core.conventions import euler_to_rotation, rotation_to_euler
from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.take import Take
from retarget.exchange import recording
from retarget.exchange.recording import Recording

HEAD = ("head_yaw", "head_pitch", "head_roll")


def read(path: Path) -> Take:
    """Read such a table as a take; it needs the column `time`, and those units that it has. Raises UserError."""
    rows = recording.read_rows(path)
    header = [name.strip() for name in next(rows)[1]]
    units = {index: unit for index, name in enumerate(header) if (unit := recording.column_of(name)) is not None}
    if "time" not in header or not units:
        raise UserError(
            f"{path}, line 1: this table cannot be read; it needs a column `time` in seconds and columns named after "
            "ARKit units, or it is to be a recording of Live Link Face."
        )
    time_at, head_at = header.index("time"), [header.index(name) for name in HEAD if name in header]
    times: list[float] = []
    weights, rotation, present = [], [], []
    for line, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            raise UserError(f"{path}, line {line}: {len(row)} columns where the header has {len(header)}.")
        time = recording.number(row[time_at], "time", path, line)
        if times and time <= times[-1]:
            raise UserError(f"{path}, line {line}: the time does not rise; sort the rows.")
        seen = any(row[index].strip() for index in units)
        values = np.zeros(len(ARKIT_NAMES))
        for index, unit in units.items():
            values[unit] = recording.weight(row[index], header[index], path, line) if seen else 0.0
        has_head = seen and len(head_at) == len(HEAD)
        angles = [recording.number(row[i], header[i], path, line) for i in head_at] if has_head else [0.0] * 3
        times.append(time)
        weights.append(values)
        rotation.append(euler_to_rotation(*np.radians(angles)))
        present.append(seen)
    if not times:
        raise UserError(f"{path} holds no frames, only a header.")
    return Recording(str(path), np.array(times), np.array(weights), np.array(rotation), np.array(present)).take()


def write(what: Recording, path: Path, start: int = 1) -> None:
    """Write the table; `start` is Blender's number of the first frame."""
    head = np.degrees(np.stack(rotation_to_euler(what.rotation), axis=1))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["frame", "time", *ARKIT_NAMES, *HEAD])
        for row, (t, weights, turn, seen) in enumerate(zip(what.time, what.weights, head, what.present, strict=True)):
            numbers = [f"{v:.6f}" for v in weights] + [f"{v:.5f}" for v in turn]
            writer.writerow([start + row, f"{t:.9g}", *(numbers if seen else [""] * len(numbers))])
