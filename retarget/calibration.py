"""A person's own resting face as the zero of their weights."""

import numpy as np
from numpy.typing import NDArray

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_NAMES

Array = NDArray[np.floating]

# A lid that rests half closed must still be able to close: its zero moves at most this far.
_MOST_LID_OFFSET = 0.35


def remove_neutral(weights: Array, frame: NDArray[np.integer], good: NDArray[np.bool_], neutral: int) -> Array:
    """Weights (T, 52) in which picture number `neutral` is all zero, stretched so that 1 stays 1.

    frame (T,) numbers of the pictures; good (T,) which show the face. The reference is the median of up to 5 good
    frames around the chosen one, so that one noisy frame does not shift the whole clip. Raises UserError where that
    picture shows no face.
    """
    place = np.flatnonzero(frame == neutral)
    if len(place) == 0 or not good[place[0]]:
        raise UserError(f"Frame {neutral} cannot be the neutral one: the take does not show the face there.")
    index = int(place[0])
    near = [i for i in range(max(0, index - 2), min(len(weights), index + 3)) if good[i]]
    rest = np.median(weights[near], axis=0)
    lids = np.array([name.startswith("eyeBlink") for name in ARKIT_NAMES])
    rest = np.where(lids, np.minimum(rest, _MOST_LID_OFFSET), np.minimum(rest, 0.9))
    return np.clip((weights - rest) / (1 - rest), 0.0, 1.0)
