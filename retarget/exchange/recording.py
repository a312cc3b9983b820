"""What every recording of another tool has: weights and head rotations at times. Becomes a take, or comes from one."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.take import Take
from retarget.performance import Performance

Array = NDArray[np.floating]

# Rates that tools record at; a measured mean this close to one (relative) means it. 24 and 23.976 are 1e-3 apart.
_RATES = (12.0, 15.0, 24 / 1.001, 24.0, 25.0, 30 / 1.001, 30.0, 48.0, 50.0, 60 / 1.001, 60.0, 90.0, 100.0, 120.0)
_CLOSE = 3e-4

MOST_BYTES = 256 << 20  # of a file: an hour of all units at 60 frames a second has 120 MB

_SPELT = {name.lower(): index for index, name in enumerate(ARKIT_NAMES)}


@dataclass(frozen=True)
class Recording:
    """time (T,) seconds, rising; weights (T, 52) ARKit; rotation (T, 3, 3) head to camera; present (T,) seen or not."""

    source: str
    time: Array = field(repr=False)
    weights: Array = field(repr=False)
    rotation: Array = field(repr=False)
    present: NDArray[np.bool_] = field(repr=False)

    @property
    def fps(self) -> float:
        """Frames a second: the mean rate or, where that is next to one that tools record at, that rate."""
        if len(self.time) < 2:
            return 1.0
        mean = (len(self.time) - 1) / (self.time[-1] - self.time[0])
        # Rows may be left out where the face was lost, so the usual distance of two rows decides where it differs.
        usual = 1.0 / float(np.median(np.diff(self.time)))
        rate = mean if abs(mean / usual - 1) < 0.02 else usual
        near = [known for known in _RATES if abs(known / rate - 1) < _CLOSE]
        return float(min(near, key=lambda known: abs(known / rate - 1)) if near else rate)

    def take(self) -> Take:
        """As a take. It shows no picture: image_size, landmarks, translation and identity are 0, scale is 1."""
        count = len(self.time)
        shown = self.present
        weights = np.where(shown[:, None], self.weights, 0.0).astype(np.float32)
        return Take(
            source=self.source,
            fps=self.fps,
            image_size=np.zeros(2, np.int32),
            frame=np.arange(count, dtype=np.int32),
            time=self.time - self.time[0],
            present=shown,
            confidence=shown.astype(np.float32),
            landmarks=np.zeros((count, 68, 3), np.float32),
            rotation=np.where(shown[:, None, None], self.rotation, np.eye(3)).astype(np.float32),
            translation=np.zeros((count, 2), np.float32),
            scale=shown.astype(np.float32),
            identity=np.zeros(0, np.float32),
            expression=weights,
            weight_names=np.array(ARKIT_NAMES),
            weights=weights.copy(),
        )


def recording_of(performance: Performance) -> Recording:
    """The recording that an export writes: a performance's frames, those without keys as not seen."""
    shown = np.ones(performance.frame_count, bool) if performance.keyless is None else ~performance.keyless
    return Recording(performance.name, performance.time, performance.weights, performance.rotation, shown)


def column_of(name: str) -> int | None:
    """Index of the ARKit unit that a column's name means, whatever its capitals: `EyeBlinkLeft`, `eyeBlink_L`."""
    plain = name.strip().lower()
    for short, long in (("_l", "left"), ("_r", "right")):
        if plain.endswith(short):
            plain = plain[: -len(short)] + long
    return _SPELT.get(plain.replace("_", "").replace("-", "").replace(" ", ""))


def number(text: str, what: str, path: Path, line: int) -> float:
    """A cell as a finite number. Raises UserError that names the place."""
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise UserError(f'{path}, line {line}: {what} is "{text.strip()[:40]}", which is no number.')
    return value


def weight(text: str, what: str, path: Path, line: int) -> float:
    """A cell as a weight, kept within 0..1. Raises UserError that names the place where it is far outside."""
    value = number(text, what, path, line)
    if not -0.5 <= value <= 1.5:
        raise UserError(f"{path}, line {line}: {what} is {value:g}, but weights lie between 0 and 1.")
    return min(max(value, 0.0), 1.0)


def read_text(path: Path) -> str:
    """A text file. Raises UserError where it is missing, too large, not text, or empty."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UserError(f"{path} is larger than {MOST_BYTES >> 20} MB; that is no recording of a face.")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"There is no file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as text: {error}.") from error
    if not text.strip():
        raise UserError(f"{path} is empty.")
    return text


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table of text, each with the number of its last line; the first is there. Raises UserError."""
    rows = csv.reader(read_text(path).splitlines())
    try:
        for row in rows:
            yield rows.line_num, row
    except csv.Error as error:
        raise UserError(f"{path}, line {rows.line_num}: this is no row of a table ({error}).") from error


def check_rising(time: float, before: float | None, path: Path, line: int) -> None:
    """Raises UserError where a row's time does not come after the row's before it."""
    if before is not None and time < before - 1e-9:
        raise UserError(f"{path}, line {line}: the time goes back; sort the rows, or record again.")
