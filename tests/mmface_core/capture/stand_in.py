"""A stand-in for detector and network: a bright disc on a dark ground is a head that looks into the camera.

The disc's centre is the head's origin, its radius RADIUS_MM of the head; its redness opens the jaw.
"""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mmface_core.capture.blazeface import Detection
from mmface_core.capture.keypoints import canonical_points
from mmface_core.geometry.camera import weak_perspective
from mmface_core.geometry.mesh import cap_triangles
from mmface_core.geometry.voxelize import cap_plane, voxelize
from mmface_core.model.arkit import ARKIT_INDEX
from mmface_core.model.dense_points import dense_points
from mmface_core.model.face_model import FaceModel
from mmface_core.network.inference import Prediction

RADIUS_MM = 60.0


def disc(size: tuple[int, int], x: float, y: float, radius: float, jaw: float = 0.0) -> NDArray[np.uint8]:
    """An RGB picture (H, W, 3) of one head; size (W, H)."""
    image = np.full((size[1], size[0], 3), 20, np.uint8)
    colour = (255, int(255 * (1 - jaw)), int(255 * (1 - jaw)))
    cv2.circle(image, (round(16 * x), round(16 * y)), round(16 * radius), colour, -1, cv2.LINE_AA, 4)
    return image


def discs(image: NDArray[np.uint8]) -> list[tuple[NDArray[np.float64], float, float]]:
    """Centre, radius and jaw of every disc."""
    count, labels, stats, centres = cv2.connectedComponentsWithStats((image[..., 0] > 128).astype(np.uint8))
    found = []
    for i in range(1, count):
        if stats[i, cv2.CC_STAT_AREA] > 30:
            jaw = 1 - float(image[labels == i][:, 2].astype(float).mean()) / 255
            found.append((centres[i], float(np.sqrt(stats[i, cv2.CC_STAT_AREA] / np.pi)), jaw))
    return found


class DiscDetector:
    """Finds discs as faces."""

    description = "stand-in"

    def __init__(self, model: FaceModel) -> None:
        neutral = model.landmarks(torch.zeros(1, model.n_identity), torch.zeros(1, model.n_expression))
        self._points = canonical_points(neutral[0].numpy())

    def detect_whole(self, image: NDArray[np.uint8]) -> list[Detection]:
        found = []
        for centre, radius, _ in discs(image):
            pixels = centre + radius / RADIUS_MM * self._points[:, :2] * [1, -1]
            box = np.concatenate([centre - radius, centre + radius])
            found.append(Detection(box.astype(np.float32), pixels.astype(np.float32), 0.9))
        return found

    def detect_tiles(self, image: NDArray[np.uint8]) -> list[Detection]:
        return []

    def detect(self, image, search_tiles=True, search_turned=False) -> list[Detection]:
        return self.detect_whole(image)


class DiscPredictor:
    """Reads the disc in the middle of a crop; where there is none, its answer contradicts itself."""

    description = "stand-in"

    def __init__(self, model: FaceModel) -> None:
        self._model = model
        self._dense = dense_points(model)
        self._closed = cap_triangles(model.part_triangles("skin").numpy(), model.skin.stop)

    def predict(self, crops: NDArray[np.uint8]) -> Prediction:
        count = len(crops)
        expression = np.zeros((count, 52), np.float32)
        scale = np.full(count, 1.28, np.float32)
        translation = np.full((count, 2), 127.5, np.float32)
        seen = np.zeros(count, bool)
        for i, crop in enumerate(crops):
            found = sorted(discs(crop), key=lambda d: np.linalg.norm(d[0] - 127.5))
            if found and np.linalg.norm(found[0][0] - 127.5) < 90:
                centre, radius, jaw = found[0]
                seen[i], translation[i], scale[i] = True, centre, radius / RADIUS_MM
                expression[i, ARKIT_INDEX["jawOpen"]] = jaw
        rotation = np.broadcast_to(np.eye(3, dtype=np.float32), (count, 3, 3)).copy()
        identity = np.zeros((count, self._model.n_identity), np.float32)
        shape = self._model.shape(torch.from_numpy(identity), torch.from_numpy(expression))
        pose = (torch.from_numpy(rotation), torch.from_numpy(scale), torch.from_numpy(translation))
        points = weak_perspective(self._dense.of_shape(shape), *pose)[..., :2].numpy()
        points[~seen] += np.random.default_rng(0).normal(0, 40, points[~seen].shape).astype(np.float32)
        return Prediction(
            volume=self._volume(shape, *pose, seen),
            identity=identity,
            expression=expression,
            rotation=rotation,
            scale=scale,
            translation=translation,
            points=points.astype(np.float32),
        )

    def _volume(self, shape, rotation, scale, translation, seen) -> NDArray[np.float32]:
        skin = weak_perspective(shape[:, self._model.skin], rotation, scale, translation)
        cap = cap_plane(rotation.numpy(), scale.numpy(), translation.numpy(), self._model.cap_z_mm)
        vertices = self._closed.vertices(skin).numpy()
        solid = voxelize(vertices, self._closed.triangles, cap, 64).astype(np.float32)
        solid[~seen] = 0
        return np.stack([cv2.GaussianBlur(v, (3, 3), 0) for v in solid])
