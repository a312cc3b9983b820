"""When things happen: from a video's time stamps to Blender's frames at the video's true rate."""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mmface_core.errors import UserError

Array = NDArray[np.floating]

_NTSC = 1.001  # 23.976, 29.97, 59.94 ... are whole rates divided by this
_WHOLE = 2e-5  # relative; 29.97 written with two decimals is 1e-6 off, 24 against 23.976 is 1e-3 off
_CONSTANT = 0.5  # frames that time stamps may stray and still mean a constant rate; whole milliseconds stray by 0.06
_MOST_FRAMES = 1_048_574  # Blender's last frame


@dataclass(frozen=True)
class FrameRate:
    """A rate as Blender keeps it: `fps` (whole) divided by `base`."""

    fps: int
    base: float

    @property
    def value(self) -> float:
        """Frames a second."""
        return self.fps / self.base

    @property
    def fraction(self) -> tuple[int, int]:
        """The rate as a ratio of whole numbers, at most 32767 and 1001."""
        ratio = Fraction(self.value).limit_denominator(1001)
        while ratio.numerator > 32767:
            ratio = Fraction(self.value).limit_denominator(ratio.denominator - 1)
        return ratio.numerator, ratio.denominator


STILL_RATE = FrameRate(24, 1.0)  # of a clip that shows a still picture
STILL_SECONDS = 2  # how long it shows it


def frame_rate(fps: float) -> FrameRate:
    """Blender's rate of `fps` frames a second, exact for whole and NTSC rates.

    Raises UserError where `fps` is no rate.
    """
    if not math.isfinite(fps) or not 0 < fps <= 32767:
        raise UserError(f"The take says it has {fps} frames a second; capture it again, or correct its `fps`.")
    for base in (1.0, _NTSC, 2.0, 4.0):
        whole = round(fps * base)
        if whole >= 1 and abs(whole / base / fps - 1) < _WHOLE:
            return FrameRate(whole, base)
    whole = math.ceil(fps)
    return FrameRate(whole, whole / fps)


@dataclass(frozen=True)
class Timeline:
    """Frames at which curves get keys, and where each lies among the samples.

    start: Blender's number of the first key. lower (F,): index of the sample at or before each frame. fraction (F,):
    how far towards the next sample, 0..1. constant: the samples themselves are the frames.
    """

    start: int
    lower: NDArray[np.intp]
    fraction: Array
    constant: bool

    def __len__(self) -> int:
        return len(self.lower)


def timeline(
    time: Array,
    frame: NDArray[np.integer],
    fps: float,
    start: int = 1,
    out_fps: float | None = None,
    span: "Span | None" = None,
) -> Timeline:
    """Lay samples out on Blender's frames: picture 0 of the video, or the first that `span` keeps, comes at `start`.

    time (T,) seconds, rising; frame (T,) picture numbers in the video. Where the time stamps follow the rate, each
    sample is one frame. Where they do not (variable rate), or where `out_fps` asks for another rate, frames are laid at
    that rate over the samples' span. Raises UserError where nothing is left.
    """
    time = np.asarray(time, dtype=np.float64)
    if len(time) == 0:
        raise UserError("The take is empty: it has no frames.")
    if len(time) > 1 and not (np.diff(time) > 0).all():
        raise UserError("The take's time stamps do not rise; capture it again.")
    if len(time) == 1:
        return Timeline(start, np.zeros(1, dtype=np.intp), np.zeros(1), True)
    number = np.asarray(frame, dtype=np.int64)
    constant = _follows(time, number, fps)
    step = 1.0 if out_fps is None else fps / out_fps  # source frames from one of Blender's frames to the next
    if constant and (np.diff(number) == 1).all() and step == 1 and span is None:
        return Timeline(start + int(number[0]), np.arange(len(time)), np.zeros(len(time)), True)
    # In source frames since picture 0.
    position = number.astype(np.float64) if constant else (time - _origin(time, number)) * fps
    if (position[-1] - position[0]) / step > _MOST_FRAMES:
        raise UserError(
            f"The take's times span {(position[-1] - position[0]) / step:.0f} frames, and a timeline has at most "
            f"{_MOST_FRAMES}; cut the clip."
        )
    if span is None:
        first, last = math.ceil(position[0] / step - 1e-6), math.floor(position[-1] / step + 1e-6)
        wanted = step * np.arange(first, max(last, first) + 1, dtype=np.float64)
    else:
        low, high = span.within(position[0], position[-1], fps)
        first = 0
        wanted = low + step * np.arange(math.floor((high - low) / step + 1e-6) + 1, dtype=np.float64)
    lower = np.clip(np.searchsorted(position, wanted + 1e-9, side="right") - 1, 0, len(time) - 2)
    fraction = np.clip((wanted - position[lower]) / (position[lower + 1] - position[lower]), 0.0, 1.0)
    return Timeline(start + first, lower, fraction, False)


