"""Named points on the mesh beyond the 68 landmarks: lids, irises, lips, brows, cheeks, forehead, ears.

A network that also predicts these in the picture sees eyelids, gaze and lips much finer than the 68 do. The file of the
default model carries them (`point_names`, `point_vertices`, `point_weights`), the 68 landmarks first; they come in
left-right pairs, so that a flipped picture exchanges them by `DensePoints.mirror`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mmface_core.errors import UserError
from mmface_core.model.face_arrays import AnyFaceModel
from mmface_core.model.landmarks import MIRRORED_LANDMARK, Place, at, landmark_places, mirrored_place

if TYPE_CHECKING:
    from torch import Tensor

    from mmface_core.model.face_model import FaceModel

# The left half: name -> place on MakeHuman's base mesh. Each gives two points, NAME_left and NAME_right.
LEFT_POINTS: Final[dict[str, Place]] = {
    "lid_upper_1": at(11485),  # from the inner to the outer corner
    "lid_upper_2": at(11484),
    "lid_upper_3": at(11465),
    "lid_upper_4": at(11468),
    "lid_lower_1": at(6837),
    "lid_lower_2": at(6834),
    "lid_lower_3": at(6828),
    "lid_lower_4": at(6814),
    "iris_centre": at(14598, 14634),
    "iris_outer": at(14626, 14635),
    "iris_inner": at(14599, 14662),
    "lip_outer_upper": at(7168),
    "lip_outer_lower": at(7133),
    "lip_inner_upper_1": at(7228),
    "lip_inner_upper_2": at(7225),
    "lip_inner_lower_1": at(7242),
    "lip_inner_lower_2": at(7231),
    "brow_lower_inner": at(6983),
    "brow_lower_middle": at(6952),
    "nostril_wing": at(11685),
    "cheekbone": at(6968),
    "cheek": at(11764),
    "jowl": at(11818),
    "ear_top": at(12161),
    "ear_front": at(7564),
    "forehead": at(7436),
}
MIDDLE_POINTS: Final[dict[str, Place]] = {
    "glabella": at(220),
    "forehead_middle": at(5320),
    "chin_groove": at(5337),
    "chin": at(733),
}


class DensePoints(NamedTuple):
    """P points on a mesh: names; vertices (P, 3) i64 and barycentric weights (P, 3) f32; mirror (P,) i64."""

    names: tuple[str, ...]
    vertices: Tensor
    weights: Tensor
    mirror: Tensor

    def of_shape(self, shape: Tensor) -> Tensor:
        """The points (B, P, 3) of vertices (B, V, 3), in their frame and unit."""
        return (shape[:, self.vertices] * self.weights[None, :, :, None]).sum(2)


def point_names() -> list[str]:
    """Names of all points: `landmark_0` to `landmark_67`, then the pairs, then the middle."""
    pairs = [f"{name}_{side}" for name in LEFT_POINTS for side in ("left", "right")]
    return [f"landmark_{number}" for number in range(68)] + pairs + list(MIDDLE_POINTS)


def point_places(mirror: np.ndarray) -> list[Place]:
    """Places of all points in the order of `point_names`; mirror (N,) of the base mesh."""
    places = landmark_places(mirror)
    for place in LEFT_POINTS.values():
        places += [place, mirrored_place(place, mirror)]
    return places + list(MIDDLE_POINTS.values())


def point_mirror(names: list[str] | tuple[str, ...]) -> np.ndarray:
    """For each point the number (P,) of the point on the other side."""
    index = {name: number for number, name in enumerate(names)}

    def other(name: str) -> str:
        if name.startswith("landmark_"):
            return f"landmark_{MIRRORED_LANDMARK[int(name.removeprefix('landmark_'))]}"
        stem, _, side = name.rpartition("_")
        return {"left": f"{stem}_right", "right": f"{stem}_left"}.get(side, name)

    return np.array([index[other(name)] for name in names])


LANDMARK_KINDS: Final = (
    *["outline"] * 17,
    *["brow"] * 10,
    *["nose"] * 9,
    *["lid"] * 12,
    *["lip"] * 20,
)
_KINDS: Final = {"iris": "iris", "lid": "lid", "lip": "lip", "brow": "brow", "nostril": "nose"}


def point_kinds(names: list[str] | tuple[str, ...]) -> list[str]:
    """Of each named point what it lies on: iris, lid, lip, brow, nose, or the face's outline and open skin."""

    def kind(name: str) -> str:
        if name.startswith("landmark_"):
            return LANDMARK_KINDS[int(name.removeprefix("landmark_"))]
        return _KINDS.get(name.split("_")[0], "outline")

    return [kind(name) for name in names]


class DetailPoints(NamedTuple):
    """Numbers of the points at the left eye and its brow, of their mirror images in the same order, of the mouth's with
    the nostrils, and of the lips alone.
    """

    eye_left: tuple[int, ...]
    eye_right: tuple[int, ...]
    mouth: tuple[int, ...]
    lips: tuple[int, ...]


def detail_points(names: list[str] | tuple[str, ...]) -> DetailPoints:
    """Which of the points lie where a closer look pays: eyes with brows, mouth with nostrils, lips."""
    landmarks_left = {f"landmark_{number}" for number in (*range(22, 27), *range(42, 48))}

    def of_left_eye(name: str) -> bool:
        return name in landmarks_left or (name.endswith("_left") and name.startswith(("lid", "iris", "brow")))

    left = [number for number, name in enumerate(names) if of_left_eye(name)]
    mirror = point_mirror(names)
    nostrils = {f"landmark_{number}" for number in range(31, 36)} | {"nostril_wing_left", "nostril_wing_right"}
    kinds = point_kinds(names)
    lips = [number for number, kind in enumerate(kinds) if kind == "lip"]
    mouth = [number for number, name in enumerate(names) if kinds[number] == "lip" or name in nostrils]
    return DetailPoints(tuple(left), tuple(int(mirror[number]) for number in left), tuple(mouth), tuple(lips))


def check_dense_points(model: AnyFaceModel) -> None:
    """UserError where the model has no dense points, or was loaded without the eyeballs that some lie on."""
    if not model.point_names:
        raise UserError("This face model carries no dense points; the bundled default model does.")
    if bool((model.point_vertices < 0).any()):
        raise UserError("Some dense points lie on parts that were left out: load the model with skin and both eyes.")


def dense_points(model: FaceModel) -> DensePoints:
    """The points of a model that carries them, on the model's device; UserError as of `check_dense_points`."""
    import torch

    check_dense_points(model)
    mirror = torch.from_numpy(point_mirror(model.point_names)).to(model.point_vertices.device)
    return DensePoints(model.point_names, model.point_vertices, model.point_weights, mirror)


def dense_point_vertices(model: FaceModel) -> Tensor:
    """For each of the P points the single vertex (P,) i64 that is nearest to it (the one with the largest weight)."""
    points = dense_points(model)
    return points.vertices.gather(1, points.weights.argmax(1, keepdim=True))[:, 0]
