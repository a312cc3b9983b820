"""ARKit's units by their names: which unit and which side a shape key means, however it is spelt.

A unit's name is a base ("eyeBlink") and a side (left, right or none). Spellings differ in capitals, separators, where
the side stands and how it is abbreviated, and in what is put in front; all of these mean eyeBlinkLeft: eyeBlinkLeft,
EyeBlinkLeft, eye_blink_left, EYE-BLINK-LEFT, eyeBlink_L, EyeBlink.L, L_eyeBlink, leftEyeBlink, eye_left_blink,
blendShape1.eyeBlinkLeft, Head_eyeBlink_L, eyeBlinkLeft.001.
"""

from dataclasses import dataclass
from functools import cache

from mmface_core.model.arkit import ARKIT_NAMES, SIDEWAYS
from retarget.mapping import spelling
from retarget.mapping.spelling import BOTH, LEFT, RIGHT, SIDE, WAY, Speller, words

__all__ = ["BOTH", "LEFT", "RIGHT", "Unit", "common_prefixes", "read_key", "split_channel", "words"]


@dataclass(frozen=True)
class Unit:
    """An ARKit unit taken apart. `base` is in camelCase; `side` is LEFT, RIGHT or BOTH."""

    base: str
    side: str


def split_channel(name: str) -> Unit:
    """Base and side of an ARKit name; sideways movements are bases of their own without a side."""
    if name not in SIDEWAYS:
        for side in (LEFT, RIGHT):
            if name.endswith(side):
                return Unit(name[: -len(side)], side)
    return Unit(name, BOTH)


@cache
def arkit_rows() -> tuple[str, ...]:
    """The 52 units as rows of a name table: `eyeBlink{side}`, `jaw{way}`, `jawOpen`."""
    rows = []
    for name in ARKIT_NAMES:
        unit = split_channel(name)
        if name in SIDEWAYS:
            rows.append(name.removesuffix(LEFT).removesuffix(RIGHT) + WAY)
        else:
            rows.append(unit.base + (SIDE if unit.side else ""))
    return tuple(dict.fromkeys(rows))


@cache
def _arkit_speller() -> Speller:
    return Speller(arkit_rows())


def read_key(name: str, prefixes: frozenset[str] = frozenset()) -> Unit | None:
    """The unit that a key's name means; None where it means none of the 52.

    prefixes: squashed words that may stand in front beside the known ones (see `common_prefixes`).
    """
    found = _arkit_speller().read(name, prefixes)
    if found is None:
        return None
    if WAY in found.row:
        return Unit(found.row.replace(WAY, found.side), BOTH)
    return Unit(found.row.replace(SIDE, ""), found.side)


def common_prefixes(
    names: "list[str] | tuple[str, ...]", own_names: "tuple[str, ...] | list[str]" = ()
) -> frozenset[str]:
    """Squashed beginnings that stand in front of at least half of the keys (and of three), and the mesh's own names."""
    return spelling.common_prefixes(names, own_names, [_arkit_speller()])
