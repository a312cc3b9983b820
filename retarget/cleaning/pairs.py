"""Units that cannot show together, and sides that should agree."""

import numpy as np
from numpy.typing import NDArray

from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES, MIRRORED_UNIT
from retarget.calibration import SIGNED_PAIRS

Array = NDArray[np.floating]

EXCLUSIVE_PAIRS = (
    *SIGNED_PAIRS,
    ("eyeBlinkLeft", "eyeWideLeft"),
    ("eyeBlinkRight", "eyeWideRight"),
    ("mouthSmileLeft", "mouthFrownLeft"),
    ("mouthSmileRight", "mouthFrownRight"),
)
# Differences of left and right around this are as likely noise as meant; far above it, they are meant.
_NOISE = 0.12  # weight units, at strength 1
_SIDEWAYS = ("eyeLookIn", "eyeLookOut", "jawLeft", "jawRight", "mouthLeft", "mouthRight")
_TWO_SIDED = [
    (i, j)
    for i, j in enumerate(MIRRORED_UNIT)
    if i < j and not ARKIT_NAMES[i].startswith(_SIDEWAYS)  # those differ by nature
]


def exclusive(weights: Array) -> Array:
    """Weights (T, 52) in which of two opposite units only the stronger shows, by as much as it is stronger.

    What a pair moves together (their difference) stays; applied again, it changes nothing.
    """
    result = weights.copy()
    for a, b in EXCLUSIVE_PAIRS:
        i, j = ARKIT_INDEX[a], ARKIT_INDEX[b]
        both = np.minimum(weights[:, i], weights[:, j])
        result[:, i] -= both
        result[:, j] -= both
    return result


def symmetric(weights: Array, strength: float) -> Array:
    """Weights (T, 52) whose slight differences of left and right are evened out.

    strength 0 (off) to 1. Each pair's mean stays; its difference shrinks, the more the smaller it is, so that a wink or
    a crooked smile keeps its shape. Mirroring the face before or after makes no difference.
    """
    if strength == 0:
        return weights
    result = weights.copy()
    for i, j in _TWO_SIDED:
        half = 0.5 * (weights[:, i] - weights[:, j])
        mean = 0.5 * (weights[:, i] + weights[:, j])
        kept = half * _kept(half, strength)
        result[:, i], result[:, j] = mean + kept, mean - kept
    return np.clip(result, 0.0, 1.0)


def _kept(half: Array, strength: float) -> Array:
    """Share of a difference that stays: near 0 for small ones, near 1 for large ones."""
    noise = (0.5 * strength * _NOISE) ** 2 + 1e-12  # no division of 0 by 0
    return half**2 / (half**2 + noise)
