"""Live curves: one frame in, one frame out, at once. Nothing here looks ahead."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmface_core.model.arkit import ARKIT_NAMES
from retarget import rotations
from retarget.calibration import Calibration, apply_calibration, chosen_pose
from retarget.cleaning import pairs
from retarget.filters import live_rotation_filter, live_weights_filter
from retarget.gaps import GapPolicy, kept_share
from retarget.performance import Settings
from retarget.weights import weights_by_name

if TYPE_CHECKING:
    from mmface_core.capture.state import FaceState

Array = NDArray[np.floating]


class LiveCleaner:
    """Filters and calibrates a live stream; while the face is lost it holds, then eases to rest, as a clip would."""

    def __init__(self, settings: Settings | None = None, calibration: Calibration | None = None) -> None:
        """calibration: of the person in front of the camera, if there is a take of theirs."""
        self._calibration = calibration or Calibration()
        self._ahead: Array = np.eye(3)  # where the head looks at rest
        self._weights, self._rotation = live_weights_filter(), live_rotation_filter()
        self.settings = settings or Settings()
        self._seen: tuple[Array, Array] | None = None  # filtered, not calibrated
        self._last: tuple[Array, Array] = (np.zeros(len(ARKIT_NAMES)), np.eye(3))
        self._seen_at = 0.0

    @property
    def settings(self) -> Settings:
        """How the curves are made; another strength of smoothing takes over where the filters stand."""
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._settings = settings
        weights = live_weights_filter(settings.smooth, settings.regions)
        rotation = live_rotation_filter(settings.regions.get("head", settings.smooth))
        self._weights.min_cutoff, self._weights.beta = weights.min_cutoff, weights.beta
        self._rotation.min_cutoff = rotation.min_cutoff

    def rest_here(self) -> None:
        """The face and the direction of the last frame that showed it become the rest."""
        if self._seen is not None:
            weights, self._ahead = self._seen
            neutral = chosen_pose(weights[None], np.zeros(1, int), np.ones(1, bool), 0, 0)
            full = np.maximum(self._calibration.full, neutral + 0.05)
            self._calibration = replace(self._calibration, neutral=neutral, full=full)

    def __call__(self, time: float, weights: Array | None, rotation: Array | None) -> tuple[Array, Array]:
        """Weights (52,) and rotation (3, 3) to show at `time` seconds; None for both where no face was seen."""
        if weights is None or rotation is None:
            return eased(self._last, time - self._seen_at, self.settings.gaps)
        weights = np.clip(self._weights(weights, time), 0.0, 1.0)
        rotation = self._rotation(rotation.astype(np.float64), time)
        self._seen, self._seen_at = (weights, rotation), time
        value = apply_calibration(weights[None], self._calibration)
        steps = self.settings.steps
        if steps.symmetry:
            value = pairs.symmetric(value, steps.symmetry)
        if steps.pairs:
            value = pairs.exclusive(value)
        self._last = value[0], self._ahead.T @ rotation
        return self._last


def seen_face(
    state: "FaceState | None", names: Sequence[str], policy: GapPolicy
) -> tuple[Array, Array] | tuple[None, None]:
    """Weights (52,) and rotation (3, 3) of a tracked face; None for both where there is none to believe.

    names: of the state's expression weights.
    """
    if state is None or state.confidence < policy.min_confidence:
        return None, None
    return weights_by_name(state.expression[None].astype(np.float64), tuple(names))[0], state.rotation


def eased(last: tuple[Array, Array], since: float, policy: GapPolicy) -> tuple[Array, Array]:
    """What to show `since` seconds after the last sight of weights (52,) and rotation (3, 3), as a clip's gap would."""
    if policy.lost != "ease":
        return last
    kept = kept_share(since, policy)
    weights, rotation = last
    return kept * weights, rotations.exp(kept * rotations.log(rotation))
