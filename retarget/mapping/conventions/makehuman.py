"""MakeHuman's and MPFB's expression units, by what they do to the base mesh.

Those whose names would mislead: "mouth-depression" pulls the corners down, "mouth-depression-retraction" the lower lip;
"mouth-protusion" (so spelt) opens round lips, "mouth-pursing" is the kiss, "mouth-eversion" pushes the lower lip up
and out.
"""

from typing import Final

from retarget.mapping.conventions.table import Convention

ROWS: Final = {
    "eye-{side}-closure": {"eyeBlink{side}": 1.0},
    "eye-{side}-opened-up": {"eyeWide{side}": 1.0},
    "eye-{side}-slit": {"eyeSquint{side}": 1.0},
    "eyebrows-{side}-down": {"browDown{side}": 1.0},
    "eyebrows-{side}-extern-up": {"browOuterUp{side}": 1.0},
    "eyebrows-{side}-inner-up": {"browInnerUp": 1.0},
    "mouth-open": {"jawOpen": 1.0, "mouthClose": -1.0},
    "mouth-corner-puller": {"mouthSmileLeft": 0.5, "mouthSmileRight": 0.5},
    "mouth-depression": {"mouthFrownLeft": 0.5, "mouthFrownRight": 0.5},
    "mouth-depression-retraction": {"mouthLowerDownLeft": 0.5, "mouthLowerDownRight": 0.5},
    "mouth-elevation": {"mouthUpperUpLeft": 0.5, "mouthUpperUpRight": 0.5},
    "mouth-eversion": {"mouthShrugLower": 0.7, "mouthShrugUpper": 0.3},
    "mouth-protusion | mouth-protrusion": {"mouthFunnel": 1.0},
    "mouth-pursing": {"mouthPucker": 1.0},
    "mouth-retraction": {
        "mouthStretchLeft": 0.5,
        "mouthStretchRight": 0.5,
        "mouthDimpleLeft": 0.4,
        "mouthDimpleRight": 0.4,
    },
    "mouth-compression": {"mouthPressLeft": 0.4, "mouthPressRight": 0.4, "mouthRollLower": 0.3, "mouthRollUpper": 0.3},
    "nose-{side}-elevation": {"noseSneer{side}": 1.0},
}

CONVENTIONS: Final = (Convention("makehuman", "MakeHuman expression units", "units", ROWS),)
