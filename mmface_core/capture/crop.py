"""The network's square view of a face, and the way between it and the picture.

A crop is upright (the head's roll is taken out), its centre is the projected origin of the head frame and its side
spans CROP_MM of the head at the face's scale. It is the same crop that the network is trained on.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mmface_core.capture.state import FaceState
from mmface_core.conventions import CROP_CENTRE, CROP_MM, CROP_SIZE, rotation_to_euler

# Below the first zoom the crop is cut at twice its size and averaged, as training pictures are; below the second that
# would skip pixels, and the picture is averaged down before.
DOUBLE: Final = 0.75
SHRINK: Final = 0.4


@dataclass(frozen=True)
class Crop:
    """A similarity from picture pixels to crop pixels, matrix (2, 3): zoom, rotation in the picture, shift."""

    matrix: NDArray[np.float64]

    @classmethod
    def around(cls, centre: NDArray[np.floating], side: float, roll: float) -> "Crop":
        """The crop of `side` pixels around `centre` (2,), which turns a face rolled by `roll` (radians) upright."""
        zoom = CROP_SIZE / side
        c, s = zoom * np.cos(roll), zoom * np.sin(roll)
        turn = np.array([[c, s], [-s, c]])
        shift = CROP_CENTRE - turn @ np.asarray(centre, np.float64)
        return cls(np.column_stack([turn, shift]))

    @classmethod
    def of_pose(cls, rotation: NDArray[np.floating], scale: float, translation: NDArray[np.floating]) -> "Crop":
        """The crop that a pose asks for: rotation (3, 3), scale px/mm, translation (2,) px, all in the picture."""
        roll = float(rotation_to_euler(rotation)[2])
        return cls.around(translation, CROP_MM * scale, roll)

    @property
    def zoom(self) -> float:
        """Crop pixels per picture pixel."""
        return float(np.hypot(self.matrix[0, 0], self.matrix[0, 1]))

    @property
    def roll(self) -> float:
        """Radians by which a face that is upright in the crop is rolled in the picture."""
        return float(np.arctan2(self.matrix[0, 1], self.matrix[0, 0]))

    @property
    def side(self) -> float:
        """Side of the crop in picture pixels."""
        return CROP_SIZE / self.zoom

    @cached_property
    def inverse(self) -> NDArray[np.float64]:
        """The similarity (2, 3) from crop pixels to picture pixels."""
        turn = self.matrix[:, :2].T / self.zoom**2
        return np.column_stack([turn, -turn @ self.matrix[:, 2]])

    def extract(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The crop (CROP_SIZE, CROP_SIZE, 3) of a picture (H, W, 3), black outside of it."""
        matrix = self.matrix
        if self.zoom < SHRINK:
            image, matrix = self._shrunk(image)
        elif self.zoom < DOUBLE:
            double = 2.0 * matrix
            double[:, 2] += 0.5  # pixel centres of the double crop
            large = cv2.warpAffine(image, double, (2 * CROP_SIZE, 2 * CROP_SIZE), flags=cv2.INTER_LINEAR)
            return np.asarray(cv2.resize(large, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_AREA), np.uint8)
        return np.asarray(cv2.warpAffine(image, matrix, (CROP_SIZE, CROP_SIZE), flags=cv2.INTER_LINEAR), np.uint8)

    def _shrunk(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """The part of the picture that the crop shows, averaged down to about its size, and the matrix from there."""
        edge = np.array([[-0.5, -0.5], [CROP_SIZE - 0.5, -0.5], [-0.5, CROP_SIZE - 0.5], [CROP_SIZE - 0.5] * 2])
        corners = edge @ self.inverse[:, :2].T + self.inverse[:, 2]
        height, width = image.shape[:2]
        x0, y0 = np.clip(np.floor(corners.min(0)).astype(int) - 2, 0, [width - 1, height - 1])
        x1, y1 = np.clip(np.ceil(corners.max(0)).astype(int) + 3, [x0 + 1, y0 + 1], [width, height])
        part = image[y0:y1, x0:x1]
        size = np.maximum(np.round(np.array([x1 - x0, y1 - y0]) * self.zoom), 1).astype(int)
        small = np.asarray(cv2.resize(part, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA), np.uint8)
        grow = np.array([x1 - x0, y1 - y0]) / size  # picture pixels per small pixel
        # A small pixel's centre u lies at grow * (u + 0.5) - 0.5 + (x0, y0) in the picture.
        origin = 0.5 * grow - 0.5 + [x0, y0]
        turn = self.matrix[:, :2]
        return small, np.column_stack([turn * grow, turn @ origin + self.matrix[:, 2]])

    def points_to_picture(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """Points (..., 2) or (..., 3 with depth in pixels) from the crop to the picture."""
        flat = points[..., :2] @ self.inverse[:, :2].T + self.inverse[:, 2]
        return np.concatenate([flat, points[..., 2:] / self.zoom], axis=-1)

    def points_to_crop(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """Points (..., 2) or (..., 3 with depth in pixels) from the picture to the crop."""
        flat = points[..., :2] @ self.matrix[:, :2].T + self.matrix[:, 2]
        return np.concatenate([flat, points[..., 2:] * self.zoom], axis=-1)

    def to_picture(self, state: FaceState) -> FaceState:
        """A state in crop pixels as one in picture pixels."""
        return self._moved(state, self.inverse, self.roll)

    def to_crop(self, state: FaceState) -> FaceState:
        """A state in picture pixels as one in crop pixels."""
        return self._moved(state, self.matrix, -self.roll)

    def _moved(self, state: FaceState, matrix: NDArray[np.float64], roll: float) -> FaceState:
        zoom = float(np.hypot(matrix[0, 0], matrix[0, 1]))
        c, s = np.cos(roll), np.sin(roll)
        turn = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])  # Rz(-roll): clockwise in the picture
        flat = state.landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        return replace(
            state,
            rotation=(turn @ state.rotation).astype(np.float32),
            scale=state.scale * zoom,
            translation=(matrix[:, :2] @ state.translation + matrix[:, 2]).astype(np.float32),
            landmarks=np.column_stack([flat, state.landmarks[:, 2] * zoom]).astype(np.float32),
            points=(state.points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32),
        )
