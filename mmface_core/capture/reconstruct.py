"""From crops to faces: the network's answer, refined by its own volume and points, back in the picture."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mmface_core.capture.crop import Crop
from mmface_core.capture.stages import NO_STAGES, Stages
from mmface_core.capture.state import FaceState
from mmface_core.errors import UserError
from mmface_core.geometry.align import Alignment, align, icp_vertex_numbers
from mmface_core.geometry.fit import FaceParameters, FitConfig, PointFitter
from mmface_core.model.dense_points import check_dense_points, point_kinds
from mmface_core.model.face_arrays import AnyFaceModel
from mmface_core.model.surface_points import SurfacePoints
from mmface_core.network.inference import Prediction

Refine = Literal["none", "icp", "points", "icp+points"]

# Set by benchmarks/confidence.py, on renders and on things that are no faces.
# Of faces, 97 of 100 get a confidence over a half; of pieces of faces, faces of a wrong size or upside down, and other
# things, 1 of 100 does.
POINTS_PX: Final = 2.8  # where the confidence has fallen to a half
AGREEMENT: Final = (0.45, 0.65)  # shares of the mesh on the volume's surface: nothing of a face, and all of one
# Lips closed over an open jaw are rare in life, common in training pictures: where both are read, so much is believed.
CLOSURE_BELIEVED: Final = 0.5


class Evidence(NamedTuple):
    """What speaks for B faces: apart (B,), the median distance in crop px between the network's points and those of the
    mesh that fits them best; agreement (B,), the share of the mesh that lies on the volume's surface after ICP."""

    apart: NDArray[np.float32]
    agreement: NDArray[np.float32]


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

    def __init__(
        self,
        predictor: Predicts,
        model: AnyFaceModel,
        config: ReconstructConfig | None = None,
        stages: Stages = NO_STAGES,
    ) -> None:
        self._predictor = predictor
        self._stages = stages
        self.config = ReconstructConfig() if config is None else config
        check_dense_points(model)
        self._skin = SurfacePoints(model, icp_vertex_numbers(model))
        self.marks = SurfacePoints(model, model.annotated_vertices, model.annotated_weights)
        self._surface = SurfacePoints(model, model.point_vertices, model.point_weights)
        self._names = model.expression_names, point_kinds(model.point_names)
        self.fitter = self.fitter_like(self.config.fit)

    def reading_with(self, predictor: Predicts) -> "Reconstructor":
        """The same with another network."""
        other = copy.copy(self)
        other._predictor = predictor
        return other

    def fitter_like(self, config: FitConfig) -> PointFitter:
        """A fitter to the network's points with other settings."""
        return PointFitter(self._surface, config, *self._names)

    def faces(self, image: NDArray[np.uint8], crops: Sequence[Crop]) -> list[FaceState]:
        """For each crop of an RGB picture the face that it shows, in picture pixels, whatever its confidence."""
        return self.read([(image, crop) for crop in crops])

    def read(self, pairs: Sequence[tuple[NDArray[np.uint8], Crop]]) -> list[FaceState]:
        """The same for crops of different pictures. May be called from several threads."""
        if not pairs:
            return []
        with self._stages("crop"):
            crops = np.stack([crop.extract(image) for image, crop in pairs])
        with self._stages("network"):
            prediction = self._predictor.predict(crops)
        return [crop.to_picture(state) for (_, crop), state in zip(pairs, self.states(prediction), strict=True)]

    def states(self, prediction: Prediction) -> list[FaceState]:
        """The faces of B crops in crop pixels."""
        face, evidence = self.refined(prediction)
        return [
            FaceState(
                identity=face.identity[i],
                expression=face.expression[i],
                rotation=face.rotation[i],
                scale=float(face.scale[i]),
                translation=face.translation[i],
                landmarks=marks,
                points=prediction.points[i],
                confidence=float(sure),
            )
            for i, (marks, sure) in enumerate(
                zip(project_landmarks(self.marks, face), confidence(evidence), strict=True)
            )
        ]

    def guess(self, prediction: Prediction) -> FaceParameters:
        """The faces of B crops as the network alone sees them: where ICP and fit begin."""
        p = prediction
        expression = with_jaw_closed(p.expression, self._names[0])
        return FaceParameters(p.identity, expression, p.rotation, p.scale, p.translation)

    def refined(self, prediction: Prediction) -> tuple[FaceParameters, Evidence]:
        """The faces of B crops as the config corrects them, and what speaks for their being faces at all."""
        p = prediction
        face = self.guess(p)
        if p.points.shape[1] != len(self.fitter.surface):
            raise UserError(
                f"The weights know {p.points.shape[1]} points and the face model {len(self.fitter.surface)}: "
                "they belong to different versions."
            )
        with self._stages("ICP"):
            aligned = self._align(face, p.volume)
        if "icp" in self.config.refine:
            face = face._replace(rotation=aligned.rotation, scale=aligned.scale, translation=aligned.translation)
        with self._stages("fit to points"):
            fitted = self.fitter.fit(face, p.points)
        apart = np.median(np.linalg.norm(self.fitter.points(fitted) - p.points, axis=-1), axis=1)
        evidence = Evidence(apart, aligned.agreement)
        return (fitted if "points" in self.config.refine else face), evidence

    def _align(self, face: FaceParameters, volume: NDArray[np.float32]) -> Alignment:
        """ICP of the predicted skin and the predicted volume (B, N, N, N), from the network's own pose."""
        skin = self._skin.shape(face.identity, face.expression)
        return align(volume, skin, face.rotation, face.scale, face.translation)


def with_jaw_closed(expression: NDArray[np.float32], names: Sequence[str]) -> NDArray[np.float32]:
    """Weights (B, M) with part of `mouthClose` taken back, and as much of `jawOpen`: the lips stay where they are.

    A closed mouth in a long face looks like both units at once; from one picture nobody can tell. Other units, and
    weights of models without the two, stay as they are.
    """
    if not {"jawOpen", "mouthClose"} <= set(names):
        return expression
    jaw, lips = names.index("jawOpen"), names.index("mouthClose")
    out = expression.copy()
    back = np.minimum((1.0 - CLOSURE_BELIEVED) * expression[:, lips], expression[:, jaw])
    out[:, lips] -= back
    out[:, jaw] -= back
    return out


def confidence(evidence: Evidence) -> NDArray[np.float32]:
    """How well mesh, points and volume tell of the same face, (B,) 0..1: what is no face fits no face."""
    none, whole = AGREEMENT
    agreement = np.clip((evidence.agreement - none) / (whole - none), 0, 1)
    return agreement / (1 + (evidence.apart / POINTS_PX) ** 4)


def project_landmarks(marks: SurfacePoints, face: FaceParameters) -> NDArray[np.float32]:
    """The 68 landmarks (B, 68, 3) px of faces; marks: their places on the mesh."""
    head = marks.shape(face.identity, face.expression)
    camera = face.scale[:, None, None] * (head @ face.rotation.transpose(0, 2, 1))  # px, y up
    camera[..., 1] *= -1.0
    camera[..., :2] += face.translation[:, None]
    return camera
