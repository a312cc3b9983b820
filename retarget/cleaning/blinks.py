"""Blinks that close. Tracking sees the closed lid in a frame or two and rarely all the way; filters round it off."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks, peak_widths

from mmface_core.model.arkit import ARKIT_INDEX

Array = NDArray[np.floating]

_LEAST_RISE = 0.35  # weight units above the lid's rest: less is a flutter or a glance down
_LEAST_PEAK = 0.5
_OF_THE_PERSONS = 0.75  # of how far this person's lids usually come; a blink that stays behind was half of one
_LONGEST = 0.4  # seconds at half height; longer is a squint, a glance down or a nap
_FOOT = 0.25  # seconds from closed to the foot, at most: a blink opens within that
_RISE_AGAIN = 0.02  # weight units: beyond this a lid that opens has begun to close again
CLOSED = 0.97  # lids that come this far are closed and stay as they are


def sharpened(weights: Array, time: Array) -> Array:
    """Weights (T, 52) whose blinks reach 1 and open and close quickly; `time` (T,) in seconds.

    A blink's foot stays where it is, and nothing outside it changes. A lid never opens wider than it was at the foot. A
    blink that closes already is left alone, so applying it again changes nothing.
    """
    result = weights.copy()
    if len(time) < 3:
        return result
    step = float(np.median(np.diff(time)))
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        column = ARKIT_INDEX[name]
        lid = weights[:, column]
        peaks, _ = find_peaks(lid, height=_LEAST_PEAK, prominence=_LEAST_RISE, plateau_size=1)
        if len(peaks) == 0:
            continue
        half = peak_widths(lid, peaks, rel_height=0.5)[0] * step
        reach = max(2, round(_FOOT / step))
        closes = _OF_THE_PERSONS * float(np.percentile(lid[peaks], 90))
        shaped = np.full(len(lid), -np.inf)
        for peak, width in zip(peaks, half, strict=True):
            if width > _LONGEST or not closes <= lid[peak] < CLOSED:
                continue
            for direction in (-1, 1):  # closing and opening have feet of their own
                foot = _foot(lid, int(peak), direction, reach)
                way = np.arange(peak, foot + direction, direction)
                # Where two blinks meet, the more closed one counts.
                shaped[way] = np.maximum(shaped[way], _stretched(lid[way]))
        result[:, column] = np.where(np.isfinite(shaped), shaped, lid)
    return np.clip(result, 0.0, 1.0)


def _foot(lid: Array, peak: int, direction: int, reach: int) -> int:
    """Index of the blink's foot on one side of its peak: the lowest sample before the lid closes again."""
    foot = peak
    for index in range(peak + direction, peak + direction * (reach + 1), direction):
        if not 0 <= index < len(lid) or lid[index] > lid[foot] + _RISE_AGAIN:
            break
        if lid[index] < lid[foot]:
            foot = index
    return foot


def _stretched(way: Array) -> Array:
    """A lid's way from closed (first) to its foot (last), stretched to begin at 1 and to be steeper in the middle."""
    foot = way[-1]
    if len(way) < 2 or way[0] <= foot:
        return way
    share = np.clip((way - foot) / (way[0] - foot), 0.0, 1.0)
    # Half in a straight line, half in an S.
    return foot + (1 - foot) * (0.5 * share + 0.5 * share**2 * (3 - 2 * share))
