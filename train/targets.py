"""What the network should have said: volume, points and mesh from a sample's parameters."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from mmface_core.geometry.camera import weak_perspective
from mmface_core.geometry.mesh import cap_triangles
from mmface_core.geometry.voxelize import cap_plane, voxelize
from mmface_core.model.dense_points import dense_points
from mmface_core.model.face_model import FaceModel

LID_ROWS = ("lid_upper_1", "lid_upper_2", "lid_upper_3", "lid_upper_4")
LIP_PAIRS = (
    ("lip_inner_upper_1_left", "lip_inner_lower_1_left"),
    ("lip_inner_upper_1_right", "lip_inner_lower_1_right"),
    ("lip_inner_upper_2_left", "lip_inner_lower_2_left"),
    ("lip_inner_upper_2_right", "lip_inner_lower_2_right"),
    # iBUG's own: inner lips, and the mouth's corners for smiles and puckers.
    ("landmark_61", "landmark_67"),
    ("landmark_62", "landmark_66"),
    ("landmark_63", "landmark_65"),
    ("landmark_48", "landmark_54"),
)
LID_LANDMARKS = ((37, 41), (38, 40), (43, 47), (44, 46))
# Gaze: the iris against both corners of its eye (iBUG's 36-39 on the subject's right, 42-45 on the left).
IRIS_PAIRS = tuple(
    (f"iris_{place}_{side}", f"landmark_{corner}")
    for side, corners in (("right", (36, 39)), ("left", (42, 45)))
    for place in ("centre", "outer", "inner")
    for corner in corners
)

POINT_WEIGHTS = {
    "iris": 4.0,
    "lid": 2.0,
    "lip": 2.0,
    "brow": 1.5,
    "cheek": 0.5,
    "jowl": 0.5,
    "ear": 0.3,
    "forehead": 0.3,
}
"""How much a named dense point weighs in the points' loss, by the start of its name; 1 where none fits."""
LANDMARK_WEIGHTS = {range(0, 17): 0.5, range(36, 48): 2.0, range(60, 68): 2.0}
"""The same for the 68 landmarks: the contour slides, eyes and inner lips carry the expression."""

Pose = tuple[Tensor, Tensor, Tensor]


class PointModel:
    """The face model reduced to its P dense points (the 68 landmarks first): linear, so a few small products."""

    def __init__(self, model: FaceModel) -> None:
        points = dense_points(model)
        self.names = list(points.names)
        self.mirror = points.mirror
        self.mean = points.of_shape(model.mean[None])[0]  # (P, 3)
        self.identity = points.of_shape(model.identity_basis).flatten(1)  # (K, 3P)
        self.expression = points.of_shape(model.expression_basis).flatten(1)  # (M, 3P)
        self.pairs = gap_pairs(self.names)  # (N, 2)
        self.weights = point_weights(self.names)  # (P,)

    def to(self, device: torch.device) -> PointModel:
        """A copy whose tensors lie on a device."""
        moved = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(moved, name, value.to(device))
        return moved

    def __call__(self, identity: Tensor, expression: Tensor) -> Tensor:
        """(B, K), (B, M) -> (B, P, 3) mm."""
        offsets = identity @ self.identity + expression @ self.expression
        return self.mean + offsets.reshape(len(identity), -1, 3)


class Targets(NamedTuple):
    """points_3d (B, P, 3) mm; points (B, P, 2) px of the 256 crop; volume (B, D, H, W) f32 of 0 and 1; pose."""

    points_3d: Tensor
    points: Tensor
    volume: Tensor
    pose: Pose

    def to(self, device: torch.device) -> Targets:
        """The same on a device."""
        pose = tuple(part.to(device) for part in self.pose)
        return Targets(self.points_3d.to(device), self.points.to(device), self.volume.to(device), pose)


class TargetMaker:
    """Makes `Targets` from a batch's parameters; holds the closed skin mesh."""

    def __init__(self, model: FaceModel, volume_size: int) -> None:
        self.model, self.volume_size = model, volume_size
        self.points = PointModel(model)
        self.closed = cap_triangles(model.part_triangles("skin").numpy(), model.skin.stop)

    def __call__(self, batch: Mapping[str, Tensor]) -> Targets:
        """Targets of a batch with `identity`, `expression`, `rotation`, `scale`, `translation`."""
        pose = (batch["rotation"], batch["scale"], batch["translation"])
        points = self.points(batch["identity"], batch["expression"])
        # Renders know where a camera at arm's length saw the points, which weak perspective only comes near.
        picture = batch["points"] if "points" in batch else weak_perspective(points, *pose)[..., :2]
        return Targets(points, picture, self.volume(batch["identity"], batch["expression"], pose), pose)

    def volume(self, identity: Tensor, expression: Tensor, pose: Pose) -> Tensor:
        """The capped solid (B, D, H, W), f32 of 0 and 1."""
        skin = self.model.shape(identity, expression)[:, self.model.skin]
        vertices = self.closed.vertices(weak_perspective(skin, *pose)).numpy()
        rotation, scale, translation = (part.numpy() for part in pose)
        cap = cap_plane(rotation, scale, translation, self.model.cap_z_mm)
        return torch.from_numpy(voxelize(vertices, self.closed.triangles, cap, self.volume_size)).float()


def gap_pairs(names: list[str]) -> Tensor:
    """Numbers (N, 2) of the point pairs whose offset tells closed from open eyes and lips, and where the eyes look."""
    number = {name: i for i, name in enumerate(names)}
    pairs = [(upper, upper.replace("upper", "lower")) for upper in LID_ROWS]
    lids = [(f"{a}_{side}", f"{b}_{side}") for a, b in pairs for side in ("left", "right")]
    lids += [(f"landmark_{a}", f"landmark_{b}") for a, b in LID_LANDMARKS]
    pairs = [*lids, *LIP_PAIRS, *IRIS_PAIRS]
    # A converted model knows its 68 landmarks only.
    return torch.tensor([(number[a], number[b]) for a, b in pairs if a in number and b in number])


def point_weights(names: list[str]) -> Tensor:
    """Weights (P,) of the points, with a mean of 1."""

    def weight(name: str) -> float:
        if name.startswith("landmark_"):
            number = int(name.removeprefix("landmark_"))
            return next((value for numbers, value in LANDMARK_WEIGHTS.items() if number in numbers), 1.0)
        return next((value for start, value in POINT_WEIGHTS.items() if name.startswith(start)), 1.0)

    values = torch.tensor([weight(name) for name in names])
    return values / values.mean()
