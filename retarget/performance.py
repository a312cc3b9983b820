"""From a take to clean curves on Blender's frames: calibrated, gaps filled, smoothed, resampled. Knows no rig."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.take import Take
from retarget import filters, timing
from retarget.calibration import Calibration, CalibrationPolicy, apply_calibration, calibrate
from retarget.cleaning import RAW, Cleaning
from retarget.cleaning.steps import after_filters, before_filters, believable
from retarget.gaps import GapPolicy, fill_gaps, keyless, seen
from retarget.layers import Layer
from retarget.weights import weights_by_name

Array = NDArray[np.floating]

_FILLED_CONFIDENCE = 0.2  # what a filled-in frame counts when its neighbours are smoothed


@dataclass(frozen=True)
class Settings:
    """How a take becomes curves. smooth: 0 (off) to 1. start: Blender's frame of the first picture that is kept.

    neutral: frame of the source, or (first, last) of a stretch, in which the face rests; "auto", "off", or None: what
    the take stores, otherwise "auto". range: "auto", "off", or None: what the take stores, otherwise "off". regions: a
    smoothing strength of its own for "mouth", "eyes", "brows" or "head". cleaning: None stands for the usual steps;
    with smooth = 0, which asks for the curves as they were captured, for none, and neutral None then does for "off".
    fps: frames a second of the curves, by default the take's own. span: what is kept of the clip. layer: how the action
    comes onto the rig.
    """

    smooth: float = filters.DEFAULT_STRENGTH
    start: int = 1
    gaps: GapPolicy = field(default_factory=GapPolicy)
    neutral: int | tuple[int, int] | str | None = None
    range: str | None = None
    regions: Mapping[str, float] = field(default_factory=dict)
    cleaning: Cleaning | None = None
    fps: float | None = None
    span: timing.Span | None = None
    layer: Layer = field(default_factory=Layer)

    @property
    def calibration(self) -> CalibrationPolicy:
        """Which calibration to use."""
        raw = self.smooth == 0 and self.cleaning is None
        return CalibrationPolicy("off" if raw and self.neutral is None else self.neutral, self.range)

    @property
    def steps(self) -> Cleaning:
        """The cleaning steps that run."""
        return self.cleaning or (RAW if self.smooth == 0 else Cleaning())


@dataclass(frozen=True)
class Performance:
    """Curves on Blender's frames start .. start + F - 1.

    weights (F, 52) ARKit, 0..1; rotation (F, 3, 3) head to camera; confidence (F,); row (F,): the take's row that is
    nearest in time; rate None for a still picture; filled: how many of the take's rows were not seen, or not believed,
    and had to be filled; keyless (F,): frames that get no keys; calibration: what was taken as zero and one.
    """

    name: str
    rate: timing.FrameRate | None
    start: int
    weights: Array = field(repr=False)
    rotation: Array = field(repr=False)
    confidence: Array = field(repr=False)
    row: NDArray[np.intp] = field(repr=False)
    filled: int = 0
    keyless: NDArray[np.bool_] | None = field(default=None, repr=False)
    calibration: Calibration = field(default_factory=Calibration, repr=False)

    @property
    def frame_count(self) -> int:
        """F."""
        return len(self.weights)

    @property
    def time(self) -> Array:
        """(F,) seconds of each frame, from 0 at the first."""
        return np.arange(self.frame_count) / (self.rate.value if self.rate else 1.0)

    @property
    def cuts(self) -> tuple[tuple[int, int], ...]:
        """First and last of Blender's frames of each stretch without keys."""
        if self.keyless is None or not self.keyless.any():
            return ()
        edges = np.flatnonzero(np.diff(np.concatenate([[False], self.keyless, [False]]).astype(np.int8)))
        return tuple((self.start + int(a), self.start + int(b) - 1) for a, b in edges.reshape(-1, 2))


def performance_of(take: Take, settings: Settings, name: str | None = None) -> Performance:
    """Clean a take. `name` of the clip; by default the stem of the take's source.

    Raises UserError where the take shows no face, or has no ARKit weights.
    """
    good = seen(take.present, take.confidence, settings.gaps)
    if not good.any():
        faces = int(take.present.sum())
        reason = "no frame shows the face" if not faces else f"none of the {faces} frames with a face is good enough"
        raise UserError(f"The take of {take.source} cannot drive a rig: {reason}.")
    steps, weights = settings.steps, arkit_weights(take)
    good = believable(take.rotation, take.scale, take.confidence, good, steps)
    weights = before_filters(weights, good, steps)
    calibration = calibrate(weights, take.time, take.frame, good, settings.calibration, stored_calibration(take))
    weights = apply_calibration(weights, calibration)
    captured, rotation = fill_gaps(weights, take.rotation, take.time, good, settings.gaps)
    confidence = np.where(good, take.confidence, _FILLED_CONFIDENCE)
    weights = filters.smooth_regions(captured, take.time, confidence, settings.smooth, settings.regions)
    head_strength = settings.regions.get("head", settings.smooth)
    rotation = filters.smooth_rotation(rotation, take.time, confidence, head_strength)

    fps = take.fps if settings.fps is None else settings.fps
    line = timing.timeline(take.time, take.frame, take.fps, settings.start, settings.fps, settings.span)
    rate = timing.frame_rate(fps) if len(take) > 1 else None
    weights = timing.resample(weights, line)
    seconds = np.arange(len(line)) / (rate.value if rate else 1.0)
    row = line.lower + (line.fraction > 0.5)
    return Performance(
        name=name or clip_name(take.source),
        rate=rate,
        start=line.start,
        weights=after_filters(weights, seconds, timing.resample(captured, line), steps),
        rotation=timing.resample_rotations(rotation, line),
        confidence=timing.resample(confidence, line),
        row=row,
        filled=int((~good).sum()),
        keyless=keyless(take.time, good, settings.gaps)[row],
        calibration=calibration,
    )


def clip_name(source: str) -> str:
    """What to call an action: the file's name without its ending."""
    return Path(source).stem or "clip"


def arkit_weights(take: Take) -> Array:
    """The take's weights (T, 52), 0..1, in ARKit's order. Raises UserError where it has none."""
    names = tuple(str(name) for name in take.weight_names)
    if not names:
        raise UserError(
            f"The take of {take.source} holds no ARKit weights: its face model has another expression basis. "
            "Solve them with retarget.weights.solve_weights, or capture with the default model."
        )
    if names == ARKIT_NAMES:
        return np.clip(take.weights.astype(np.float64), 0.0, 1.0)
    return weights_by_name(take.weights, names)


def stored_calibration(take: Take) -> Calibration | None:
    """The calibration that a take holds, in ARKit's order; None where it holds none."""
    if take.neutral is None or take.full is None:
        return None
    names = tuple(str(name) for name in take.weight_names)
    neutral = weights_by_name(take.neutral[None], names)[0]
    full = np.ones(len(ARKIT_NAMES))
    index = {name: i for i, name in enumerate(names)}
    for column, name in enumerate(ARKIT_NAMES):
        if name in index:
            full[column] = take.full[index[name]]
    return Calibration(neutral, full, take.calibrated_by or "the take")
