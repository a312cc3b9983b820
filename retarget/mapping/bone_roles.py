"""What a bone of a face is by its name: head, neck, jaw, an eye, a lid, a brow, a corner of the mouth."""

from dataclasses import dataclass
from functools import cache
from typing import Final

from retarget.mapping.conventions.rigify import ROLES
from retarget.mapping.spelling import BOTH, LEFT, RIGHT, words


def word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


# Words that programs add to bone names and that say nothing about the body part.
DECORATION: Final = word_set(
    """
    mixamorig mixamo cc base rl j bip bip01 valve biped valvebiped c m f x ctrl control con bone bn b
    jnt joint jt sk skel def org mch rig armature adj face facial fk main root character char master
    """
)
# Rigify's inner layers: its plain `head` is the one that an animator keys.
INNER: Final = word_set("def org mch")
_NOT_ITSELF: Final = word_set(
    "end nub tip target aim look at ik pole tweak scale socket twist helper hair hat ornament"
)
_HELPERS: Final = _NOT_ITSELF | word_set("top front gear band set light")
_SIDES: Final = {"l": LEFT, "left": LEFT, "r": RIGHT, "right": RIGHT}
_NO_EYE: Final = word_set(
    """
    lid lids lash lashes brow brows blink squint target aim look at ik end nub tip master tweak top
    bottom upper lower up down corner inner outer in out socket bag crease t glint highlight
    """
)
_ELSEWHERE: Final = {
    "首": ("neck", BOTH), "あご": ("jaw", BOTH), "顎": ("jaw", BOTH), "下顎": ("jaw", BOTH),
    "左目": ("eye", LEFT), "右目": ("eye", RIGHT), "目.L": ("eye", LEFT), "目.R": ("eye", RIGHT),
    "左眉": ("brow", LEFT), "右眉": ("brow", RIGHT),
}  # fmt: skip
_UPPER: Final = word_set("upper up top t superior upr")
_LOWER: Final = word_set("lower low bottom bot b down inferior lwr")
_INWARD: Final = word_set("inner in inside mid middle")
_OUTWARD: Final = word_set("outer out outside tail")


@dataclass(frozen=True)
class Role:
    """A part of the face and its side. sure: 2 a name that a table knows, 1 words that say so."""

    part: str
    side: str
    sure: int = 1


@cache
def role_of(name: str) -> Role | None:
    """The part of the face that a bone is; None for others, and for helpers such as targets and end bones."""
    for part, patterns in ROLES.items():
        for pattern in patterns:
            for letter, side in (("L", LEFT), ("R", RIGHT)) if "{side}" in pattern else (("", BOTH),):
                if name == pattern.replace("{side}", letter):
                    return Role(part, side, 2 + (pattern == patterns[0]))
    if name in _ELSEWHERE:
        return Role(*_ELSEWHERE[name])
    parts = [word for word in words(name) if not word.isdigit()]
    sides = {_SIDES[word] for word in parts if word in _SIDES}
    rest = set(parts) - set(_SIDES)
    if eye := eye_side(name):
        return Role("eye", eye)
    if len(sides) > 1 or rest & _HELPERS - word_set("top"):
        return None
    side = sides.pop() if sides else BOTH
    bare = rest - DECORATION
    if bare in ({"neck"}, {"neck", "lower"}, {"neck", "upper"}):
        return Role("neck", BOTH)
    if "jaw" in rest and bare <= {"jaw", "lower", "bone"} and side == BOTH:
        return Role("jaw", BOTH)
    if side == BOTH or not rest:
        return None
    if rest & {"lid", "eyelid", "lids", "eyelids"}:
        if rest & _UPPER:
            return Role("lid_upper", side)
        return Role("lid_lower", side) if (rest | set(parts)) & _LOWER else None
    if rest & {"brow", "eyebrow", "brows", "eyebrows"}:
        if rest & _INWARD:
            return Role("brow_inner", side)
        return Role("brow_outer" if rest & _OUTWARD else "brow", side)
    if rest & {"lip", "lips", "mouth"} and rest & {"corner", "corners"}:
        return Role("lip_corner", side)
    return None


def eye_side(name: str) -> str | None:
    """LEFT or RIGHT if the bone's name means an eyeball."""
    if name in _ELSEWHERE and _ELSEWHERE[name][0] == "eye":
        return _ELSEWHERE[name][1]
    parts = [word for word in words(name) if not word.isdigit()]
    sides = {_SIDES[word] for word in parts if word in _SIDES}
    rest = set(parts) - set(_SIDES)
    if len(sides) != 1 or rest & (_NO_EYE | INNER) or not rest & {"eye", "eyeball"}:
        return None
    return sides.pop() if rest - DECORATION <= {"eye", "eyeball"} else None
