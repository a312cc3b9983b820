"""The map of the skin's folds: a picture of the mean head's front in which lines have depths and walls.

(SIZE, SIZE, 3) u8: depth 0..255, then the slope towards the subject's left and upwards around `STILL`. Its first row is
the lowest.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from train.data.head import default_head

SIZE = 256  # px of the square map
MM_PER_PIXEL = 0.8
CENTRE_Y_MM = 20.0  # of the mean head, at the middle of the map
STILL = 128  # a slope of zero

_WIDE, _WIDE_SHARE = 4.0, 0.5  # skin sinks in softly around a fold: so much wider, with such a share of the depth
_WIDE_GAIN = 1.6  # makes up for part of what so much blur takes from a line's depth

Line = tuple[float, np.ndarray, float]  # depth 0..1, points (n, 2) mm, width in mm


def draw(lines: list[Line], soft: float) -> np.ndarray:
    """The map of some lines, deeper ones over shallower; `soft` px of blur. Lines fade towards their ends."""
    depth = np.zeros((SIZE, SIZE), np.uint8)
    for value, line, width_mm in sorted(lines, key=lambda entry: entry[0]):
        bend = _bend(len(line))
        pixels = to_map(bend @ line) * SIZE - 0.5
        fixed = np.round(pixels * 16).astype(np.int32)  # in sixteenths of a pixel
        fade = np.sqrt(np.sin(np.pi * np.linspace(0.1, 0.9, len(bend) - 1)))
        width = max(1, round(width_mm / MM_PER_PIXEL))
        for start, end, share in zip(fixed[:-1], fixed[1:], fade, strict=True):
            cv2.line(depth, tuple(start), tuple(end), int(255 * value * share), width, cv2.LINE_AA, shift=4)
    narrow, wide = cv2.GaussianBlur(depth, (0, 0), soft), cv2.GaussianBlur(depth, (0, 0), _WIDE * soft)
    hollow = cv2.addWeighted(narrow, 1.0 - _WIDE_SHARE, wide, _WIDE_GAIN * _WIDE_SHARE, 0.0)
    scale = 127.0 / (4.0 * 255.0)  # Sobel's kernel sums to 4 on either side
    slope = (cv2.Sobel(hollow, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    return np.dstack([hollow, *(np.clip(STILL + scale * s, 0, 255).astype(np.uint8) for s in slope)])


@lru_cache(maxsize=8)
def _bend(count: int) -> np.ndarray:
    """(4 count, count): a parabola, or a straight line for two, through `count` points as near as it can be."""
    at, knots = np.linspace(0, count - 1, 4 * count), np.arange(count)
    degree = min(2, count - 1)
    return np.vander(at, degree + 1) @ np.linalg.pinv(np.vander(knots, degree + 1).astype(float))


def to_map(points: np.ndarray) -> np.ndarray:
    """Points (n, 2) mm of the mean head as coordinates 0..1 of the map."""
    return (points - [0.0, CENTRE_Y_MM]) / (SIZE * MM_PER_PIXEL) + 0.5


@lru_cache(maxsize=1)
def coordinates() -> np.ndarray:
    """Where each skin vertex (n_skin, 2) f32 lies on the map. The back of the head has the same places, unseen."""
    head = default_head()
    return to_map(head.mean[head.parts["skin"], :2]).astype(np.float32)


@lru_cache(maxsize=1)
def flat() -> np.ndarray:
    """The map of skin without folds."""
    return draw([], 1.0)
