"""The 52 ARKit face units by name, in ARKit's order (ARFaceAnchor.BlendShapeLocation, as Live Link Face lists them).

"Left" and "Right" are the subject's: `eyeBlinkLeft` closes the eye at x > 0 of the head frame.
"""

from typing import Final

ARKIT_NAMES: Final[tuple[str, ...]] = (
    "eyeBlinkLeft",
    "eyeLookDownLeft",
    "eyeLookInLeft",
    "eyeLookOutLeft",
    "eyeLookUpLeft",
    "eyeSquintLeft",
    "eyeWideLeft",
    "eyeBlinkRight",
    "eyeLookDownRight",
    "eyeLookInRight",
    "eyeLookOutRight",
    "eyeLookUpRight",
    "eyeSquintRight",
    "eyeWideRight",
    "jawForward",
    "jawLeft",
    "jawRight",
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthLeft",
    "mouthRight",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "noseSneerLeft",
    "noseSneerRight",
    "tongueOut",
)

SIDEWAYS: Final = frozenset({"jawLeft", "jawRight", "mouthLeft", "mouthRight"})
"""Units whose Left and Right are ways to move the middle of the face, not sides of it."""

ARKIT_INDEX: Final[dict[str, int]] = {name: index for index, name in enumerate(ARKIT_NAMES)}


def mirrored_name(name: str) -> str:
    """The unit on the other side of the face: `jawLeft` <-> `jawRight`; units without a side give themselves."""
    if name.endswith("Left"):
        return name[: -len("Left")] + "Right"
    if name.endswith("Right"):
        return name[: -len("Right")] + "Left"
    return name


# For each unit the index of its mirrored unit: flipping a picture turns weights w into w[MIRRORED_UNIT].
MIRRORED_UNIT: Final[tuple[int, ...]] = tuple(ARKIT_INDEX[mirrored_name(name)] for name in ARKIT_NAMES)
