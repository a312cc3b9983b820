"""Live Link Face CSV: what Epic's iPhone app records, and what Unreal, Maya and Blender importers read.

One row a frame: Timecode, BlendShapeCount, the 52 units with a capital first letter, and nine angles in radians (head
and eyes). Versions of the app order the columns differently, so they are read, and should be read, by name. A row whose
count is 0 is a frame in which the phone saw no face.

The timecode is HH:MM:SS:FF.fff, FF counting frames of the app's 60 a second and fff thousandths of one. It is written
at 60 whatever the clip's rate, the fraction giving the exact time. Angles: yaw towards the subject's left, pitch
downwards, roll towards the subject's right shoulder, turned in that order, as the app's engine derives them from
ARKit's head pose.
"""

import csv
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_INDEX
from mmface_core.take import Take
from retarget.exchange import recording
from retarget.exchange.recording import Recording
from retarget.turning import GAZE_DOWN, GAZE_SIDE, GAZE_UP

Array = NDArray[np.floating]

TIMECODE_RATE = 60
_DAY = 24 * 3600.0
_TIMECODE = re.compile(r"\s*(\d{1,2}):(\d{1,2}):(\d{1,2})[:;](\d{1,3})(?:[.:](\d+))?\s*")

_SIDED_EYE = ("EyeBlink", "EyeLookDown", "EyeLookIn", "EyeLookOut", "EyeLookUp", "EyeSquint", "EyeWide")
COLUMNS = (
    *(f"{name}Left" for name in _SIDED_EYE),
    *(f"{name}Right" for name in _SIDED_EYE),
    *("JawForward", "JawRight", "JawLeft", "JawOpen", "MouthClose", "MouthFunnel", "MouthPucker"),
    *("MouthRight", "MouthLeft", "MouthSmileLeft", "MouthSmileRight", "MouthFrownLeft", "MouthFrownRight"),
    *("MouthDimpleLeft", "MouthDimpleRight", "MouthStretchLeft", "MouthStretchRight"),
    *("MouthRollLower", "MouthRollUpper", "MouthShrugLower", "MouthShrugUpper"),
    *("MouthPressLeft", "MouthPressRight", "MouthLowerDownLeft", "MouthLowerDownRight"),
    *("MouthUpperUpLeft", "MouthUpperUpRight", "BrowDownLeft", "BrowDownRight", "BrowInnerUp"),
    *("BrowOuterUpLeft", "BrowOuterUpRight", "CheekPuff", "CheekSquintLeft", "CheekSquintRight"),
    *("NoseSneerLeft", "NoseSneerRight", "TongueOut"),
)
HEAD = ("HeadYaw", "HeadPitch", "HeadRoll")
EYES = ("LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw", "RightEyePitch", "RightEyeRoll")


def is_ours(path: Path) -> bool:
    """Whether a .csv begins like a recording of the app."""
    return "timecode" in recording.read_text(path).splitlines()[0].lower()


def read(path: Path) -> Take:
    """Read a recording of the app as a take. Raises UserError that names the line of a mistake."""
    rows = recording.read_rows(path)
    header = [name.strip() for name in next(rows)[1]]
    places = {name.lower(): index for index, name in enumerate(header)}
    units = {index: unit for index, name in enumerate(header) if (unit := recording.column_of(name)) is not None}
    if "timecode" not in places or not units:
        raise UserError(f"{path}, line 1: this is no Live Link Face recording; it has no Timecode or no ARKit columns.")
    head = [places.get(name.lower()) for name in HEAD]
    count_at = places.get("blendshapecount")
    codes, weights, angles, present = [], [], [], []
    for line, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        cells = dict(enumerate(row))  # a row of a lost face is shorter
        codes.append((_timecode(cells.get(places["timecode"], ""), path, line), line))
        values = np.zeros(len(ARKIT_INDEX))
        seen = len(row) > 2 and (count_at is None or cells.get(count_at, "").strip() not in ("0", ""))
        if seen:
            if len(row) < len(header):
                raise UserError(f"{path}, line {line}: {len(row)} columns where the header has {len(header)}.")
            for index, unit in units.items():
                values[unit] = recording.weight(row[index], header[index], path, line)
        has_head = seen and None not in head
        angles.append([recording.number(row[i], header[i], path, line) for i in head] if has_head else [0.0] * 3)  # type: ignore[index]
        weights.append(values)
        present.append(seen)
    if not codes:
        raise UserError(f"{path} holds no frames, only a header.")
    time, kept = _seconds(codes, path)
    rotation = Rotation.from_euler("YXZ", np.array(angles)[kept]).as_matrix()
    return Recording(str(path), time, np.array(weights)[kept], rotation, np.array(present)[kept]).take()


