"""Apple's 52 units (ARFaceAnchor.BlendShapeLocation). All spellings of them are the canonicaliser's business."""

from typing import Final

from retarget.mapping.conventions.table import Convention

ROWS: Final = {
    "eyeBlink{side}": {"eyeBlink{side}": 1.0},
    "eyeLookDown{side}": {"eyeLookDown{side}": 1.0},
    "eyeLookIn{side}": {"eyeLookIn{side}": 1.0},
    "eyeLookOut{side}": {"eyeLookOut{side}": 1.0},
    "eyeLookUp{side}": {"eyeLookUp{side}": 1.0},
    "eyeSquint{side}": {"eyeSquint{side}": 1.0},
    "eyeWide{side}": {"eyeWide{side}": 1.0},
    "jawForward": {"jawForward": 1.0},
    "jaw{way}": {"jaw{way}": 1.0},
    "jawOpen": {"jawOpen": 1.0},
    "mouthClose": {"mouthClose": 1.0},
    "mouthFunnel": {"mouthFunnel": 1.0},
    "mouthPucker": {"mouthPucker": 1.0},
    "mouth{way}": {"mouth{way}": 1.0},
    "mouthSmile{side}": {"mouthSmile{side}": 1.0},
    "mouthFrown{side}": {"mouthFrown{side}": 1.0},
    "mouthDimple{side}": {"mouthDimple{side}": 1.0},
    "mouthStretch{side}": {"mouthStretch{side}": 1.0},
    "mouthRollLower": {"mouthRollLower": 1.0},
    "mouthRollUpper": {"mouthRollUpper": 1.0},
    "mouthShrugLower": {"mouthShrugLower": 1.0},
    "mouthShrugUpper": {"mouthShrugUpper": 1.0},
    "mouthPress{side}": {"mouthPress{side}": 1.0},
    "mouthLowerDown{side}": {"mouthLowerDown{side}": 1.0},
    "mouthUpperUp{side}": {"mouthUpperUp{side}": 1.0},
    "browDown{side}": {"browDown{side}": 1.0},
    "browInnerUp": {"browInnerUp": 1.0},
    "browOuterUp{side}": {"browOuterUp{side}": 1.0},
    "cheekPuff": {"cheekPuff": 1.0},
    "cheekSquint{side}": {"cheekSquint{side}": 1.0},
    "noseSneer{side}": {"noseSneer{side}": 1.0},
    "tongueOut": {"tongueOut": 1.0},
}

CONVENTIONS: Final = (Convention("arkit", "ARKit's 52 units", "units", ROWS, least=1),)
