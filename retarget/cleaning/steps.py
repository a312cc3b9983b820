"""The cleaning steps in order: what happens before the filters, and what after them at the frames that get keys."""

import numpy as np
from numpy.typing import NDArray

from retarget.cleaning import blinks, lips, outliers, pairs
from retarget.cleaning.policy import Cleaning

Array = NDArray[np.floating]
Bools = NDArray[np.bool_]


def believable(rotation: Array, scale: Array, confidence: Array, good: Bools, cleaning: Cleaning) -> Bools:
    """(T,) of the frames that show the face, those to believe; the others are filled in like gaps."""
    if not cleaning.outliers:
        return good
    kept = good & ~outliers.jumped_frames(rotation, scale, confidence, good)
    return kept if kept.any() else good


def before_filters(weights: Array, good: Bools, cleaning: Cleaning) -> Array:
    """Weights (T, 52) without spikes, which a filter would smear over their neighbours."""
    return outliers.without_spikes(weights, good) if cleaning.outliers else weights


def after_filters(weights: Array, time: Array, unfiltered: Array, cleaning: Cleaning) -> Array:
    """Filtered weights (F, 52) at the frames that get keys, with what filters round off brought back.

    time (F,) seconds; unfiltered (F, 52): the same frames as captured, in which lip closures are still to be seen.
    """
    if cleaning.symmetry:
        weights = pairs.symmetric(weights, cleaning.symmetry)
    if cleaning.pairs:
        weights = pairs.exclusive(weights)
    if cleaning.blinks:
        weights = blinks.sharpened(weights, time)
    if cleaning.lips:
        weights = lips.closed(weights, time, lips.closures(lips.consistent(unfiltered), time))
    return weights
