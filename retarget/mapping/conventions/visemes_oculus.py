"""The 15 visemes of Oculus (Meta) Lip Sync, as Ready Player Me, VRChat and others carry them.

Speech is more than they show: a rig that has nothing else gets its mouth from them.
"""

from typing import Final

from retarget.mapping.conventions.table import Convention

ROWS: Final = {
    "viseme_aa | v_aa": {"jawOpen": 1.0, "mouthFunnel": -0.6, "mouthPucker": -0.6, "mouthClose": -1.0},
    "viseme_O | viseme_oh | v_oh": {"mouthFunnel": 0.9},
    "viseme_U | viseme_ou | v_ou": {"mouthPucker": 1.0},
    "viseme_I | viseme_ih | v_ih": {
        "mouthStretchLeft": 0.3,
        "mouthStretchRight": 0.3,
        "mouthSmileLeft": 0.25,
        "mouthSmileRight": 0.25,
    },
    "viseme_E | v_e": {"mouthDimpleLeft": 0.3, "mouthDimpleRight": 0.3},
    "viseme_PP | v_pp": {"mouthPressLeft": 0.5, "mouthPressRight": 0.5, "mouthRollUpper": 0.6},
    "viseme_FF | v_ff": {"mouthRollLower": 0.7},
    "viseme_SS | v_ss": {
        "mouthUpperUpLeft": 0.25,
        "mouthUpperUpRight": 0.25,
        "mouthLowerDownLeft": 0.25,
        "mouthLowerDownRight": 0.25,
    },
    "viseme_CH | v_ch": {},
    "viseme_DD | v_dd": {},
    "viseme_TH | v_th": {},
    "viseme_kk | v_kk": {},
    "viseme_nn | v_nn": {},
    "viseme_RR | v_rr": {},
    "viseme_sil | v_sil": {},
}

CONVENTIONS: Final = (Convention("visemes_oculus", "Oculus visemes", "visemes", ROWS),)
