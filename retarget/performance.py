"""From a take to clean curves on Blender's frames: gaps filled, smoothed, resampled. Knows no rig."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.take import Take
from retarget import filters, timing
from retarget.calibration import remove_neutral
from retarget.gaps import GapPolicy, fill_gaps, seen
from retarget.weights import weights_by_name

Array = NDArray[np.floating]

_FILLED_CONFIDENCE = 0.2  # what a filled-in frame counts when its neighbours are smoothed


@dataclass(frozen=True)
class Settings:
    """How a take becomes curves. smooth: 0 (off) to 1. start: Blender's frame of the video's first picture.

    neutral: frame of the video in which the face rests; its weights count as 0. None: the model's own neutral.
    """

    smooth: float = filters.DEFAULT_STRENGTH
    start: int = 1
    gaps: GapPolicy = field(default_factory=GapPolicy)
    neutral: int | None = None


@dataclass(frozen=True)
class Performance:
    """Curves on Blender's frames start .. start + F - 1.

    weights (F, 52) ARKit, 0..1; rotation (F, 3, 3) head to camera; confidence (F,); row (F,): the take's row that is
    nearest in time; rate None for a still picture; filled: how many of the take's rows were not seen and had to be
    filled.
    """

    name: str
    rate: timing.FrameRate | None
    start: int
    weights: Array = field(repr=False)
    rotation: Array = field(repr=False)
    confidence: Array = field(repr=False)
    row: NDArray[np.intp] = field(repr=False)
    filled: int = 0

    @property
    def frame_count(self) -> int:
        """F."""
        return len(self.weights)


def performance_of(take: Take, settings: Settings, name: str | None = None) -> Performance:
    """Clean a take. `name` of the clip; by default the stem of the take's source.

    Raises UserError where the take shows no face, or has no ARKit weights.
    """
    good = seen(take.present, take.confidence, settings.gaps)
    if not good.any():
        faces = int(take.present.sum())
        reason = "no frame shows the face" if not faces else f"none of the {faces} frames with a face is good enough"
        raise UserError(f"The take of {take.source} cannot drive a rig: {reason}.")
    weights, rotation = fill_gaps(_arkit_weights(take), take.rotation, take.time, good, settings.gaps)
    if settings.neutral is not None:
        weights = remove_neutral(weights, take.frame, good, settings.neutral)
    confidence = np.where(good, take.confidence, _FILLED_CONFIDENCE)
    weights = filters.smooth_weights(weights, take.time, confidence, settings.smooth)
    rotation = filters.smooth_rotation(rotation, take.time, confidence, settings.smooth)
    line = timing.timeline(take.time, take.frame, take.fps, settings.start)
    return Performance(
        name=name or clip_name(take.source),
        rate=timing.frame_rate(take.fps) if len(take) > 1 else None,
        start=line.start,
        weights=timing.resample(weights, line),
        rotation=timing.resample_rotations(rotation, line),
        confidence=timing.resample(confidence, line),
        row=line.lower + (line.fraction > 0.5),
        filled=int((~good).sum()),
    )


def clip_name(source: str) -> str:
    """What to call an action: the file's name without its ending."""
    return Path(source).stem or "clip"


def _arkit_weights(take: Take) -> Array:
    names = tuple(str(name) for name in take.weight_names)
    if not names:
        raise UserError(
            f"The take of {take.source} holds no ARKit weights: its face model has another expression basis. "
            "Solve them with retarget.weights.solve_weights, or capture with the default model."
        )
    if names == ARKIT_NAMES:
        return np.clip(take.weights.astype(np.float64), 0.0, 1.0)
    return weights_by_name(take.weights, names)