@dataclass(frozen=True)
class Moment:
    """A moment of a source: a frame of it, or a time in seconds."""

    value: float
    seconds: bool = False

    def frame(self, fps: float) -> float:
        """In source frames."""
        return self.value * fps if self.seconds else self.value


def parse_moment(text: str) -> Moment:
    """`120` is a frame; `4.5s`, `1:02.5` and `0:01:02.5` are times. Raises UserError for anything else."""
    parts = text.strip().removesuffix("s").split(":")
    seconds = text.strip().endswith("s") or len(parts) > 1
    try:
        numbers = [float(part) for part in parts]
        whole = seconds or numbers[0] == int(numbers[0])
        if len(parts) <= 3 and all(math.isfinite(n) and n >= 0 for n in numbers) and whole:
            return Moment(sum(n * 60**k for k, n in enumerate(reversed(numbers))), seconds)
    except (ValueError, OverflowError):
        pass
    raise UserError(f"{text} is no moment of a clip; give a frame (120), seconds (4.5s) or minutes (1:02.5).")


@dataclass(frozen=True)
class Span:
    """What is kept of a clip, both ends included; None is the clip's own end."""

    first: Moment | None = None
    last: Moment | None = None

    def within(self, low: float, high: float, fps: float) -> tuple[float, float]:
        """First and last position kept, in source frames, of a clip from `low` to `high`. Raises UserError if none."""
        start = low if self.first is None else max(low, self.first.frame(fps))
        end = high if self.last is None else min(high, self.last.frame(fps))
        if end < start - 1e-9:
            raise UserError(
                f"Nothing is left of the clip: it has the frames {low:.0f} to {high:.0f}, "
                f"and {'what is kept begins at ' + format(start, '.6g') + ' and ends at ' + format(end, '.6g')}."
            )
        return start, end


def _origin(time: Array, number: NDArray[np.integer]) -> float:
    """Time of picture 0: containers may start late, so the first stamp counts where it belongs to picture 0."""
    return float(time[0]) if number[0] == 0 else 0.0


def _follows(time: Array, number: NDArray[np.integer], fps: float) -> bool:
    drift = (time - time[0]) * fps - (number - number[0])
    return bool(np.abs(drift).max() < _CONSTANT)


def resample(values: Array, line: Timeline) -> Array:
    """Samples (T, ...) at the timeline's frames (F, ...), linear between neighbours."""
    if line.constant:
        return values
    shape = (len(line),) + (1,) * (values.ndim - 1)
    fraction = line.fraction.reshape(shape)
    upper = np.minimum(line.lower + 1, len(values) - 1)
    return values[line.lower] * (1 - fraction) + values[upper] * fraction


def resample_rotations(rotation: Array, line: Timeline) -> Array:
    """Rotations (T, 3, 3) at the timeline's frames (F, 3, 3), along the shortest arc between neighbours."""
    if line.constant:
        return rotation
    from scipy.spatial.transform import Rotation

    upper = np.minimum(line.lower + 1, len(rotation) - 1)
    before, after = Rotation.from_matrix(rotation[line.lower]), Rotation.from_matrix(rotation[upper])
    step = (before.inv() * after).as_rotvec() * line.fraction[:, None]
    return (before * Rotation.from_rotvec(step)).as_matrix()
