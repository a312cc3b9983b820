"""The truth of one labelled picture in the pixels of its crop, in the codes of the face model in use.

Where the labels are parameters of the same Basel model, they are taken as they are. Otherwise the model is fitted to
the 68 points, and the fit says so: such codes are plausible, not true.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmface_core.capture.crop import Crop
from mmface_core.geometry.fit import FaceParameters, FitConfig, PointFitter
from mmface_core.model.face_model import FaceModel
from mmface_core.model.surface_points import SurfacePoints
from train.datasets.cropping import Pose, fitted_pose, means_model, pose_crop, pose_from_file, pose_in_crop
from train.datasets.labels import Labels

FITTED_CODES = 30  # identity codes that 68 points can say anything about


@dataclass(frozen=True)
class Truth:
    """identity (K,), expression (M,) f32 and the pose in crop pixels; exact: parameters, not a fit to points."""

    identity: np.ndarray
    expression: np.ndarray
    pose: Pose
    exact: bool


class TruthMaker:
    """Turns labels into truths for one face model."""

    def __init__(self, model: FaceModel) -> None:
        self.model = model
        marks = SurfacePoints(model, model.annotated_vertices, model.annotated_weights)
        self.neutral = marks.mean
        named = bool(model.expression_names)
        spread = 0.2 if named else 1.0
        config = FitConfig(
            rotation=0.3,
            log_scale=0.2,
            translation=20.0,
            expression=spread,
            units=(),
            identity=0.8,
            n_identity=min(FITTED_CODES, model.n_identity),
            point_px=1.5,
            points=(),
            robust_px=8.0,
            steps=6,
            bounded=named,
        )
        self._fitter = PointFitter(marks, config)

    def crop_by_pose(self, points: np.ndarray) -> Crop:
        """The crop that capture would take of true points (68, >=2) px."""
        return pose_crop(points, self.neutral)

    def exact(self, labels: Labels) -> bool:
        """Whether the labels' parameters are this model's."""
        if labels.pose is None or labels.shape_para is None or labels.exp_para is None:
            return False
        return means_model(self.model, len(labels.shape_para), len(labels.exp_para))

    def truth(self, labels: Labels, crop: Crop, height: int) -> Truth:
        """The truth in `crop` of a picture of `height` px. Raises BadItem where the labels say nothing of the face."""
        if self.exact(labels):
            assert labels.pose is not None and labels.shape_para is not None and labels.exp_para is not None
            source = self.model.source
            assert source is not None
            return Truth(
                (labels.shape_para / source.identity_std).astype(np.float32),
                (labels.exp_para / source.expression_std).astype(np.float32),
                pose_in_crop(pose_from_file(labels.pose, self.model, height), crop),
                True,
            )
        return self.fitted(crop.points_to_crop(labels.pixels))

    def fitted(self, points: np.ndarray) -> Truth:
        """The model fitted to points (68, 2) of a crop."""
        pose = fitted_pose(points, self.neutral)
        zero = np.zeros((1, self.model.n_identity), np.float32), np.zeros((1, self.model.n_expression), np.float32)
        guess = FaceParameters(
            *zero,
            pose.rotation[None].astype(np.float32),
            np.array([pose.scale], np.float32),
            pose.translation[None].astype(np.float32),
        )
        found = self._fitter.fit(guess, points[None].astype(np.float32))
        moved = Pose(found.rotation[0].astype(np.float64), float(found.scale[0]), found.translation[0])
        return Truth(found.identity[0], found.expression[0], moved, False)
