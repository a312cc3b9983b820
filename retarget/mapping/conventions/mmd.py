"""MikuMikuDance's Japanese morphs, and the English that its exporters write for them.

The wink without a side is the left one; the second, without a smile, is the better blink.
"""

from typing import Final

from retarget.mapping.conventions.table import Convention

UNITS: Final = {
    "まばたき || ウィンク2 | ウィンク2左 | ウィンク | ウインク2 | ウインク || ウィンク2右 | ウィンク右2 | ウィンク右 | "
    "ウインク2右 | ウインク右": {"eyeBlink{side}": 1.0},
    "びっくり | 見開き": {"eyeWideLeft": 0.5, "eyeWideRight": 0.5},
    "じと目 | ジト目 | 目細め": {"eyeSquintLeft": 0.5, "eyeSquintRight": 0.5},
    "瞳上": {"eyeLookUpLeft": 0.5, "eyeLookUpRight": 0.5},
    "瞳下": {"eyeLookDownLeft": 0.5, "eyeLookDownRight": 0.5},
    "瞳左": {"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5},
    "瞳右": {"eyeLookInLeft": 0.5, "eyeLookOutRight": 0.5},
    "怒り{side} | 下{side}": {"browDown{side}": 1.0},
    "困る": {"browInnerUp": 0.7, "browOuterUpLeft": -0.3, "browOuterUpRight": -0.3},
    "上{side}": {"browOuterUp{side}": 1.0},
    "口角上げ{side} | にっこり | にやり": {"mouthSmile{side}": 1.0},
    "口角下げ{side} | ∧ | への字": {"mouthFrown{side}": 1.0},
    "口横広げ": {"mouthStretchLeft": 0.4, "mouthStretchRight": 0.4},
    "口左": {"mouthLeft": 1.0},
    "口右": {"mouthRight": 1.0},
    "ぷくー | 頬膨らませ | ぷくっ": {"cheekPuff": 1.0},
    "べー | ぺろっ | てへぺろ": {"tongueOut": 1.0},
}

VOWELS: Final = {
    "あ": {"jawOpen": 1.0, "mouthFunnel": -0.6, "mouthPucker": -0.6, "mouthClose": -1.0},
    "い": {"mouthStretchLeft": 0.3, "mouthStretchRight": 0.3, "mouthLowerDownLeft": 0.2, "mouthLowerDownRight": 0.2},
    "う": {"mouthPucker": 1.0},
    "え": {"mouthUpperUpLeft": 0.25, "mouthUpperUpRight": 0.25},
    "お": {"mouthFunnel": 0.9},
    "ん": {"mouthPressLeft": 0.4, "mouthPressRight": 0.4},
}

CONVENTIONS: Final = (
    Convention("mmd", "MikuMikuDance", "units", UNITS, least=1),
    Convention("mmd", "MikuMikuDance vowels", "visemes", VOWELS),
)
