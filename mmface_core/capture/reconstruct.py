"""From crops to faces: the network's answer, refined by its own volume and points, back in the picture."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmface_core.capture.crop import Crop
from mmface_core.capture.state import FaceState
from mmface_core.errors import UserError
from mmface_core.geometry.camera import weak_perspective
from mmface_core.geometry.fit import FaceParameters, FitConfig, PointFitter
from mmface_core.geometry.icp import icp_vertices, refine_pose
from mmface_core.model.dense_points import dense_points
from mmface_core.model.face_model import FaceModel
from mmface_core.network.inference import Prediction

Refine = Literal["none", "icp", "points", "icp+points"]

# Median distance between the fitted mesh's points and the network's, crop px: 0.8 to 1.7 on faces, else 1.9 to 4.7.
POINTS_PX: Final = 1.9  # where the confidence has fallen to a half
AGREEMENT: Final = 0.35  # share of the mesh on the volume's surface, from which a lack of it no longer counts


class Predicts(Protocol):
    """The network, wherever it runs; `description` says in a few words what it is and where."""

    @property
    def description(self) -> str: ...

    def predict(self, crops: NDArray[np.uint8]) -> Prediction: ...


@dataclass(frozen=True)
class ReconstructConfig:
    """What corrects the network's parameters: its volume by ICP, its points by a bounded fit, both, or nothing."""

    refine: Refine = "points"
    fit: FitConfig = field(default_factory=FitConfig)


class Reconstructor:
    """Network, volume and points joined: crops of a picture in, faces in the picture out."""

    def __init__(self, predictor: Predicts, model: FaceModel, config: ReconstructConfig | None = None) -> None:
        self._predictor = predictor
        self._model = model
        self.config = ReconstructConfig() if config is None else config
        self._icp_vertices = icp_vertices(model)
        dense = dense_points(model)
        self.fitter = PointFitter(model, dense.vertices, dense.weights, self.config.fit)

    @torch.inference_mode()
    def faces(self, image: NDArray[np.uint8], crops: Sequence[Crop]) -> list[FaceState]:
        """For each crop of an RGB picture the face that it shows, in picture pixels, whatever its confidence."""
        if not crops:
            return []
        prediction = self._predictor.predict(np.stack([crop.extract(image) for crop in crops]))
        return [crop.to_picture(state) for crop, state in zip(crops, self.states(prediction), strict=True)]

    @torch.inference_mode()
    def states(self, prediction: Prediction) -> list[FaceState]:
        """The faces of B crops in crop pixels."""
        face = FaceParameters(
            torch.from_numpy(prediction.identity),
            torch.from_numpy(prediction.expression),
            torch.from_numpy(prediction.rotation),
            torch.from_numpy(prediction.scale),
            torch.from_numpy(prediction.translation),
        )
        points = torch.from_numpy(prediction.points)
        if points.shape[1] != self.fitter.mean.shape[0]:
            raise UserError(
                f"The weights know {points.shape[1]} points and the face model {self.fitter.mean.shape[0]}: "
                "they belong to different versions."
            )
        shape = self._model.points(face.identity, face.expression, self._icp_vertices)
        icp = refine_pose(torch.from_numpy(prediction.volume), shape, face.rotation, face.scale, face.translation)
        if "icp" in self.config.refine:
            face = face._replace(rotation=icp.rotation, scale=icp.scale, translation=icp.translation)
        if "points" in self.config.refine:
            face = self.fitter.fit(face, points)
        confidence = self._confidence(face, points, icp.agreement)
        shape = self._model.landmarks(face.identity, face.expression)
        landmarks = weak_perspective(shape, face.rotation, face.scale, face.translation)
        return [
            FaceState(
                identity=face.identity[i].numpy(),
                expression=face.expression[i].numpy(),
                rotation=face.rotation[i].numpy(),
                scale=float(face.scale[i]),
                translation=face.translation[i].numpy(),
                landmarks=landmarks[i].numpy(),
                points=points[i].numpy(),
                confidence=float(confidence[i].clamp(0, 1)),
            )
            for i in range(len(points))
        ]

    def _confidence(self, face: FaceParameters, points: Tensor, agreement: Tensor) -> Tensor:
        """How well mesh, points (B, P, 2) and volume tell of the same face, (B,) 0..1.

        The points are compared with the mesh that fits them best: what is no face fits no face. agreement (B,) is the
        share of the mesh that lies on the volume's surface after ICP.
        """
        fitted = face if "points" in self.config.refine else self.fitter.fit(face, points)
        apart = (self.fitter.points(fitted) - points).norm(dim=-1).median(dim=1).values
        return (agreement / AGREEMENT).clamp(0, 1) / (1 + (apart / POINTS_PX) ** 4)
