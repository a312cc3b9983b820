"""Draw a captured face over its picture: the fitted mesh, shaded and see-through, and the 68 landmarks."""

from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mmface_core.capture.state import FaceState
from mmface_core.geometry.camera import weak_perspective
from mmface_core.model.face_arrays import AnyFaceModel, FaceArrays
from mmface_core.model.face_model import FaceModel
from mmface_core.take import Take

Image = NDArray[np.uint8]

SHADE: Final = (120, 200, 255)  # RGB of the mesh in full light
LINE: Final = (255, 255, 255)
POINT: Final = (255, 230, 0)
FAINT: Final = (255, 120, 60)  # landmarks of a face that is hardly believed
ALPHA: Final = 0.45
# Consecutive landmarks that are joined by a line, and whether the line closes.
CONTOURS: Final = (
    (range(17), False),
    (range(17, 22), False),
    (range(22, 27), False),
    (range(27, 31), False),
    (range(31, 36), False),
    (range(36, 42), True),
    (range(42, 48), True),
    (range(48, 60), True),
    (range(60, 68), True),
)
_SHIFT: Final = 4  # OpenCV draws at 1/16 of a pixel with this


def draw_mesh(
    image: Image, vertices: NDArray[np.floating], triangles: NDArray[np.integer], alpha: float = ALPHA
) -> Image:
    """The picture (H, W, 3) with a mesh over it.

    vertices (V, 3): pixel x, pixel y (down), depth towards the camera; triangles (F, 3) counter-clockwise from outside.
    Faces that look away from the camera are left out; far ones are painted first.
    """
    corners = vertices[triangles]  # (F, 3, xyz)
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normals = np.cross(a * [1, -1, 1], b * [1, -1, 1])  # y up, so that outside is outside
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
    height, width = image.shape[:2]
    inside = ((corners[..., 0] > -width) & (corners[..., 0] < 2 * width)).all(1)
    inside &= ((corners[..., 1] > -height) & (corners[..., 1] < 2 * height)).all(1)
    shown = np.flatnonzero((normals[:, 2] > 0.05) & inside)
    shown = shown[np.argsort(corners[shown, :, 2].mean(1))]
    light = np.clip(normals @ np.array([0.3, 0.4, 0.87]), 0.15, 1.0)

    layer = image.copy()
    polygons = np.round(corners[:, :, :2] * 2**_SHIFT).astype(np.int32)
    for face in shown:
        colour = tuple(float(c * light[face]) for c in SHADE)
        cv2.fillConvexPoly(layer, polygons[face], colour, cv2.LINE_AA, _SHIFT)
    blended = cv2.addWeighted(layer, alpha, image, 1 - alpha, 0.0)
    lines = blended.copy()
    cv2.polylines(lines, list(polygons[shown]), True, LINE, 1, cv2.LINE_AA, _SHIFT)
    return np.asarray(cv2.addWeighted(lines, 0.15, blended, 0.85, 0.0), np.uint8)


def draw_landmarks(image: Image, landmarks: NDArray[np.floating], colour: tuple[int, int, int] = POINT) -> Image:
    """The picture (H, W, 3) with 68 landmarks (68, 2 or 3) in pixels as dots and contours."""
    drawn = image.copy()
    points = np.round(np.asarray(landmarks)[:, :2] * 2**_SHIFT).astype(np.int32)
    size = float(np.ptp(np.asarray(landmarks)[:, :2], axis=0).max())
    for members, closed in CONTOURS:
        cv2.polylines(drawn, [points[list(members)]], closed, colour, 1, cv2.LINE_AA, _SHIFT)
    radius = int(max(size / 130, 1.0) * 2**_SHIFT)
    for x, y in points:
        cv2.circle(drawn, (int(x), int(y)), radius, colour, -1, cv2.LINE_AA, _SHIFT)
    return drawn


def front_triangles(model: FaceModel) -> NDArray[np.integer]:
    """The triangles (F, 3) of the face; the back of the head would only hide it."""
    front = model.mean[model.triangles].mean(1)[:, 2] > model.cap_z_mm
    return model.triangles[front].numpy()


class FacePainter:
    """Draws faces as they are tracked, frame by frame, before there is a take."""

    def __init__(self, model: AnyFaceModel) -> None:
        self._model = FaceModel(model) if isinstance(model, FaceArrays) else model
        self._triangles = front_triangles(self._model)

    def draw(self, image: Image, state: FaceState, scale: float = 1.0) -> Image:
        """The picture (H, W, 3) RGB with a face over it. scale: the picture's size against the one that was tracked."""
        with torch.inference_mode():
            shape = self._model.shape(
                torch.from_numpy(state.identity[None]).float(), torch.from_numpy(state.expression[None]).float()
            )
            vertices = weak_perspective(
                shape,
                torch.from_numpy(state.rotation[None]).float(),
                torch.tensor([state.scale * scale], dtype=torch.float32),
                torch.from_numpy(state.translation[None] * scale).float(),
            )[0].numpy()
        return draw_mesh(image, vertices, self._triangles)


class TakePainter:
    """Draws the frames of one take over their pictures."""

    def __init__(self, take: Take, model: FaceModel | None = None) -> None:
        """model: the face model of the take; None is the bundled one. A take of another model shows landmarks only."""
        model = FaceModel.load() if model is None else model
        self._take = take
        fits = (model.n_identity, model.n_expression) == (len(take.identity), take.expression.shape[1])
        self._model = model if fits else None
        self._triangles = front_triangles(model)

    def vertices(self, row: int) -> NDArray[np.float32] | None:
        """The mesh (V, 3) in the picture of a row of the take, or None where there is none to draw."""
        take, model = self._take, self._model
        if model is None or not take.present[row]:
            return None
        one = slice(row, row + 1)
        with torch.inference_mode():
            shape = model.shape(torch.from_numpy(take.identity[None]), torch.from_numpy(take.expression[one]))
            rotation, scale = torch.from_numpy(take.rotation[one]), torch.from_numpy(take.scale[one])
            return weak_perspective(shape, rotation, scale, torch.from_numpy(take.translation[one]))[0].numpy()

    def draw(self, image: Image, row: int) -> Image:
        """The picture (H, W, 3) RGB with what the take says in that row; unchanged where the face is absent."""
        if not self._take.present[row]:
            return image
        vertices = self.vertices(row)
        if vertices is not None:
            image = draw_mesh(image, vertices, self._triangles)
        return draw_landmarks(image, self._take.landmarks[row], POINT if self._take.confidence[row] > 0.5 else FAINT)
