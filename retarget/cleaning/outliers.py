"""Frames in which tracking jumped away and came back: found by their neighbours and by what confidence says."""

import numpy as np
from numpy.typing import NDArray

from mmface_core.model.arkit import ARKIT_NAMES
from retarget import rotations

Array = NDArray[np.floating]
Bools = NDArray[np.bool_]

_SPREADS = 6.0  # median absolute deviations from the neighbours' median that no steady movement reaches
_LEAST_TURN = np.radians(6.0)  # a head does not turn this far and back within two frames
_LEAST_ZOOM = 0.06  # of its size, likewise
_LEAST_SPIKE = 0.25  # weight units
# Lids blink, eyes dart and lips close within a frame or two: a spike of theirs is a movement.
_SLOW = np.array([name.startswith(("brow", "cheek", "nose")) for name in ARKIT_NAMES])


def jumped_frames(rotation: Array, scale: Array, confidence: Array, good: Bools) -> Bools:
    """(T,) frames whose head is turned or sized unlike both neighbours, which agree with one another.

    rotation (T, 3, 3); scale (T,) pixels per mm; confidence (T,) 0..1; only `good` frames are looked at. Frames as
    sure as their neighbours need twice the evidence.
    """
    known = np.flatnonzero(good)
    jumped = np.zeros(len(good), dtype=bool)
    if len(known) < 5:
        return jumped
    turns = _off_course_turn(rotation[known])
    zooms = np.abs(_off_course(np.log(np.maximum(scale[known], 1e-6))[:, None])[:, 0])
    doubt = np.ones(len(known))
    trust = confidence[known]
    doubt[1:-1] = np.where(trust[1:-1] < 0.9 * np.minimum(trust[:-2], trust[2:]), 1.0, 2.0)
    far = _stands_out(turns, doubt * _limit(turns, _LEAST_TURN)) | _stands_out(
        zooms, doubt * _limit(zooms, _LEAST_ZOOM)
    )
    far[[0, -1]] = False
    jumped[known] = far
    return jumped


def without_spikes(weights: Array, good: Bools) -> Array:
    """Weights (T, 52) without single-frame spikes of brows, cheeks and nose: those become their neighbours' median.

    A value changes only where it is the odd one out of five by far; what rises or falls steadily stays as it is.
    """
    count = len(weights)
    if count < 5:
        return weights
    padded = np.pad(weights[:, _SLOW], ((2, 2), (0, 0)), mode="edge")
    window = np.stack([padded[k : k + count] for k in range(5)])  # (5, T, n)
    middle = np.median(window, axis=0)
    spread = np.median(np.abs(window - middle), axis=0)
    off = np.abs(weights[:, _SLOW] - middle)
    spike = (off > np.maximum(_SPREADS * spread, _LEAST_SPIKE)) & good[:, None]
    cleaned = weights.copy()
    cleaned[:, _SLOW] = np.where(spike, middle, weights[:, _SLOW])
    return cleaned


def _stands_out(off: Array, limit: Array) -> Bools:
    """(T,) samples off course beyond the limit. Beside a jump its neighbours seem off course too, by half as much."""
    far = off > limit
    far[1:-1] &= (off[1:-1] >= off[:-2]) & (off[1:-1] >= off[2:])
    return far


def _off_course(values: Array) -> Array:
    """(T, n) how far each sample lies from the middle of its two neighbours; 0 at the ends."""
    off = np.zeros_like(values)
    off[1:-1] = values[1:-1] - 0.5 * (values[:-2] + values[2:])
    return off


def _off_course_turn(rotation: Array) -> Array:
    """(T,) angle of each rotation (T, 3, 3) from the middle of its two neighbours; 0 at the ends."""
    before, after = rotation[:-2].astype(np.float64), rotation[2:].astype(np.float64)
    middle = before @ rotations.exp(0.5 * rotations.log(np.swapaxes(before, -1, -2) @ after))
    off = np.zeros(len(rotation))
    off[1:-1] = np.linalg.norm(rotations.log(np.swapaxes(middle, -1, -2) @ rotation[1:-1]), axis=-1)
    return off


def _limit(off: Array, least: float) -> float:
    return max(least, _SPREADS * float(np.median(off[1:-1])))
