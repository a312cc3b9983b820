"""FaceWarehouse's 46 expressions, and faceshift's names for the same set, which many older rigs carry."""

from typing import Final

from retarget.mapping.conventions.table import Convention

ROWS: Final = {
    "eyeClose{side} | EyeBlink_{side}": {"eyeBlink{side}": 1.0},
    "eyeSquint{side} | EyeSquint_{side}": {"eyeSquint{side}": 1.0},
    "lookDown{side} | EyeDown_{side}": {"eyeLookDown{side}": 1.0},
    "lookIn{side} | EyeIn_{side}": {"eyeLookIn{side}": 1.0},
    "lookOut{side} | EyeOut_{side}": {"eyeLookOut{side}": 1.0},
    "lookUp{side} | EyeUp_{side}": {"eyeLookUp{side}": 1.0},
    "eyeWide{side} | EyeOpen_{side}": {"eyeWide{side}": 1.0},
    "browDown{side} | BrowsD_{side}": {"browDown{side}": 1.0},
    "browInnerUp | BrowsU_C": {"browInnerUp": 1.0},
    "browOuterUp{side} | BrowsU_{side}": {"browOuterUp{side}": 1.0},
    "jawForward | JawFwd": {"jawForward": 1.0},
    "jaw{way}": {"jaw{way}": 1.0},
    "jawOpen": {"jawOpen": 1.0},
    "mouth{way}": {"mouth{way}": 1.0},
    "frown{side} | MouthFrown_{side}": {"mouthFrown{side}": 1.0},
    "smile{side} | MouthSmile_{side}": {"mouthSmile{side}": 1.0},
    "press{side}": {"mouthPress{side}": 1.0},
    "dimple{side} | MouthDimple_{side}": {"mouthDimple{side}": 1.0},
    "LipsStretch_{side}": {"mouthStretch{side}": 1.0},
    "rollUpper | LipsUpperClose": {"mouthRollUpper": 1.0},
    "rollLower | LipsLowerClose": {"mouthRollLower": 1.0},
    "mouthUpperUp{side} | LipsUpperOpen": {"mouthUpperUp{side}": 1.0},
    "mouthLowerDown{side} | LipsLowerOpen": {"mouthLowerDown{side}": 1.0},
    "funnel | LipsFunnel": {"mouthFunnel": 1.0},
    "pucker | LipsPucker": {"mouthPucker": 1.0},
    "shrug": {"mouthShrugLower": 0.6, "mouthShrugUpper": 0.4},
    "ChinLowerRaise": {"mouthShrugLower": 1.0},
    "ChinUpperRaise": {"mouthShrugUpper": 1.0},
    "noseWrinkle{side} | Sneer": {"noseSneer{side}": 1.0},
    "cheekPuff | Puff": {"cheekPuff": 1.0},
    "cheekUp{side} | CheekSquint_{side}": {"cheekSquint{side}": 1.0},
}

CONVENTIONS: Final = (Convention("facewarehouse", "FaceWarehouse / faceshift", "units", ROWS),)
