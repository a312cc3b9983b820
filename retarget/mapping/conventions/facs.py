"""Action units of the Facial Action Coding System (Ekman, Friesen and Hager 2002), by number and by name."""

from typing import Final

from retarget.mapping.conventions.table import Convention

ROWS: Final = {
    "AU1{side} | innerBrowRaiser{side} | browInnerRaiser{side}": {"browInnerUp": 1.0},
    "AU2{side} | outerBrowRaiser{side} | browOuterRaiser{side}": {"browOuterUp{side}": 1.0},
    "AU4{side} | browLowerer{side}": {"browDown{side}": 1.0},
    "AU5{side} | upperLidRaiser{side}": {"eyeWide{side}": 1.0},
    "AU6{side} | cheekRaiser{side}": {"cheekSquint{side}": 1.0},
    "AU7{side} | lidTightener{side}": {"eyeSquint{side}": 1.0},
    "AU9{side} | noseWrinkler{side}": {"noseSneer{side}": 1.0},
    "AU10{side} | upperLipRaiser{side}": {"mouthUpperUp{side}": 1.0},
    "AU12{side} | lipCornerPuller{side}": {"mouthSmile{side}": 1.0},
    "AU14{side} | dimpler{side}": {"mouthDimple{side}": 1.0},
    "AU15{side} | lipCornerDepressor{side}": {"mouthFrown{side}": 1.0},
    "AU16{side} | lowerLipDepressor{side}": {"mouthLowerDown{side}": 1.0},
    "AU17 | chinRaiser": {"mouthShrugLower": 0.7, "mouthShrugUpper": 0.3},
    "AU18 | lipPucker | lipPuckerer": {"mouthPucker": 1.0},
    "AU19 | tongueShow": {"tongueOut": 1.0},
    "AU20{side} | lipStretcher{side}": {"mouthStretch{side}": 1.0},
    "AU22 | lipFunneler": {"mouthFunnel": 1.0},
    "AU24{side} | lipPressor{side} | AU23{side} | lipTightener{side}": {"mouthPress{side}": 1.0},
    "AU26 | jawDrop | AU27 | mouthStretch": {"jawOpen": 1.0},
    "AU28 | lipSuck": {"mouthRollLower": 0.5, "mouthRollUpper": 0.5},
    "AU29 | jawThrust": {"jawForward": 1.0},
    "AU30{way} | jawSideways{way}": {"jaw{way}": 1.0},
    "AU34 | cheekPuff | AU33 | cheekBlow": {"cheekPuff": 1.0},
    "AU45{side} | AU43{side} | blink{side} | eyeClosure{side} | eyesClosed{side}": {"eyeBlink{side}": 1.0},
    "AU61 | eyesTurnLeft": {"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5},
    "AU62 | eyesTurnRight": {"eyeLookInLeft": 0.5, "eyeLookOutRight": 0.5},
    "AU63{side} | eyesUp{side}": {"eyeLookUp{side}": 1.0},
    "AU64{side} | eyesDown{side}": {"eyeLookDown{side}": 1.0},
}

CONVENTIONS: Final = (Convention("facs", "FACS action units", "units", ROWS),)
