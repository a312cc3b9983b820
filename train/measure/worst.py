"""A sheet of the renders that were read worst, with the landmarks that were found: known failures to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmface_core.capture.overlay import draw_landmarks
from mmface_core.capture.state import FaceState
from train.data.sample import Sample
from train.data.sheet import tiled

COLOUR = (60, 255, 60)


def worst_sheet(states: Sequence[FaceState], samples: Sequence[Sample], errors: np.ndarray, count: int) -> np.ndarray:
    """The `count` samples with the largest errors (n,), worst first, six in a row: (H, W, 3) u8 RGB."""
    order = np.argsort(-errors)[:count]
    return tiled([draw_landmarks(samples[i]["crop"], states[i].landmarks, COLOUR) for i in order], 6)
