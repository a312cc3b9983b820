"""Reallusion's Character Creator: the extended set of CC4, the older names of CC3, and the visemes of both.

Sides are the character's.
"""

from typing import Final

from retarget.mapping.conventions.table import Convention

ROWS: Final = {
    "Brow_Raise_Inner_{side}": {"browInnerUp": 1.0},
    "Brow_Raise_Outer_{side} | Brow_Raise_{side}": {"browOuterUp{side}": 1.0},
    "Brow_Drop_{side}": {"browDown{side}": 1.0},
    "Brow_Compress_{side}": {"browDown{side}": 0.5},
    "Eye_Blink_{side} | Eyes_Blink": {"eyeBlink{side}": 1.0},
    "Eye_Squint_{side}": {"eyeSquint{side}": 1.0},
    "Eye_Wide_{side}": {"eyeWide{side}": 1.0},
    "Eye_L_Look_L": {"eyeLookOutLeft": 1.0},
    "Eye_L_Look_R": {"eyeLookInLeft": 1.0},
    "Eye_R_Look_L": {"eyeLookInRight": 1.0},
    "Eye_R_Look_R": {"eyeLookOutRight": 1.0},
    "Eye_{side}_Look_Up": {"eyeLookUp{side}": 1.0},
    "Eye_{side}_Look_Down": {"eyeLookDown{side}": 1.0},
    "Nose_Sneer_{side} | Nose_Scrunch": {"noseSneer{side}": 1.0},
    "Cheek_Raise_{side}": {"cheekSquint{side}": 1.0},
    "Cheek_Puff_{side} | Cheek_Blow_{side}": {"cheekPuff": 1.0},
    "Mouth_Smile_{side}": {"mouthSmile{side}": 1.0},
    "Mouth_Frown_{side}": {"mouthFrown{side}": 1.0},
    "Mouth_Stretch_{side} | Mouth_Widen": {"mouthStretch{side}": 1.0},
    "Mouth_Dimple_{side}": {"mouthDimple{side}": 1.0},
    "Mouth_Press_{side}": {"mouthPress{side}": 1.0},
    "Mouth_Pucker | Mouth_Pucker_Up_{side}": {"mouthPucker": 1.0},
    "Mouth_Pucker_Down_{side}": {"mouthPucker": 1.0},
    "Mouth_Funnel | Mouth_Funnel_Up_{side}": {"mouthFunnel": 1.0},
    "Mouth_Funnel_Down_{side}": {"mouthFunnel": 1.0},
    "Mouth_Roll_In_Upper_{side} | Mouth_Top_Lip_Under": {"mouthRollUpper": 1.0},
    "Mouth_Roll_In_Lower_{side} | Mouth_Bottom_Lip_Under": {"mouthRollLower": 1.0},
    "Mouth_Shrug_Upper": {"mouthShrugUpper": 1.0},
    "Mouth_Shrug_Lower": {"mouthShrugLower": 1.0},
    "Mouth_Up_Upper_{side} | Mouth_Top_Lip_Up": {"mouthUpperUp{side}": 1.0},
    "Mouth_Down_Lower_{side} | Mouth_Bottom_Lip_Down": {"mouthLowerDown{side}": 1.0},
    "Mouth_Close": {"mouthClose": 1.0},
    "Mouth_{way}": {"mouth{way}": 1.0},
    "Jaw_Open | Mouth_Open": {"jawOpen": 1.0},
    "Jaw_Forward": {"jawForward": 1.0},
    "Jaw_{way}": {"jaw{way}": 1.0},
    "Tongue_Out": {"tongueOut": 1.0},
}

VISEMES: Final = {
    "V_Open | Open": {"jawOpen": 1.0, "mouthFunnel": -0.6, "mouthPucker": -0.6, "mouthClose": -1.0},
    "V_Explosive | Explosive": {"mouthPressLeft": 0.5, "mouthPressRight": 0.5, "mouthRollUpper": 0.6},
    "V_Dental_Lip | Dental_Lip": {"mouthRollLower": 0.7},
    "V_Tight_O | Tight-O": {"mouthFunnel": 0.9},
    "V_Tight | Tight": {"mouthPucker": 1.0},
    "V_Wide | Wide": {"mouthStretchLeft": 0.4, "mouthStretchRight": 0.4, "mouthSmileLeft": 0.3, "mouthSmileRight": 0.3},
    "V_Lip_Open | Lip_Open": {
        "mouthUpperUpLeft": 0.3,
        "mouthUpperUpRight": 0.3,
        "mouthLowerDownLeft": 0.3,
        "mouthLowerDownRight": 0.3,
    },
    "V_Tongue_Out | Tongue_Out": {"tongueOut": 1.0},
}

CONVENTIONS: Final = (
    Convention("character_creator", "Character Creator", "units", ROWS),
    Convention("character_creator", "Character Creator visemes", "visemes", VISEMES),
)
