"""Pictures and video frames of a dataset; a video stays open as long as its frames are asked for in turn."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from train.datasets.labels import BadItem

SUFFIXES = (".jpg", ".png", ".jpeg", ".bmp")


def read_picture(path: Path) -> NDArray[np.uint8]:
    """RGB (H, W, 3). Raises BadItem where it cannot be decoded."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise BadItem("the picture cannot be decoded")
    return np.ascontiguousarray(image[..., ::-1]).astype(np.uint8, copy=False)


def picture_beside(path: Path) -> Path | None:
    """The picture of a label file's stem."""
    return next((found for suffix in SUFFIXES if (found := path.with_suffix(suffix)).is_file()), None)


class VideoReader:
    """Frames of videos by number. Reading on is cheap; a jump back or far ahead seeks."""

    AHEAD = 64  # frames that are rather decoded and dropped than sought

    def __init__(self) -> None:
        self._path: Path | None = None
        self._video: cv2.VideoCapture | None = None
        self._next = 0

    def frame(self, path: Path, number: int) -> NDArray[np.uint8]:
        """RGB (H, W, 3) of frame `number` (from 0). Raises BadItem where the video does not give it."""
        if self._video is None or path != self._path:
            self.close()
            self._video, self._path, self._next = cv2.VideoCapture(str(path)), path, 0
            if not self._video.isOpened():
                self.close()
                raise BadItem("the video cannot be opened")
        if not self._next <= number < self._next + self.AHEAD:
            self._video.set(cv2.CAP_PROP_POS_FRAMES, number)
            self._next = number
        while True:
            good, image = self._video.read()
            if not good:
                self.close()
                raise BadItem(f"the video ends before frame {number + 1}")
            self._next += 1
            if self._next > number:
                return np.ascontiguousarray(image[..., ::-1]).astype(np.uint8, copy=False)

    def close(self) -> None:
        if self._video is not None:
            self._video.release()
        self._video, self._path = None, None
