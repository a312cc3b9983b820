"""Teeth where people have them: the model's stand so high and far back that an open mouth never shows the upper row.

In photos an open or smiling mouth shows a few millimetres of the upper teeth and little of the lower ones; how much
differs from person to person. Only what is drawn moves: no label lies on the teeth.
"""

from __future__ import annotations

import numpy as np

from train.data.head import default_head

UPPER_DOWN_MM = (1.0, 8.0)
UPPER_FORWARD_MM = (2.0, 8.0)
LOWER_DOWN_MM = (2.0, 6.0)
LOWER_FORWARD_MM = (-0.5, 1.5)


def place_teeth(rng: np.random.Generator, vertices: np.ndarray) -> np.ndarray:
    """A copy of a head's vertices (V, 3) mm with both rows of teeth moved at random."""
    head = default_head()
    moved = vertices.copy()
    for part, down, forward in (
        ("teeth_upper", UPPER_DOWN_MM, UPPER_FORWARD_MM),
        ("teeth_lower", LOWER_DOWN_MM, LOWER_FORWARD_MM),
    ):
        moved[head.parts[part]] += np.array([0.0, -rng.uniform(*down), rng.uniform(*forward)], np.float32)
    return moved
