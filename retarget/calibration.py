"""A person's own resting face as the zero of their weights, and how far each of their units goes as the one.

A calibration is two weights for each ARKit unit: `neutral`, which counts as 0, and `full`, which counts as 1. Units
that exclude each other (gaze up and down, jaw left and right) are one signed movement, whose zero may lie on either
side. Lids have a range of their own: their zero moves a little only, and closed stays closed, so that blinks survive.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES, MIRRORED_UNIT

Array = NDArray[np.floating]
Bools = NDArray[np.bool_]

SIGNED_PAIRS = (
    ("eyeLookUpLeft", "eyeLookDownLeft"),
    ("eyeLookUpRight", "eyeLookDownRight"),
    ("eyeLookOutLeft", "eyeLookInLeft"),
    ("eyeLookInRight", "eyeLookOutRight"),
    ("jawLeft", "jawRight"),
    ("mouthLeft", "mouthRight"),
)

# A lid that rests half closed must still be able to close: its zero moves at most this far.
MOST_LID_OFFSET = 0.35
# The zero that a person chose may lie anywhere; beyond this, nothing would be left to move.
MOST_CHOSEN_OFFSET = 0.9
# Nobody looked at the zero that was found by itself, and a face may be acted sad all through a clip: it takes away what
# a resting face shows by mistake, never an expression.
MOST_FOUND_OFFSET = 0.12
# The found zero lies at the low end of what the resting face shows (per cent), so that small movements about it are
# kept.
RESTING_PERCENTILE = 10
# A person's largest movement counts as 1 only where it is large already; a calm clip says nothing about their range.
LEAST_FULL = 0.65
LEAST_USED = 0.35  # units that never got this far keep their range
LEAST_LID_FULL = 0.45  # a lid that went this far in several blinks was closed

_LIDS = np.array([name.startswith("eyeBlink") for name in ARKIT_NAMES])
# A mouth may rest a little open, and how far the lips are apart is what a viewer sees first: left to the capture.
_PARTING = np.array(
    [
        name.startswith(("jawOpen", "mouthClose", "mouthFunnel", "mouthUpperUp", "mouthLowerDown"))
        for name in ARKIT_NAMES
    ]
)
_GAZE = np.array([name.startswith("eyeLook") for name in ARKIT_NAMES])


@dataclass(frozen=True)
class Calibration:
    """neutral (52,) weights that count as 0, full (52,) that count as 1; `by` says where they come from."""

    neutral: Array = field(default_factory=lambda: np.zeros(len(ARKIT_NAMES)), repr=False)
    full: Array = field(default_factory=lambda: np.ones(len(ARKIT_NAMES)), repr=False)
    by: str = "none"

    @property
    def changes(self) -> bool:
        """Whether applying it changes anything."""
        return bool((self.neutral != 0).any() or (self.full != 1).any())


@dataclass(frozen=True)
class CalibrationPolicy:
    """Which calibration to use.

    neutral: a frame of the source, (first, last) of a stretch in which the face rests, "auto" (the most frequent pose
    of low energy) or "off". range: "auto" (the person's largest movements count as 1) or "off". Either may be None:
    what the take stores or, where it stores nothing, "auto" for the neutral and "off" for the range.
    """

    neutral: int | tuple[int, int] | str | None = None
    range: str | None = None


def parse_neutral(text: str) -> int | tuple[int, int] | str:
    """FRAME, A-B, auto or off, as typed. Raises UserError for anything else."""
    if text in ("auto", "off"):
        return text
    first, dash, last = text.partition("-")
    if first.strip().isdecimal() and not dash:
        return int(first)
    if first.strip().isdecimal() and last.strip().isdecimal():
        if int(first) > int(last):
            raise UserError(f"The neutral stretch {text} ends before it begins.")
        return int(first), int(last)
    raise UserError(f"The neutral is given as a frame (40), a stretch (40-60), auto or off, not as {text}.")


def calibrate(
    weights: Array,
    time: Array,
    frame: NDArray[np.integer],
    good: Bools,
    policy: CalibrationPolicy,
    stored: Calibration | None = None,
) -> Calibration:
    """The calibration that a policy asks for, for weights (T, 52).

    time (T,) seconds; frame (T,) numbers of the pictures; good (T,) which show the face; stored: what the take holds.
    Raises UserError where the chosen frames show no face.
    """
    if policy.neutral is None and stored is not None:
        neutral, by = stored.neutral, stored.by
    elif policy.neutral in (None, "auto"):
        neutral, by = resting_pose(weights, time, good), "auto"
    elif policy.neutral == "off":
        neutral, by = np.zeros(weights.shape[1]), "off"
    else:
        chosen = policy.neutral if isinstance(policy.neutral, tuple) else (policy.neutral, policy.neutral)
        neutral = chosen_pose(weights, frame, good, *chosen)  # type: ignore[arg-type]
        by = f"frame {chosen[0]}" if chosen[0] == chosen[1] else f"frames {chosen[0]}-{chosen[1]}"
    if policy.range == "auto":
        full = person_range(apply_calibration(weights, Calibration(neutral)), time, good)
        full = neutral + full * (1 - neutral)  # it was measured above the neutral
    elif policy.range is None and stored is not None:
        full = stored.full
    else:
        full = np.ones(weights.shape[1])
    return Calibration(neutral, np.maximum(full, neutral + 0.05), by)


def apply_calibration(weights: Array, calibration: Calibration) -> Array:
    """Weights (T, 52) with the neutral at 0 and the full movement at 1, kept within 0..1.

    Monotone in each weight (in each signed pair, in its movement); a calibration that is none changes nothing.
    """
    if not calibration.changes:
        return weights
    neutral, full = calibration.neutral, calibration.full
    calibrated = (weights - neutral) / (full - neutral)
    for a, b in SIGNED_PAIRS:
        i, j = ARKIT_INDEX[a], ARKIT_INDEX[b]
        moved = (weights[:, i] - weights[:, j]) - (neutral[i] - neutral[j])
        calibrated[:, i] = moved / (full[i] - neutral[i])
        calibrated[:, j] = -moved / (full[j] - neutral[j])
    return np.clip(calibrated, 0.0, 1.0)


def chosen_pose(weights: Array, frame: NDArray[np.integer], good: Bools, first: int, last: int) -> Array:
    """The neutral (52,) from frames first .. last of the source.

    Of a single frame, up to 2 good ones on either side help, so that one noisy frame does not shift the whole clip.
    """
    inside = good & (frame >= first) & (frame <= last)
    if not inside.any():
        what = f"Frame {first}" if first == last else f"The stretch {first}-{last}"
        raise UserError(f"{what} cannot be the neutral one: the take does not show the face there.")
    if first == last:
        index = int(np.flatnonzero(inside)[0])
        near = [i for i in range(max(0, index - 2), min(len(weights), index + 3)) if good[i]]
        rest = np.median(weights[near], axis=0)
    else:
        rest = np.median(weights[inside], axis=0)
    return np.where(_LIDS, np.minimum(rest, MOST_LID_OFFSET), np.minimum(rest, MOST_CHOSEN_OFFSET))


def resting_pose(weights: Array, time: Array, good: Bools) -> Array:
    """The neutral (52,) found by itself: the pose of low energy that the face has most often; 0 where there is none.

    Of the stillest and least expressive frames, the one with the most frames of the clip near it; then the low end of
    what those show. Clips of less than a second tell nothing.
    """
    known = np.flatnonzero(good)
    if len(known) < 15 or time[known[-1]] - time[known[0]] < 1.0:
        return np.zeros(weights.shape[1])
    known = known[:: max(1, len(known) // 600)]  # the pose is found among 600 to 1200 frames, however long the clip
    w = weights[known]
    features = w[:, ~(_LIDS | _GAZE)]
    energy = features.sum(axis=1)
    speed = np.abs(np.gradient(features, time[known], axis=0)).sum(axis=1)
    calm = (energy <= np.percentile(energy, 30)) & (speed <= np.percentile(speed, 70))
    if not calm.any():
        return np.zeros(weights.shape[1])
    width = 0.15  # weight units between two poses that count as alike
    squared = ((features[calm][:, None] - features[None]) ** 2).sum(axis=-1)  # (calm, T)
    alike = np.exp(-0.5 * squared / width**2)
    centre = int(np.argmax(alike.sum(axis=1)))
    near = squared[centre] <= (2 * width) ** 2
    rest = np.percentile(w[near], RESTING_PERCENTILE, axis=0)
    rest[_PARTING] = 0.0
    found = np.minimum(rest, MOST_FOUND_OFFSET)
    for a, b in SIGNED_PAIRS:  # only the difference of such a pair is a movement
        i, j = ARKIT_INDEX[a], ARKIT_INDEX[b]
        moved = float(np.clip(rest[i] - rest[j], -MOST_FOUND_OFFSET, MOST_FOUND_OFFSET))
        if a.startswith(("eyeLookOut", "eyeLookIn")):
            moved = 0.0  # whom a person looks at, beside the camera, is no matter of anatomy
        found[i], found[j] = max(moved, 0.0), max(-moved, 0.0)
    found[_LIDS] = np.minimum(rest[_LIDS], MOST_LID_OFFSET)
    return found


def person_range(weights: Array, time: Array, good: Bools) -> Array:
    """The weight (52,) that counts as 1, from how far the person went: 1 where they hardly used a unit.

    Left and right share the larger one, so that a crooked smile stays crooked. A lid's is the median of its blinks.
    """
    full = np.ones(weights.shape[1])
    if not good.any():
        return full
    reached = np.percentile(weights[good], 99, axis=0)
    reached = np.maximum(reached, reached[list(MIRRORED_UNIT)])
    used = (reached >= LEAST_USED) & ~_LIDS & ~_GAZE
    full[used] = np.clip(reached[used], LEAST_FULL, 1.0)
    for index in np.flatnonzero(_LIDS):
        peaks, _ = find_peaks(np.where(good, weights[:, index], 0.0), height=LEAST_LID_FULL, prominence=0.25)
        if len(peaks) >= 2:
            full[index] = min(1.0, float(np.median(weights[peaks, index])))
    return full
