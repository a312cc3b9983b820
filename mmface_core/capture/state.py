"""What one frame says about one face."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FaceState:
    """One face in one picture (or in one crop), in the conventions of `mmface_core.conventions`.

    identity (K,) and expression (M,) codes of the face model; rotation (3, 3) head to camera; scale in px per mm;
    translation (2,) px; landmarks (68, 3) px (x right, y down, z towards the camera), on the fitted mesh; points (P, 2)
    px: where the network's heat-maps see its points, without the face model; confidence 0..1.
    """

    identity: NDArray[np.float32]
    expression: NDArray[np.float32]
    rotation: NDArray[np.float32]
    scale: float
    translation: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    points: NDArray[np.float32]
    confidence: float

    @property
    def box(self) -> NDArray[np.float32]:
        """Box (4,) of the landmarks as x0, y0, x1, y1."""
        points = self.landmarks[:, :2]
        return np.concatenate([points.min(0), points.max(0)])
