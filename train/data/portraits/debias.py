"""Take systematic errors of the fits out: units that the landmark model's habits switch on in every portrait.

The correspondences between two landmark conventions are never exact, and what is left over ends up in the units that
come closest to it: noses sneer a little and lips press a little in all portraits. A unit that most people do not use
when a picture is taken is measured from its median over all portraits instead. What the shape loses by that goes to
the identity, as far as the identity can express it. Gaze is measured from the camera, into which nearly all look.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mmface_core.model.arkit import ARKIT_NAMES
from train.data.head import default_head
from train.data.portraits.fit import Fit

# Median over the portraits counts as zero.
DRIFTED = ("noseSneer", "mouthPress", "browDown", "mouthFrown", "mouthStretch", "eyeSquint")
DRIFTED_MIDDLE = ("mouthRollUpper", "mouthRollLower", "mouthShrugLower", "mouthShrugUpper", "mouthLeft", "mouthRight")
# Parts of a smile, which many portraits do show: only what three quarters of them have counts as zero.
SMILING = ("mouthDimple", "cheekSquint")
# Turn of the eyeball at weight 1 in degrees: sideways, up, down.
GAZE_DEG = (30.0, 25.0, 30.0)
_RIDGE_MM = 0.1


def debias(fitted: Fit) -> Fit:
    """The fits with drifted units and gaze set right and the identity adjusted to them."""
    weights = fitted.expression.copy()
    for stem in DRIFTED:
        for side in ("Left", "Right"):
            _subtract(weights, ARKIT_NAMES.index(stem + side), 50)
    for name in DRIFTED_MIDDLE:
        _subtract(weights, ARKIT_NAMES.index(name), 50)
    for stem in SMILING:
        for side in ("Left", "Right"):
            _subtract(weights, ARKIT_NAMES.index(stem + side), 25)
    lost = fitted.expression - weights
    identity = np.clip(fitted.identity + lost @ _as_identity(), -3.0, 3.0).astype(np.float32)
    _centre_gaze(weights, fitted.rotation)
    return replace(fitted, identity=identity, expression=weights)


def _subtract(weights: np.ndarray, column: int, percentile: float) -> None:
    zero = np.percentile(weights[:, column], percentile)
    weights[:, column] = np.clip(weights[:, column] - zero, 0.0, None)


def _centre_gaze(weights: np.ndarray, rotation: np.ndarray) -> None:
    """Shift each eye's gaze so that the median portrait looks into the camera; in place."""
    camera = rotation[:, 2]  # the direction to the camera in the head frame
    sideways, up, down = GAZE_DEG
    expected_x = np.degrees(np.arctan2(camera[:, 0], camera[:, 2])) / sideways
    elevation = np.degrees(np.arcsin(np.clip(camera[:, 1], -1, 1)))
    expected_y = np.where(elevation > 0, elevation / up, elevation / down)
    for side, outwards in (("Left", 1.0), ("Right", -1.0)):
        for positive, negative, expected in (("Out", "In", outwards * expected_x), ("Up", "Down", expected_y)):
            plus = ARKIT_NAMES.index(f"eyeLook{positive}{side}")
            minus = ARKIT_NAMES.index(f"eyeLook{negative}{side}")
            signed = weights[:, plus] - weights[:, minus]
            signed = np.clip(signed - np.median(signed - expected), -1.0, 1.0)
            weights[:, plus], weights[:, minus] = np.clip(signed, 0, None), np.clip(-signed, 0, None)


def _as_identity() -> np.ndarray:
    """(M, K): identity codes that come closest to each expression unit on the skin, ridge least squares."""
    head = default_head()
    skin = head.parts["skin"]
    basis = head.basis.reshape(len(head.basis), -1, 3)[:, skin].reshape(len(head.basis), -1).astype(np.float64)
    identity, units = basis[: head.n_identity], basis[head.n_identity :]
    gram = identity @ identity.T
    ridge = _RIDGE_MM**2 * identity.shape[1] / 3 * np.eye(len(gram))
    return np.linalg.solve(gram + ridge, identity @ units.T).T