def write(what: Recording, path: Path) -> None:
    """Write a recording; the first frame comes at midnight."""
    columns = [ARKIT_INDEX[name[0].lower() + name[1:]] for name in COLUMNS]
    head = Rotation.from_matrix(what.rotation).as_euler("YXZ")
    eyes = eye_angles(what.weights)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Timecode", "BlendShapeCount", *COLUMNS, *HEAD, *EYES])
        for t, weights, turn, gaze, seen in zip(
            what.time, what.weights[:, columns], head, eyes, what.present, strict=True
        ):
            if not seen:
                writer.writerow([timecode(t), 0])
                continue
            numbers = (f"{value:.8f}" for value in (*weights, *turn, *gaze))
            writer.writerow([timecode(t), len(COLUMNS) + len(HEAD) + len(EYES), *numbers])


def timecode(seconds: float) -> str:
    """Seconds since midnight as HH:MM:SS:FF.fff at 60 frames a second, exact to a thousandth of a frame."""
    thousandths = round(seconds % _DAY * TIMECODE_RATE * 1000)
    frames, fraction = divmod(thousandths, 1000)
    whole, frame = divmod(frames, TIMECODE_RATE)
    return f"{whole // 3600 % 24:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}:{frame:02d}.{fraction:03d}"


def _timecode(text: str, path: Path, line: int) -> tuple[int, float]:
    """Whole seconds and frames of a timecode."""
    match = _TIMECODE.fullmatch(text)
    if match is None:
        raise UserError(f'{path}, line {line}: the timecode is "{text.strip()[:40]}", not like 14:03:52:28.207.')
    hours, minutes, seconds, frames = (int(part) for part in match.groups()[:4])
    fraction = float(f"0.{match[5]}") if match[5] else 0.0
    return hours * 3600 + minutes * 60 + seconds, frames + fraction


def _seconds(codes: list[tuple[tuple[int, float], int]], path: Path) -> tuple[Array, NDArray[np.intp]]:
    """Times (K,) in seconds, and the rows (K,) that they belong to; of rows with one timecode the last counts.

    How many frames a second the timecode counts is not in the file: at least one more than the largest it names, and
    60 unless a whole second shows fewer (at ten frames a second or more) or the largest is above it.
    """
    largest = max(frames for (_, frames), _ in codes)
    seconds_seen = len({seconds for (seconds, _), _ in codes})
    whole_seconds = seconds_seen > 2 and len({code for code, _ in codes}) > 10 * (seconds_seen - 2)
    rate = TIMECODE_RATE
    if whole_seconds or largest >= TIMECODE_RATE:
        rates = (24, 25, 30, 48, 50, 60, 90, 100, 120, 240)
        rate = next((known for known in rates if int(largest) + 1 <= known), int(largest) + 1)
    times: list[float] = []
    kept: list[int] = []
    for row, ((seconds, frames), line) in enumerate(codes):
        time = seconds + frames / rate
        while times and time < times[-1] - 0.5 * _DAY:
            time += _DAY  # past midnight
        recording.check_rising(time, times[-1] if times else None, path, line)
        if times and time <= times[-1] + 1e-9:
            kept[-1] = row
            continue
        times.append(time)
        kept.append(row)
    return np.array(times), np.array(kept, dtype=np.intp)


def eye_angles(weights: Array) -> Array:
    """(T, 6) yaw, pitch and roll of the left and the right eye, radians, from the gaze units."""

    def unit(name: str) -> Array:
        return weights[:, ARKIT_INDEX[name]]

    columns = []
    for side, outwards in (("Left", 1.0), ("Right", -1.0)):
        columns.append(outwards * GAZE_SIDE * (unit(f"eyeLookOut{side}") - unit(f"eyeLookIn{side}")))
        columns.append(GAZE_DOWN * unit(f"eyeLookDown{side}") - GAZE_UP * unit(f"eyeLookUp{side}"))
        columns.append(np.zeros(len(weights)))
    return np.stack(columns, axis=1)
