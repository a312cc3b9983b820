"""Small pictures of the frame that is being tracked, for the person who waits."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mmface_core.capture.overlay import FacePainter
from mmface_core.capture.state import FaceState

SIDE = 256  # px of the square picture
KEPT = 3  # pictures that stay on the disk: whoever was told of one has time to read it


class Pictures:
    """Writes numbered .jpg files into a folder and removes the old ones.

    The numbers go on where an earlier request left off: whoever shows a picture tells it from the last one by its name.
    """

    def __init__(self, folder: Path, painter: FacePainter) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._painter = painter
        self._written = sorted(folder.glob("frame_*.jpg"))
        self._count = int(self._written[-1].stem.removeprefix("frame_")) if self._written else 0

    def write(self, image: NDArray[np.uint8], states: list[FaceState]) -> str:
        """Write the picture (H, W, 3) RGB with the faces' meshes over it; return the file's path."""
        height, width = image.shape[:2]
        scale = SIDE / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        for state in states:
            small = self._painter.draw(small, state, scale)
        square = np.full((SIDE, SIDE, 3), 24, np.uint8)
        top, left = (SIDE - size[1]) // 2, (SIDE - size[0]) // 2
        square[top : top + size[1], left : left + size[0]] = small
        self._count += 1
        path = self._folder / f"frame_{self._count:06d}.jpg"
        unfinished = self._folder / f".frame_{self._count:06d}.jpg"
        cv2.imwrite(str(unfinished), square[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
        unfinished.replace(path)
        self._written.append(path)
        while len(self._written) > KEPT:
            self._written.pop(0).unlink(missing_ok=True)
        return str(path)
