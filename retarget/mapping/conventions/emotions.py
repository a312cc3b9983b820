"""Whole faces: VRM's expressions, VRoid's Fcl_ALL keys, and the cartoon rigs that have nothing else.

A rig with brows and a mouth of its own is not driven by these: they would drag along what the face does not do.
"""

from typing import Final

from retarget.mapping.conventions.table import Convention

ROWS: Final = {
    "Angry | Anger | Mad | Fcl_ALL_Angry | 怒": {
        "browDownLeft": 0.55,
        "browDownRight": 0.55,
        "noseSneerLeft": 0.2,
        "noseSneerRight": 0.2,
    },
    "Sad | Sorrow | Sadness | Unhappy | Fcl_ALL_Sorrow | 哀": {
        "browInnerUp": 0.5,
        "browOuterUpLeft": -0.3,
        "browOuterUpRight": -0.3,
        "mouthFrownLeft": 0.35,
        "mouthFrownRight": 0.35,
    },
    "Surprised | Surprise | Shocked | Fcl_ALL_Surprised | 驚": {
        "browOuterUpLeft": 0.4,
        "browOuterUpRight": 0.4,
        "eyeWideLeft": 0.3,
        "eyeWideRight": 0.3,
        "jawOpen": 0.35,
    },
    "Joy | Happy | Smile | Smiling | Happiness | Fun | Relaxed | Fcl_ALL_Fun | Fcl_ALL_Joy | 喜": {
        "mouthSmileLeft": 0.5,
        "mouthSmileRight": 0.5,
    },
}

CONVENTIONS: Final = (Convention("emotions", "whole-face expressions", "emotions", ROWS, least=1),)
