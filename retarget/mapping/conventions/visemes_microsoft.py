"""Microsoft's 22 visemes (Speech API and Azure), by number; which sounds each stands for is in the comment."""

from typing import Final

from retarget.mapping.conventions.table import Convention

ROWS: Final = {
    "viseme_0": {},  # silence
    "viseme_1": {},  # ae, ax, ah
    "viseme_2": {"jawOpen": 1.0, "mouthFunnel": -0.6, "mouthPucker": -0.6, "mouthClose": -1.0},  # aa
    "viseme_3": {"mouthFunnel": 0.9},  # ao
    "viseme_4": {"mouthDimpleLeft": 0.3, "mouthDimpleRight": 0.3},  # ey, eh, uh
    "viseme_5": {},  # er
    "viseme_6": {
        "mouthStretchLeft": 0.3,
        "mouthStretchRight": 0.3,
        "mouthSmileLeft": 0.25,
        "mouthSmileRight": 0.25,
    },  # y, iy, ih
    "viseme_7": {"mouthPucker": 1.0},  # w, uw
    "viseme_8": {},  # ow
    "viseme_9": {},  # aw
    "viseme_10": {},  # oy
    "viseme_11": {},  # ay
    "viseme_12": {},  # h
    "viseme_13": {},  # r
    "viseme_14": {},  # l
    "viseme_15": {
        "mouthUpperUpLeft": 0.25,
        "mouthUpperUpRight": 0.25,
        "mouthLowerDownLeft": 0.25,
        "mouthLowerDownRight": 0.25,
    },  # s, z
    "viseme_16": {"mouthShrugUpper": 0.5},  # sh, ch, jh
    "viseme_17": {},  # dh
    "viseme_18": {"mouthRollLower": 0.7},  # f, v
    "viseme_19": {},  # d, t, n, th
    "viseme_20": {},  # k, g, ng
    "viseme_21": {"mouthPressLeft": 0.5, "mouthPressRight": 0.5, "mouthRollUpper": 0.6},  # p, b, m
}

CONVENTIONS: Final = (Convention("visemes_microsoft", "Microsoft visemes", "visemes", ROWS),)
