"""Lips that meet for p, b and m: the closures that a viewer sees first when they are missing."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES

Array = NDArray[np.floating]

# How far each unit parts the middle of the lips, in parts of jawOpen, on the bundled face model: the distance of the
# iBUG points 61-63 from 65-67 at weight 1 (jawOpen: 30 mm).
GAP: dict[str, float] = {
    "jawOpen": 1.0,
    "mouthClose": -1.0,
    "mouthFunnel": 0.29,
    "mouthLowerDownLeft": 0.07,
    "mouthLowerDownRight": 0.07,
    "mouthUpperUpLeft": 0.08,
    "mouthUpperUpRight": 0.08,
    "mouthShrugUpper": 0.12,
}
_GAP = np.array([GAP.get(name, 0.0) for name in ARKIT_NAMES])
_PARTING = [ARKIT_INDEX[name] for name in GAP if name not in ("jawOpen", "mouthClose")]
_JAW, _CLOSE = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]

_NEARLY_CLOSED = 0.10  # of jawOpen's gap, 3 mm: tracking rarely sees lips all the way together
_LEAST_RISE = 0.08  # on both sides of a closure; less is no closure but a mouth that hardly moves
_REACH = 0.045  # seconds on either side in which the lips come together and part again


def lip_gap(weights: Array) -> Array:
    """(T,) how far the lips are apart, in parts of the gap that jawOpen makes at weight 1; 0 is closed."""
    return weights @ _GAP


def consistent(weights: Array) -> Array:
    """Weights (T, 52) whose mouthClose does not exceed jawOpen, of which it is the correction."""
    result = weights.copy()
    result[:, _CLOSE] = np.minimum(weights[:, _CLOSE], weights[:, _JAW])
    return result


def closures(weights: Array, time: Array) -> NDArray[np.intp]:
    """Indices of the frames in which the lips meet and part again, in weights (T, 52) that no filter has rounded."""
    gap = lip_gap(weights)
    minima, _ = find_peaks(-gap, height=-_NEARLY_CLOSED, prominence=_LEAST_RISE, plateau_size=1)
    return minima


def closed(weights: Array, time: Array, where: NDArray[np.intp]) -> Array:
    """Weights (T, 52) whose lips meet at the frames `where`, easing in and out within 0.045 s; time (T,) in seconds.

    mouthClose rises to jawOpen, and what else parts the lips gives way; the jaw itself stays, as it does in speech.
    The gap never grows, and stays as it is elsewhere.
    """
    result = consistent(weights)
    if len(where) == 0:
        return result
    share = np.zeros(len(time))
    for index in where:
        away = np.abs(time - time[index]) / _REACH
        share = np.maximum(share, np.where(away < 1, (1 - away**2) ** 2, 0.0))
    result[:, _CLOSE] += share * (result[:, _JAW] - result[:, _CLOSE])
    result[:, _PARTING] *= (1 - share)[:, None]
    return result
