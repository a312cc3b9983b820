"""Blinks that close. Tracking sees the closed lid in a frame or two and rarely all the way; filters round it off."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks, peak_widths

from mmface_core.model.arkit import ARKIT_INDEX

Array = NDArray[np.floating]

_LEAST_RISE = 0.3  # weight units above the lid's rest: less is a flutter or a glance down
_LEAST_PEAK = 0.4
_LONGEST = 0.4  # seconds at half height; longer is a squint, a glance down or a nap
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
        peaks, found = find_peaks(lid, height=_LEAST_PEAK, prominence=_LEAST_RISE, plateau_size=1)
        if len(peaks) == 0:
            continue
        half = peak_widths(lid, peaks, rel_height=0.5)[0] * step
        foot = lid[peaks] - found["prominences"]
        shaped = np.full(len(lid), -np.inf)
        for peak, base, width in zip(peaks, foot, half, strict=True):
            if width > _LONGEST or lid[peak] >= CLOSED:
                continue
            first, last = _extent(lid, int(peak), float(base))
            share = np.clip((lid[first : last + 1] - base) / (lid[peak] - base), 0.0, 1.0)
            # Half of the way in a straight line, half in an S: steeper in the middle, the feet softer.
            share = 0.5 * share + 0.5 * share**2 * (3 - 2 * share)
            # Where two blinks meet, the more closed one counts.
            shaped[first : last + 1] = np.maximum(shaped[first : last + 1], base + (1 - base) * share)
        result[:, column] = np.where(np.isfinite(shaped), shaped, lid)
    return np.clip(result, 0.0, 1.0)


def _extent(lid: Array, peak: int, base: float) -> tuple[int, int]:
    """First and last sample around `peak` that lie above `base`, with the feet on either side."""
    first = peak
    while first > 0 and lid[first - 1] > base:
        first -= 1
    last = peak
    while last < len(lid) - 1 and lid[last + 1] > base:
        last += 1
    return first, last
