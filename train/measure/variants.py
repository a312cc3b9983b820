"""The variants of Table 1 from one prediction: PMN's pose, ICP at three sizes, the true pose, and capture's own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from mmface_core.capture.reconstruct import Reconstructor
from mmface_core.geometry.camera import weak_perspective
from mmface_core.geometry.fit import FaceParameters
from mmface_core.geometry.icp import icp_vertices, refine_pose
from mmface_core.model.face_model import FaceModel
from mmface_core.model.surface_points import SurfacePoints
from mmface_core.network.inference import Prediction
from train.data.camera import fit_weak_perspective
from train.datasets.cropping import Pose
from train.datasets.truth import Truth

PMN, GT, POINTS = "PMN", "GT pose", "points (ours)"
ICP_SIZES = (64, 128, 192)
ROWS = (PMN, *(f"ICP-{size}" for size in ICP_SIZES), GT, POINTS)


class Shapes(NamedTuple):
    """A face under one variant in crop px, x right, y down, z to the camera: marks (68, 3), mesh (V, 3) or None."""

    marks: np.ndarray
    mesh: np.ndarray | None


class Variants:
    """Makes all variants of predicted faces for one face model."""

    def __init__(self, model: FaceModel, reader: Reconstructor, with_mesh: bool) -> None:
        self.model, self.reader, self.with_mesh = model, reader, with_mesh
        self.marks = SurfacePoints(model, model.annotated_vertices, model.annotated_weights)
        self._skin = SurfacePoints(model, icp_vertices(model))

    def of(self, prediction: Prediction, truths: list[Truth | None], true: list[np.ndarray]) -> list[dict[str, Shapes]]:
        """For each of B predictions the variants by name; true (68, 2) crop px. ICP only up to the volume's own size.

        Without exact parameters the true pose is the one that lays the predicted landmarks best on the true ones.
        """
        p = prediction
        found: list[dict[str, Shapes]] = [{} for _ in range(len(p.identity))]
        face = FaceParameters(p.identity, p.expression, p.rotation, p.scale, p.translation)
        self._add(found, PMN, face)
        for size in ICP_SIZES:
            if size <= p.volume.shape[1]:
                self._add(found, f"ICP-{size}", self._refined(face, p.volume, size))
        marks = self.marks.shape(p.identity, p.expression)
        poses = [
            truth.pose if truth is not None and truth.exact else Pose(*fit_weak_perspective(marks[i], true[i]))
            for i, truth in enumerate(truths)
        ]
        stacked = (np.stack([np.asarray(pose[part], np.float32) for pose in poses]) for part in range(3))
        self._add(found, GT, FaceParameters(p.identity, p.expression, *stacked))
        self._add(found, POINTS, self.reader.refined(p)[0])
        return found

    def _add(self, found: list[dict[str, Shapes]], name: str, face: FaceParameters) -> None:
        pose = [torch.from_numpy(np.ascontiguousarray(part, np.float32)) for part in face[2:]]
        marks = weak_perspective(torch.from_numpy(self.marks.shape(face.identity, face.expression)), *pose).numpy()
        meshes: list[np.ndarray | None] = [None] * len(marks)
        if self.with_mesh:
            codes = torch.from_numpy(face.identity), torch.from_numpy(face.expression)
            meshes = list(weak_perspective(self.model.shape(*codes), *pose).numpy())
        for faces, mark, mesh in zip(found, marks, meshes, strict=True):
            faces[name] = Shapes(mark, mesh)

    @torch.inference_mode()
    def _refined(self, face: FaceParameters, volume: np.ndarray, size: int) -> FaceParameters:
        points = torch.from_numpy(self._skin.shape(face.identity, face.expression))
        pose = [torch.from_numpy(np.ascontiguousarray(part)) for part in face[2:]]
        found = refine_pose(at_size(torch.from_numpy(volume), size), points, *pose)
        return FaceParameters(
            face.identity, face.expression, found.rotation.numpy(), found.scale.numpy(), found.translation.numpy()
        )


def at_size(volume: torch.Tensor, size: int) -> torch.Tensor:
    """A volume (B, N, N, N) with `size` voxels a side: averaged where that divides N, else interpolated."""
    side = volume.shape[-1]
    if size == side:
        return volume
    if side % size == 0:
        return F.avg_pool3d(volume[:, None], side // size)[:, 0]
    return F.interpolate(volume[:, None], size=(size,) * 3, mode="trilinear", align_corners=False)[:, 0]
