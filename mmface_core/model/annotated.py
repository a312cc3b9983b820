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
LEFT_ANNOTATED: Final[dict[int, Place]] = {
    8: ((5296,), (1.0,)),
    9: ((11899, 7616), (0.6, 0.4)),
    10: ((11901, 7619), (0.8, 0.2)),
    11: ((7595,), (1.0,)),
    12: ((7597,), (1.0,)),
    13: ((7613,), (1.0,)),
    14: ((11712,), (1.0,)),
    15: ((12360, 12347), (0.6, 0.4)),
    16: ((12366,), (1.0,)),
    22: ((7006, 7001, 6983), (0.2, 0.4, 0.4)),
    23: ((6997,), (1.0,)),
    24: ((7004, 7002, 6996), (0.6, 0.2, 0.2)),
    25: ((11868, 7005, 7031), (0.4, 0.2, 0.4)),
    26: ((7029, 11870, 7030), (0.2, 0.6, 0.2)),
    27: ((132, 136), (0.6, 0.4)),
    28: ((131, 135), (0.6, 0.4)),
    29: ((164, 201), (0.8, 0.2)),
    30: ((294, 5134), (0.4, 0.6)),
    33: ((317, 343), (0.8, 0.2)),
    34: ((7054, 7076), (0.2, 0.8)),
    35: ((7055, 7088, 7082), (0.4, 0.4, 0.2)),
    42: ((13360, 6856), (0.6, 0.4)),
    43: ((7765,), (1.0,)),
    44: ((7773, 7749, 7747), (0.2, 0.4, 0.4)),
    45: ((6808, 11473), (0.4, 0.6)),
    46: ((7760, 7759), (0.4, 0.6)),
    47: ((13368, 6831), (0.8, 0.2)),
    51: ((466, 467), (0.8, 0.2)),
    52: ((7210, 7219, 7216), (0.2, 0.4, 0.4)),
    53: ((11953, 7207), (0.4, 0.6)),
    54: ((10405, 7162, 11942), (0.2, 0.2, 0.6)),
    55: ((7166, 7233, 7239), (0.4, 0.2, 0.4)),
    56: ((7245, 7241), (0.8, 0.2)),
    57: ((492, 496), (0.4, 0.6)),
    62: ((468,), (1.0,)),
    63: ((7221, 7218), (0.8, 0.2)),
    64: ((10400, 7193), (0.8, 0.2)),
    65: ((7242, 7236), (0.8, 0.2)),
    66: ((493, 494), (0.8, 0.2)),
}


def annotated_places(mirror: np.ndarray) -> list[Place]:
    """All 68 places in iBUG order; mirror (N,) of the base mesh."""
    return landmark_places(mirror, LEFT_LANDMARKS | LEFT_ANNOTATED)
