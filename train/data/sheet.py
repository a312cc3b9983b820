"""A contact sheet of what the network sees, with the labels drawn on it."""

from __future__ import annotations

import cv2
import numpy as np

from train.data.head import default_head
from train.data.sample import Sample


def draw_sheet(samples: list[Sample], columns: int, marks: bool = True, tile: int = 256) -> np.ndarray:
    """Samples side by side, (rows * tile, columns * tile, 3) u8 RGB; `marks` draws the 68 landmarks of the labels."""
    return tiled([_draw(sample, tile, marks) for sample in samples], columns)


def tiled(pictures: list[np.ndarray], columns: int) -> np.ndarray:
    """Pictures of one size (H, W, 3) side by side, `columns` in a row, the last row filled with black."""
    pictures = pictures + [np.zeros_like(pictures[0])] * (-len(pictures) % columns)
    return np.vstack([np.hstack(pictures[i : i + columns]) for i in range(0, len(pictures), columns)])


def landmarks_of(sample: Sample) -> np.ndarray:
    """The 68 landmarks (68, 2) in pixels of the 256 crop that the sample's parameters project to."""
    head = default_head()
    points = head.landmarks(head.shape(sample["identity"], sample["expression"])) @ sample["rotation"].T
    points = points * float(sample["scale"])
    return np.column_stack((points[:, 0] + sample["translation"][0], sample["translation"][1] - points[:, 1]))


def _draw(sample: Sample, tile: int, marks: bool) -> np.ndarray:
    picture = cv2.resize(sample["crop"], (tile, tile), interpolation=cv2.INTER_CUBIC)
    if marks:
        for index, (x, y) in enumerate((landmarks_of(sample) + 0.5) * tile / 256 - 0.5):
            colour = (255, 255, 0) if index < 17 else (0, 255, 0)
            cv2.circle(picture, (round(float(x) * 16), round(float(y) * 16)), 20, colour, -1, cv2.LINE_AA, 4)
    return picture
