"""The square that a network sees of a labelled picture, and what a pose is in it."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from mmface_core.capture.crop import Crop
from mmface_core.capture.keypoints import fit_pose
from mmface_core.conventions import CROP_SIZE
from mmface_core.model.face_model import FaceModel
from train.datasets.labels import FilePose

FACE_PX = 120.0
"""How large sqrt(w h) of the 68 points' box comes out in the 256-pixel crop of the paper's kind: VRN's 90 of 192, which
is also the paper's f of about 0.001 px/um."""
SPREAD_MM = 4.0  # how far a face's points lie from the mean face's

CropKind = Literal["box", "pose"]


class Pose(NamedTuple):
    """rotation (3, 3) head to camera, scale px/mm, translation (2,) px with y down, in the head frame of a model."""

    rotation: np.ndarray
    scale: float
    translation: np.ndarray


def box_crop(points: np.ndarray, grow: float = 1.0, turn: float = 0.0, shift: np.ndarray | None = None) -> Crop:
    """The paper's crop (Sec. 4): around the box of the true landmarks (68, >=2) px, upright as the picture is.

    grow enlarges the face, turn (radians) rolls the picture back, shift (2,) moves the face, px of the crop.
    """
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    size = float(np.sqrt(max(np.prod(high - low), 1.0)))
    crop = Crop.around((low + high) / 2, CROP_SIZE * size / (FACE_PX * grow), turn)
    if shift is None:
        return crop
    return Crop(np.column_stack([crop.matrix[:, :2], crop.matrix[:, 2] + shift]))


def pose_crop(points: np.ndarray, neutral: np.ndarray) -> Crop:
    """The crop that capture would take: by the pose of neutral landmarks (68, 3) mm fitted to the true ones."""
    return Crop.of_pose(*fitted_pose(points, neutral))


def fitted_pose(points: np.ndarray, neutral: np.ndarray) -> Pose:
    """The robust weak-perspective pose of neutral landmarks (68, 3) mm at true points (68, >=2) px."""
    marks, seen = (np.concatenate([_leading(values), values[17:]]) for values in (neutral, points[:, :2]))
    return Pose(*fit_pose(marks, seen, np.full(len(marks), SPREAD_MM)))


def pose_from_file(pose: FilePose, model: FaceModel, height: int) -> Pose:
    """A 300W-LP pose for a model that was converted from the one that it was fitted with; 0-based picture pixels.

    V = f R S + t, and head mm = mm axes S - origin, so R axes' (head + origin) f / mm stands for f R S.
    """
    source = model.source
    if source is None:
        raise ValueError("the model was not converted from a file that poses could refer to")
    rotation = pose.rotation @ source.axes.T
    scale = pose.f / source.mm
    moved = pose.translation + scale * (rotation @ source.origin)
    return Pose(rotation, scale, np.array([moved[0] - 1.0, height - moved[1]]))


def pose_in_crop(pose: Pose, crop: Crop) -> Pose:
    """A pose of the picture in the pixels of its crop."""
    c, s = np.cos(crop.roll), np.sin(crop.roll)
    back = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])  # the crop turns the picture by -roll
    moved = crop.matrix[:, :2] @ pose.translation + crop.matrix[:, 2]
    return Pose(back @ pose.rotation, pose.scale * crop.zoom, moved)


def means_model(model: FaceModel, identities: int, expressions: int) -> bool:
    """Whether the parameters of 300W-LP's files are this model's: Basel 2009, converted, with as many components."""
    return (
        model.source is not None
        and model.source.name.startswith("Basel 2009")
        and "Deep3D" not in model.source.name
        and (model.n_identity, model.n_expression) == (identities, expressions)
    )


def _leading(marks: np.ndarray) -> np.ndarray:
    """Both eyes, nose and mouth (4, n), from which `fit_pose` takes its start."""
    return np.stack([marks[36:42].mean(0), marks[42:48].mean(0), marks[30], marks[48:68].mean(0)])
