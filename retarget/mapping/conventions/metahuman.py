"""MetaHuman: Unreal's control curves (CTRL_expressions_...), which its morph targets repeat with other separators."""

from typing import Final

from retarget.mapping.conventions.table import Convention

ROWS: Final = {
    "browDown{side}": {"browDown{side}": 1.0},
    "browLateral{side}": {"browDown{side}": 0.5},
    "browRaiseIn{side}": {"browInnerUp": 1.0},
    "browRaiseOuter{side} | browRaiseOut{side}": {"browOuterUp{side}": 1.0},
    "eyeBlink{side}": {"eyeBlink{side}": 1.0},
    "eyeSquintInner{side}": {"eyeSquint{side}": 1.0},
    "eyeWiden{side} | eyeUpperLidUp{side}": {"eyeWide{side}": 1.0},
    "eyeCheekRaise{side}": {"cheekSquint{side}": 1.0},
    "eyeLookUp{side}": {"eyeLookUp{side}": 1.0},
    "eyeLookDown{side}": {"eyeLookDown{side}": 1.0},
    "eyeLookLeftL": {"eyeLookOutLeft": 1.0},
    "eyeLookRightL": {"eyeLookInLeft": 1.0},
    "eyeLookLeftR": {"eyeLookInRight": 1.0},
    "eyeLookRightR": {"eyeLookOutRight": 1.0},
    "noseWrinkle{side}": {"noseSneer{side}": 1.0},
    "mouthCheekBlow{side}": {"cheekPuff": 1.0},
    "mouth{way}": {"mouth{way}": 1.0},
    "mouthCornerPull{side}": {"mouthSmile{side}": 1.0},
    "mouthCornerDepress{side}": {"mouthFrown{side}": 1.0},
    "mouthDimple{side}": {"mouthDimple{side}": 1.0},
    "mouthStretch{side}": {"mouthStretch{side}": 1.0},
    "mouthUpperLipRaise{side}": {"mouthUpperUp{side}": 1.0},
    "mouthLowerLipDepress{side}": {"mouthLowerDown{side}": 1.0},
    "mouthFunnelU{side}": {"mouthFunnel": 1.0},
    "mouthFunnelD{side}": {"mouthFunnel": 1.0},
    "mouthLipsPurseU{side}": {"mouthPucker": 1.0},
    "mouthLipsPurseD{side}": {"mouthPucker": 1.0},
    "mouthLipsTowardsU{side}": {"mouthPucker": 0.5},
    "mouthLipsTowardsD{side}": {"mouthPucker": 0.5},
    "mouthUpperLipRollIn{side}": {"mouthRollUpper": 1.0},
    "mouthLowerLipRollIn{side}": {"mouthRollLower": 1.0},
    "mouthPressU{side}": {"mouthPress{side}": 1.0},
    "mouthPressD{side}": {"mouthPress{side}": 1.0},
    "mouthLipsTogetherU{side}": {"mouthClose": 1.0},
    "mouthLipsTogetherD{side}": {"mouthClose": 1.0},
    "jawOpen": {"jawOpen": 1.0},
    "jawFwd": {"jawForward": 1.0},
    "jaw{way}": {"jaw{way}": 1.0},
    "jawChinRaiseD{side}": {"mouthShrugLower": 1.0},
    "jawChinRaiseU{side}": {"mouthShrugUpper": 1.0},
    "tongueOut": {"tongueOut": 1.0},
}

# One of these alone would be ARKit's: it takes several to be MetaHuman's.
CONVENTIONS: Final = (Convention("metahuman", "MetaHuman / Unreal", "units", ROWS, least=8),)
