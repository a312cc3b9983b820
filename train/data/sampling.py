"""Random heads: identity, expression as faces really move, gaze, pose and where the crop lies.

Everything draws from a numpy Generator that the caller seeds, so a sample is a function of its number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmface_core.conventions import CROP_CENTRE, CROP_SIZE, NOMINAL_SCALE, euler_to_rotation
from mmface_core.model.arkit import ARKIT_NAMES

INDEX = {name: index for index, name in enumerate(ARKIT_NAMES)}
PAIRED = tuple(name[:-4] for name in ARKIT_NAMES if name.endswith("Left") and f"{name[:-4]}Right" in INDEX)
# Not left and right twins of one movement, but opposite directions of one part.
DIRECTIONS = ("jaw", "mouth")
SPEECH_LIPS_ALONE = 0.25  # how far the lips of a speaker part on a closed jaw, against an open one
# Share of a speaker's moments in which the lips meet on an open jaw (b, m, p), which then is hardly open. Were it more,
# or further open, a closed mouth in a long face would be read as both units at once.
CLOSURES = 0.05
WIDEST_CLOSURE = 0.5  # how far the jaw opens behind lips that are closed on purpose, chewing or holding a laugh
TWINS = tuple(stem for stem in PAIRED if stem not in DIRECTIONS)


@dataclass(frozen=True)
class Pose:
    """Head to camera rotation (3, 3); scale px/mm and translation (2,) px of the 256 crop; camera distance in mm."""

    rotation: np.ndarray
    scale: float
    translation: np.ndarray
    distance_mm: float


def sample_identity(
    rng: np.random.Generator, size: int, near: np.ndarray | None = None, closeness: float = 0.0
) -> np.ndarray:
    """Identity codes (size,) f32: N(0, 1) damped, at times stretched, since children's and unusual proportions lie far
    from the mean of the model; around the codes `near` (size,) where given.

    closeness 0..1: the least share of `near` that is kept.
    """
    spread = rng.choice([rng.uniform(0.4, 1.1), rng.uniform(1.0, 1.7)], p=[0.7, 0.3])
    noise = rng.standard_normal(size) * spread
    if near is not None:
        keep = rng.choice([1.0, rng.uniform(max(0.3, closeness), 1.0)], p=[0.3, 0.7])
        noise = keep * near + np.sqrt(1.0 - keep**2) * noise
    return np.clip(noise, -3.0, 3.0).astype(np.float32)


def sample_pose(rng: np.random.Generator, max_yaw_deg: float = 90.0) -> Pose:
    """A head pose and the crop that a tracker with a somewhat wrong box would make of it."""
    yaw = rng.choice([rng.normal(0, 18), rng.uniform(-55, 55), rng.uniform(-90, 90)], p=[0.5, 0.35, 0.15])
    yaw = np.clip(yaw, -max_yaw_deg, max_yaw_deg)
    pitch = np.clip(
        rng.choice([rng.normal(0, 9), rng.uniform(-38, 38), rng.uniform(-50, 50)], p=[0.7, 0.2, 0.1]), -50, 50
    )
    pitch *= 1.0 - 0.4 * abs(yaw) / 90.0  # a profile that also looks far up or down is rare
    roll = rng.choice([rng.normal(0, 5), rng.uniform(-25, 25), rng.uniform(-45, 45)], p=[0.8, 0.15, 0.05])
    distance = rng.choice([np.inf, np.exp(rng.uniform(np.log(350.0), np.log(2500.0)))], p=[0.2, 0.8])
    scale, translation = sample_crop(rng)
    return Pose(euler_to_rotation(*np.radians([yaw, pitch, roll])), scale, translation, float(distance))


def sample_crop(rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """Scale px/mm and translation (2,) px of a jittered crop: mostly a few percent off, at times a bad box."""
    wide = rng.random() < 0.4
    spread, shift = (0.16, 0.08) if wide else (0.07, 0.03)
    scale = NOMINAL_SCALE * np.exp(rng.uniform(-spread, spread))
    return float(scale), CROP_CENTRE + CROP_SIZE * rng.uniform(-shift, shift, 2)


def sample_expression(rng: np.random.Generator) -> np.ndarray:
    """ARKit weights (52,) f32 in 0..1."""
    weights = np.zeros(len(ARKIT_NAMES), np.float32)
    kind = rng.choice(["neutral", "single", "several", "face"], p=[0.06, 0.14, 0.20, 0.60])
    if kind == "single":
        _some_units(rng, weights, 1)
    elif kind == "several":
        _some_units(rng, weights, int(rng.integers(2, 7)))
    elif kind == "face":
        _eyes(rng, weights)
        _brows(rng, weights)
        _mouth(rng, weights)
    if rng.random() < (0.3 if kind == "neutral" else 0.7):
        _gaze(rng, weights)
    return make_plausible(weights)


def make_plausible(weights: np.ndarray) -> np.ndarray:
    """Resolve what no face does at once: opposite directions, wide and closed eyes, a closed mouth on a closed jaw."""
    w = np.clip(weights, 0.0, 1.0).astype(np.float32)
    opposite = [("jawLeft", "jawRight"), ("mouthLeft", "mouthRight")]
    for side in ("Left", "Right"):
        opposite += [(f"eyeLookUp{side}", f"eyeLookDown{side}"), (f"eyeLookIn{side}", f"eyeLookOut{side}")]
        opposite += [(f"mouthSmile{side}", f"mouthFrown{side}")]
        w[INDEX[f"eyeWide{side}"]] *= 1.0 - w[INDEX[f"eyeBlink{side}"]]
        w[INDEX[f"eyeSquint{side}"]] *= 1.0 - 0.5 * w[INDEX[f"eyeWide{side}"]]
        w[INDEX[f"browOuterUp{side}"]] *= 1.0 - 0.7 * w[INDEX[f"browDown{side}"]]
    for one, other in opposite:
        small = min(w[INDEX[one]], w[INDEX[other]])
        w[INDEX[one]] -= small
        w[INDEX[other]] -= small
    w[INDEX["mouthClose"]] = min(w[INDEX["mouthClose"]], w[INDEX["jawOpen"]])
    return w


def _set_both(rng: np.random.Generator, w: np.ndarray, stem: str, value: float, one_sided: float = 0.15) -> None:
    """Give both sides of a unit about the same value, at times only one of them."""
    left, right = np.clip(value * (1.0 + rng.normal(0, 0.12, 2)), 0.0, 1.0)
    if rng.random() < one_sided:
        if rng.random() < 0.5:
            left *= rng.uniform(0.0, 0.4)
        else:
            right *= rng.uniform(0.0, 0.4)
    w[INDEX[f"{stem}Left"]], w[INDEX[f"{stem}Right"]] = left, right


def _some_units(rng: np.random.Generator, w: np.ndarray, count: int) -> None:
    for index in rng.choice(len(ARKIT_NAMES), count, replace=False):
        name, value = ARKIT_NAMES[index], rng.uniform(0.25, 1.0)
        stem = name.removesuffix("Left").removesuffix("Right")
        if stem in TWINS and not stem.startswith("eyeLook") and rng.random() < 0.6:
            _set_both(rng, w, stem, value, 0.0)
        else:
            w[index] = value
        if name in ("mouthClose", "tongueOut"):
            widest = WIDEST_CLOSURE if name == "mouthClose" else 0.9
            w[INDEX["jawOpen"]] = max(w[INDEX["jawOpen"]], rng.uniform(0.15, widest))
            if name == "mouthClose":
                w[index] = w[INDEX["jawOpen"]] * rng.uniform(0.6, 1.0)


def _eyes(rng: np.random.Generator, w: np.ndarray) -> None:
    state = rng.choice(["open", "half", "closed", "wink", "wide", "squint"], p=[0.42, 0.16, 0.17, 0.08, 0.09, 0.08])
    if state == "open":
        _set_both(rng, w, "eyeBlink", max(0.0, rng.normal(0, 0.06)), 0.0)
    elif state == "half":
        _set_both(rng, w, "eyeBlink", rng.uniform(0.15, 0.85), 0.2)
    elif state == "closed":
        w[INDEX["eyeBlinkLeft"]], w[INDEX["eyeBlinkRight"]] = 1.0 - np.abs(rng.normal(0, 0.06, 2))
    elif state == "wink":
        sides = rng.permutation(["Left", "Right"])
        w[INDEX[f"eyeBlink{sides[0]}"]] = rng.uniform(0.7, 1.0)
        w[INDEX[f"eyeBlink{sides[1]}"]] = rng.uniform(0.0, 0.35)
        if rng.random() < 0.5:
            for stem in ("eyeSquint", "cheekSquint", "mouthSmile"):
                w[INDEX[f"{stem}{sides[0]}"]] = rng.uniform(0.0, 0.8)
    elif state == "wide":
        _set_both(rng, w, "eyeWide", rng.uniform(0.3, 1.0), 0.1)
    if state == "squint" or rng.random() < 0.12:
        _set_both(rng, w, "eyeSquint", rng.uniform(0.2, 1.0))


def _brows(rng: np.random.Generator, w: np.ndarray) -> None:
    state = rng.choice(["none", "up", "down", "worried", "mixed"], p=[0.4, 0.2, 0.2, 0.12, 0.08])
    if state == "up":
        value = rng.uniform(0.2, 1.0)
        _set_both(rng, w, "browOuterUp", value)
        w[INDEX["browInnerUp"]] = np.clip(value * rng.uniform(0.4, 1.2), 0, 1)
    elif state == "down":
        _set_both(rng, w, "browDown", rng.uniform(0.2, 1.0))
        if rng.random() < 0.4:
            _set_both(rng, w, "noseSneer", rng.uniform(0.1, 1.0))
    elif state == "worried":
        w[INDEX["browInnerUp"]] = rng.uniform(0.3, 1.0)
        if rng.random() < 0.4:
            _set_both(rng, w, "browDown", rng.uniform(0.1, 0.6))
    elif state == "mixed":
        up, down = rng.permutation(["Left", "Right"])
        w[INDEX[f"browOuterUp{up}"]] = rng.uniform(0.3, 1.0)
        w[INDEX[f"browDown{down}"]] = rng.uniform(0.0, 0.8)


def _mouth(rng: np.random.Generator, w: np.ndarray) -> None:
    states = {
        "rest": 0.14,
        "talk": 0.27,
        "shout": 0.07,
        "smile": 0.15,
        "round": 0.09,
        "tight": 0.11,
        "sad": 0.06,
        "sideways": 0.06,
        "closed_on_open_jaw": 0.01,
        "tongue": 0.015,
        "puff": 0.025,
    }
    state = rng.choice(list(states), p=list(states.values()))
    if state == "talk":
        w[INDEX["jawOpen"]] = rng.beta(1.2, 3.2)
        _lips(rng, w, 0.45)
    elif state == "shout":
        w[INDEX["jawOpen"]] = rng.uniform(0.5, 1.0)
        _lips(rng, w, 0.5)
    elif state == "smile":
        value = rng.uniform(0.2, 1.0)
        _set_both(rng, w, "mouthSmile", value)
        _set_both(rng, w, "cheekSquint", value * rng.uniform(0.0, 0.9), 0.0)
        if rng.random() < 0.5:  # teeth show
            w[INDEX["jawOpen"]] = rng.uniform(0.0, 0.45)
            _set_both(rng, w, "mouthUpperUp", rng.uniform(0.0, 0.7), 0.0)
            _set_both(rng, w, "mouthLowerDown", rng.uniform(0.0, 0.6), 0.0)
        if rng.random() < 0.3:
            _set_both(rng, w, "mouthDimple", rng.uniform(0.0, 0.8))
    elif state == "round":
        w[INDEX["mouthPucker"]] = rng.choice([0.0, rng.uniform(0.2, 1.0)], p=[0.3, 0.7])
        w[INDEX["mouthFunnel"]] = rng.choice([0.0, rng.uniform(0.2, 1.0)], p=[0.4, 0.6])
        w[INDEX["jawOpen"]] = rng.choice([0.0, rng.uniform(0.0, 0.5)])
    elif state == "tight":
        name = rng.choice(["mouthPress", "mouthStretch", "roll", "shrug"])
        if name == "roll":
            w[INDEX["mouthRollLower"]], w[INDEX["mouthRollUpper"]] = rng.uniform(0.0, 1.0, 2)
        elif name == "shrug":
            w[INDEX["mouthShrugLower"]], w[INDEX["mouthShrugUpper"]] = rng.uniform(0.0, 1.0, 2)
        else:
            _set_both(rng, w, name, rng.uniform(0.3, 1.0))
            w[INDEX["jawOpen"]] = rng.choice([0.0, rng.uniform(0.0, 0.3)], p=[0.7, 0.3])
    elif state == "sad":
        _set_both(rng, w, "mouthFrown", rng.uniform(0.2, 1.0))
        w[INDEX["mouthShrugLower"]] = rng.choice([0.0, rng.uniform(0.1, 1.0)])
        w[INDEX["jawOpen"]] = rng.choice([0.0, rng.uniform(0.0, 0.4)], p=[0.7, 0.3])
    elif state == "sideways":
        side = rng.choice(["Left", "Right"])
        w[INDEX[f"mouth{side}"]] = rng.choice([0.0, rng.uniform(0.3, 1.0)], p=[0.25, 0.75])
        w[INDEX[f"jaw{side}"]] = rng.choice([0.0, rng.uniform(0.3, 1.0)], p=[0.4, 0.6])
        w[INDEX["jawForward"]] = rng.choice([0.0, rng.uniform(0.2, 1.0)], p=[0.7, 0.3])
        w[INDEX["jawOpen"]] = rng.choice([0.0, rng.uniform(0.0, 0.4)])
    elif state == "closed_on_open_jaw":
        w[INDEX["jawOpen"]] = rng.uniform(0.1, WIDEST_CLOSURE)
        w[INDEX["mouthClose"]] = w[INDEX["jawOpen"]] * rng.uniform(0.6, 1.0)
    elif state == "tongue":
        w[INDEX["tongueOut"]], w[INDEX["jawOpen"]] = rng.uniform(0.3, 1.0), rng.uniform(0.2, 0.8)
    elif state == "puff":
        w[INDEX["cheekPuff"]] = rng.uniform(0.3, 1.0)


def _lips(rng: np.random.Generator, w: np.ndarray, probability: float) -> None:
    """Lip shapes of speech on top of an open jaw; upper and lower lip part the more, the wider it is open."""
    parted = SPEECH_LIPS_ALONE + (1.0 - SPEECH_LIPS_ALONE) * min(1.0, 2.0 * float(w[INDEX["jawOpen"]]))
    for stem, top in (("mouthUpperUp", 0.8), ("mouthLowerDown", 0.9)):
        if rng.random() < probability:  # small values above all: in speech it is the jaw that opens most of the gap
            _set_both(rng, w, stem, parted * top * rng.beta(1.0, 1.6), 0.05)
    for stem, top in (("mouthStretch", 0.6), ("mouthSmile", 0.6)):
        if rng.random() < probability:
            _set_both(rng, w, stem, rng.uniform(0.0, top), 0.05)
    for name, top in (("mouthFunnel", 0.7), ("mouthPucker", 0.5), ("mouthRollLower", 0.5), ("mouthShrugUpper", 0.5)):
        if rng.random() < 0.5 * probability:
            w[INDEX[name]] = rng.uniform(0.0, top)
    if rng.random() < CLOSURES:
        w[INDEX["jawOpen"]] *= rng.uniform(0.1, 0.5)
        w[INDEX["mouthClose"]] = w[INDEX["jawOpen"]] * rng.uniform(0.6, 1.0)


def _gaze(rng: np.random.Generator, w: np.ndarray) -> None:
    """Both eyes look the same way, horizontal towards the subject's left positive, vertical upwards positive."""
    spread = rng.choice([0.25, 0.7])
    horizontal, vertical = np.clip(rng.normal(0, spread, 2) * [1.0, 0.7], -1, 1)
    vergence = max(0.0, rng.normal(0, 0.05))
    for side, outwards in (("Left", 1.0), ("Right", -1.0)):
        out = horizontal * outwards - vergence + rng.normal(0, 0.02)
        up = vertical + rng.normal(0, 0.02)
        w[INDEX[f"eyeLookOut{side}"]], w[INDEX[f"eyeLookIn{side}"]] = max(0.0, out), max(0.0, -out)
        w[INDEX[f"eyeLookUp{side}"]], w[INDEX[f"eyeLookDown{side}"]] = max(0.0, up), max(0.0, -up)
