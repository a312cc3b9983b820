"""Every crop read twice, as it is and mirrored: what the network gets wrong, it gets wrong differently each time.

Twice the time for points 2 % and angles 4 % nearer (on renders): for still pictures, where nobody waits for it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmface_core.capture.reconstruct import Predicts
from mmface_core.model.face_arrays import AnyFaceModel
from mmface_core.model.mirror import FaceMirror, mirrored_pixels, mirrored_rotation
from mmface_core.network.inference import Prediction


class BothWays:
    """A network that answers with the mean of both readings."""

    def __init__(self, predictor: Predicts, model: AnyFaceModel) -> None:
        self._predictor = predictor
        self._mirror = FaceMirror.of(model)

    @property
    def description(self) -> str:
        """What is read both ways."""
        return f"{self._predictor.description}, as it is and mirrored"

    def predict(self, crops: NDArray[np.uint8]) -> Prediction:
        """(B, 256, 256, 3) u8 RGB crops -> `Prediction`."""
        straight = self._predictor.predict(crops)
        turned = self._predictor.predict(np.ascontiguousarray(crops[:, :, ::-1]))
        return mean_of_two(straight, mirrored(turned, self._mirror))


def mirrored(prediction: Prediction, mirror: FaceMirror) -> Prediction:
    """What the network would have said about the mirrored crops."""
    p = prediction
    return Prediction(
        volume=p.volume[..., ::-1],
        identity=p.identity @ mirror.identity.T,
        expression=p.expression @ mirror.expression.T,
        rotation=mirrored_rotation(p.rotation),
        scale=p.scale,
        translation=mirrored_pixels(p.translation),
        points=mirrored_pixels(p.points[:, mirror.points]),
    )


def mean_of_two(one: Prediction, other: Prediction) -> Prediction:
    """The mean of two readings of the same crops; of rotations the one nearest to both."""
    parts = {name: (getattr(one, name) + getattr(other, name)) / 2 for name in Prediction._fields}
    left, _, right = np.linalg.svd(parts["rotation"])  # never a reflection, as the two are less than half a turn apart
    return Prediction(**parts | {"rotation": left @ right})
