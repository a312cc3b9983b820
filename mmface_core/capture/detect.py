"""Find faces in a picture with both BlazeFace networks, in tiles where the whole picture shows none.

The short-range network knows close and rolled faces, the full-range one small faces; together they see what
either sees. The short-range network also imagines faces in texture (scores up to .59 in traffic), so in tiles it
needs to be surer.
"""

from collections.abc import Iterable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mmface_core.capture.blazeface import FULL_RANGE, SHORT_RANGE, BlazeFace, Detection, merge, overlap
from mmface_core.capture.stages import Stages

# A tile of side s shows faces down to s / 8: 24 px of the full-range network's 192.
TILE_SIDES: Final = (960, 480, 320)
TILE_OVERLAP: Final = 0.25  # a face of a quarter of the tile's side lies whole in some tile
SMALLEST: Final = 24.0  # px, side of a box: below it there is no expression to read
# Thresholds (full range, short range). Traffic without faces scores up to .59 in the short range on whole frames; every
# one of 820 annotated faces passes these.
WHOLE_THRESHOLDS: Final = (0.5, 0.6)
TILE_THRESHOLDS: Final = (0.6, 0.8)
NEAR_THRESHOLDS: Final = (0.6, 0.7)
SECOND_LOOK: Final = 0.18  # a box smaller than this part of the region is looked at again from near
UPRIGHT: Final = 0.85  # a face this sure is not lying on its side
UPRIGHT_BONUS: Final = 0.06
SURE: Final = 0.8  # no need to look in smaller tiles


def whole(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The square region (1, 3) around a whole picture: x0, y0, side."""
    height, width = image.shape[:2]
    side = max(height, width)
    return np.array([[(width - side) / 2, (height - side) / 2, side]], np.float64)


def tiles(width: int, height: int, side: int, overlap: float = TILE_OVERLAP) -> NDArray[np.float64]:
    """Square regions (R, 3) of at most `side` pixels that cover the picture; neighbours share the part `overlap`."""
    step = side * (1 - overlap)

    def starts(length: int) -> NDArray[np.float64]:
        if length <= side:
            return np.array([(length - side) / 2])
        return np.linspace(0, length - side, int(np.ceil((length - side) / step)) + 1)

    return np.array([[x, y, side] for y in starts(height) for x in starts(width)], np.float64)


def _side(detection: Detection) -> float:
    """The shorter side of a detection's box in pixels."""
    return float((detection.box[2:] - detection.box[:2]).min())


class FaceDetector:
    """Both networks and the rules that join them; `threads` of ONNX Runtime for each."""

    def __init__(self, threads: int = 1) -> None:
        self._short = BlazeFace(SHORT_RANGE, threads)
        self._full = BlazeFace(FULL_RANGE, threads)

    @property
    def description(self) -> str:
        return "BlazeFace short and full range (ONNX Runtime, CPU)"

    def detect(
        self, image: NDArray[np.uint8], search_tiles: bool = True, search_turned: bool = False
    ) -> list[Detection]:
        """Faces of an RGB picture (H, W, 3), best first.

        search_turned: where no face is clearly upright, the picture turned by 90, 180 and 270 degrees is searched too.
        search_tiles: where still nothing is found, the picture is searched in tiles.
        """
        found = self.detect_whole(image)
        if search_turned and not any(d.score >= UPRIGHT for d in found):
            found = self._with_turned(image, found)
        if not found and search_tiles:
            found = self.detect_tiles(image)
        return found

    def detect_whole(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Faces that are not small against the picture, best first."""
        return self._detect_regions(image, whole(image), WHOLE_THRESHOLDS)

    def detect_tiles(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Faces that are small against the picture, best first; none where the picture is no larger than a tile.

        Larger tiles come first and have the say about faces that both see; a sure face ends the search.
        """
        height, width = image.shape[:2]
        found: list[Detection] = []
        for side in TILE_SIDES:
            if side >= max(height, width):
                continue
            finer = self._detect_regions(image, tiles(width, height, side), TILE_THRESHOLDS)
            found += [d for d in finer if not any(overlap(d.box, known.box) > 0.1 for known in found)]
            if any(d.score >= SURE for d in found):
                break
        return sorted(found, key=lambda d: -d.score)

    def _detect_regions(
        self, image: NDArray[np.uint8], regions: NDArray[np.float64], thresholds: tuple[float, float]
    ) -> list[Detection]:
        found = self._merged(image, regions, thresholds)
        seen = [self._second_look(image, d) if _side(d) < SECOND_LOOK * regions[0, 2] else d for d in found]
        return merge([d for d in seen if d is not None and _side(d) >= SMALLEST])

    def _second_look(self, image: NDArray[np.uint8], first: Detection) -> Detection | None:
        """The same face seen from near, where a small one's points become exact; None if it is gone."""
        side = 4 * _side(first)
        x, y = (first.box[:2] + first.box[2:]) / 2
        near = self._merged(image, np.array([[x - side / 2, y - side / 2, side]]), NEAR_THRESHOLDS)
        return next((d for d in near if overlap(d.box, first.box) > 0.1), None)

    def _merged(
        self, image: NDArray[np.uint8], regions: NDArray[np.float64], thresholds: tuple[float, float]
    ) -> list[Detection]:
        full, short = thresholds
        return merge(self._full.detect(image, regions, full) + self._short.detect(image, regions, short))

    def _with_turned(self, image: NDArray[np.uint8], upright: list[Detection]) -> list[Detection]:
        """Faces of the picture and of its three turns; where two see the same face, the surer way up counts.

        The networks see a face in most upside-down ones too, with the eyes in the chin, but they are less sure of it.
        """
        height, width = image.shape[:2]
        # For each turn the affine that leads from the turned picture's pixels back to this one's.
        turns: Iterable[tuple[int, NDArray[np.float64]]] = (
            (cv2.ROTATE_90_CLOCKWISE, np.array([[0.0, 1, 0], [-1, 0, height - 1]])),
            (cv2.ROTATE_90_COUNTERCLOCKWISE, np.array([[0.0, -1, width - 1], [1, 0, 0]])),
            (cv2.ROTATE_180, np.array([[-1.0, 0, width - 1], [0, -1, height - 1]])),
        )
        ways = [(d.score + UPRIGHT_BONUS, d) for d in upright]
        for turn, back in turns:
            turned = self.detect_whole(np.asarray(cv2.rotate(image, turn), np.uint8))
            ways += [(d.score, d.moved(back)) for d in turned]
        found: list[Detection] = []
        for _, detection in sorted(ways, key=lambda way: -way[0]):
            if not any(overlap(detection.box, other.box) > 0.2 for other in found):
                found.append(detection)
        return found


class TimedDetector:
    """A detector whose time is counted as the stage `detect`."""

    def __init__(self, detector: FaceDetector, stages: Stages) -> None:
        self._detector = detector
        self._stages = stages
        self.description = detector.description

    def detect(
        self, image: NDArray[np.uint8], search_tiles: bool = True, search_turned: bool = False
    ) -> list[Detection]:
        with self._stages("detect"):
            return self._detector.detect(image, search_tiles, search_turned)

    def detect_whole(self, image: NDArray[np.uint8]) -> list[Detection]:
        with self._stages("detect"):
            return self._detector.detect_whole(image)

    def detect_tiles(self, image: NDArray[np.uint8]) -> list[Detection]:
        with self._stages("detect"):
            return self._detector.detect_tiles(image)
