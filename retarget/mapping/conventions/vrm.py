"""VRM 0 and 1 (what their five vowels, lids and gaze are called), and the parts of VRoid's `Fcl_*` keys.

Whole faces (Joy, Angry, Fcl_ALL_...) are in `emotions`.
"""

from typing import Final

from retarget.mapping.conventions.table import Convention

# Lids, gaze and brows: movements of their own.
UNITS: Final = {
    "Fcl_EYE_Close_{side} | Blink_{side}": {"eyeBlink{side}": 1.0},
    "Fcl_EYE_Spread": {"eyeWideLeft": 0.5, "eyeWideRight": 0.5},
    "Fcl_EYE_Fun": {"eyeSquintLeft": 0.5, "eyeSquintRight": 0.5},
    "LookUp": {"eyeLookUpLeft": 0.5, "eyeLookUpRight": 0.5},
    "LookDown": {"eyeLookDownLeft": 0.5, "eyeLookDownRight": 0.5},
    "Look{way}": {"eyeLookOut{way}": 0.5, "eyeLookIn{other}": 0.5},
    "Fcl_BRW_Angry": {"browDownLeft": 0.5, "browDownRight": 0.5},
    "Fcl_BRW_Sorrow": {"browInnerUp": 0.7, "browOuterUpLeft": -0.3, "browOuterUpRight": -0.3},
    "Fcl_BRW_Surprised": {"browOuterUpLeft": 0.5, "browOuterUpRight": 0.5},
    "Fcl_MTH_Fun": {"mouthSmileLeft": 0.5, "mouthSmileRight": 0.5},
    "Fcl_MTH_Angry": {"mouthFrownLeft": 0.5, "mouthFrownRight": 0.5},
    "Fcl_MTH_Large": {"mouthStretchLeft": 0.35, "mouthStretchRight": 0.35},
    "Fcl_MTH_Up": {"mouthShrugLower": 0.4, "mouthShrugUpper": 0.3},
}

# The vowels, as one hears them in Japanese.
VOWELS: Final = {
    "Fcl_MTH_A | A | aa": {"jawOpen": 1.0, "mouthFunnel": -0.6, "mouthPucker": -0.6, "mouthClose": -1.0},
    "Fcl_MTH_I | I | ih": {
        "mouthStretchLeft": 0.3,
        "mouthStretchRight": 0.3,
        "mouthLowerDownLeft": 0.2,
        "mouthLowerDownRight": 0.2,
    },
    "Fcl_MTH_U | U | ou": {"mouthPucker": 1.0},
    "Fcl_MTH_E | E | ee": {"mouthUpperUpLeft": 0.25, "mouthUpperUpRight": 0.25},
    "Fcl_MTH_O | O | oh": {"mouthFunnel": 0.9},
}

CONVENTIONS: Final = (
    Convention("vrm", "VRM / VRoid", "units", UNITS, least=1),
    Convention("vrm", "VRM / VRoid vowels", "visemes", VOWELS),
)
