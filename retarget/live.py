"""Live curves: one frame in, one frame out, at once. Nothing here looks ahead."""

import numpy as np
from numpy.typing import NDArray

from mmface_core.model.arkit import ARKIT_NAMES
from retarget import rotations
from retarget.calibration import Calibration, apply_calibration
from retarget.cleaning import pairs
from retarget.filters import OneEuroRotation, live_weights_filter
from retarget.gaps import GapPolicy, kept_share
from retarget.performance import Settings

Array = NDArray[np.floating]


class LiveCleaner:
    """Calibrates and filters a live stream; while the face is lost it holds, then eases to rest, as a clip would."""

    def __init__(self, settings: Settings | None = None, calibration: Calibration | None = None) -> None:
        """calibration: of the person in front of the camera, if there is a take of theirs."""
        self._settings = settings or Settings()
        self._calibration = calibration or Calibration()
        strength = self._settings.smooth
        self._weights = live_weights_filter(strength, self._settings.regions) if strength else None
        self._rotation = OneEuroRotation() if strength else None
        self._last: tuple[Array, Array] = (np.zeros(len(ARKIT_NAMES)), np.eye(3))
        self._lost_since: float | None = None

    def __call__(self, time: float, weights: Array | None, rotation: Array | None) -> tuple[Array, Array]:
        """Weights (52,) and rotation (3, 3) to show at `time` seconds; None for both where no face was seen."""
        if weights is None or rotation is None:
            return self._without_face(time)
        self._lost_since = None
        value = apply_calibration(weights[None].astype(np.float64), self._calibration)
        steps = self._settings.steps
        if steps.symmetry:
            value = pairs.symmetric(value, steps.symmetry)
        if steps.pairs:
            value = pairs.exclusive(value)
        shown = value[0] if self._weights is None else np.clip(self._weights(value[0], time), 0.0, 1.0)
        turned = rotation.astype(np.float64) if self._rotation is None else self._rotation(rotation, time)
        self._last = shown, turned
        return self._last

    def _without_face(self, time: float) -> tuple[Array, Array]:
        self._lost_since = time if self._lost_since is None else self._lost_since
        return eased(self._last, time - self._lost_since, self._settings.gaps)


def eased(last: tuple[Array, Array], since: float, policy: GapPolicy) -> tuple[Array, Array]:
    """What to show `since` seconds after the last sight of weights (52,) and rotation (3, 3), as a clip's gap would."""
    if policy.lost != "ease":
        return last
    kept = kept_share(since, policy)
    weights, rotation = last
    return kept * weights, rotations.exp(kept * rotations.log(rotation))
