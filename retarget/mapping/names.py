"""Reads the names of shape keys: which ARKit unit and which side a key means, however it is spelt.

A unit's name is a base ("eyeBlink") and a side (left, right or none). Spellings differ in capitals, separators, where
the side stands and how it is abbreviated, and in what is put in front; all of these mean eyeBlinkLeft: eyeBlinkLeft,
EyeBlinkLeft, eye_blink_left, EYE-BLINK-LEFT, eyeBlink_L, EyeBlink.L, L_eyeBlink, leftEyeBlink, eye_left_blink,
blendShape1.eyeBlinkLeft, Head_eyeBlink_L, eyeBlinkLeft.001.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from mmface_core.model.arkit import ARKIT_NAMES

LEFT, RIGHT, BOTH = "Left", "Right", ""
_SIDE_WORDS = {"left": LEFT, "l": LEFT, "lft": LEFT, "lf": LEFT, "right": RIGHT, "r": RIGHT, "rgt": RIGHT, "rt": RIGHT}

# "jaw" or "mouth" with a side is a movement to that side, not half of a movement called "jaw".
SIDEWAYS = frozenset({"jawLeft", "jawRight", "mouthLeft", "mouthRight"})

# What programs put in front of every key of a mesh. Others are found by their being in front of most keys of a mesh.
_KNOWN_PREFIX = re.compile(
    r"(face|head|arkit|arkit52|bs|blendshapes?\d*|shapes?\d*|morphs?\d*|targets?\d*|keys?|exp|expr|expressions?|fac|facial|"
    r"ctrl|ctrls|mesh|m|f|h|fbm|phm|pbm|pjcm|genesis\d*\w*)",
    re.IGNORECASE,
)
_NUMBER_AT_END = re.compile(r"\.\d{3}$")
_KNOWN_SUFFIX = re.compile(r"[ ._-]*(shape|blendshape|morph|mesh|bs)$", re.IGNORECASE)
_SEPARATOR = re.compile(r"[^0-9A-Za-z]+")
_HUMP = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


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
def known_bases() -> tuple[str, ...]:
    """The different bases of the 52 units, in ARKit's order."""
    return tuple(dict.fromkeys(split_channel(name).base for name in ARKIT_NAMES))


def words(name: str) -> list[str]:
    """The lower-case words of a name: `L_eyeBlinkLeft2` gives l, eye, blink, left, 2."""
    return [hump.lower() for part in _SEPARATOR.split(name) for hump in _HUMP.findall(part)]


def squashed(name: str) -> str:
    """The letters and digits of a name in lower case."""
    return _SEPARATOR.sub("", name).lower()


@cache
def _spellings() -> dict[str, Unit]:
    """Every way to write a unit as one lower-case word.

    The side stands as a whole word anywhere between the base's words, or as a letter at the end or in front. A
    spelling that could mean two units means neither.
    """
    table: dict[str, Unit] = {}
    doubtful: set[str] = set()

    def enter(spelling: str, unit: Unit) -> None:
        if table.setdefault(spelling, unit) != unit:
            doubtful.add(spelling)

    for base in known_bases():
        if base in SIDEWAYS:
            stem, side = words(base)
            for spelling in (stem + side, side + stem, stem + side[0]):
                enter(spelling, Unit(base, BOTH))
            continue
        parts = words(base)
        enter("".join(parts), Unit(base, BOTH))
        for word, side in _SIDE_WORDS.items():
            places = range(len(parts) + 1) if len(word) > 3 else (0, len(parts))
            for place in places:
                enter("".join((*parts[:place], word, *parts[place:])), Unit(base, side))
    return {spelling: unit for spelling, unit in table.items() if spelling not in doubtful}


def read_key(name: str, prefixes: frozenset[str] = frozenset()) -> Unit | None:
    """The unit that a key's name means; None where it means none of the 52.

    prefixes: squashed words that may stand in front beside the known ones (see `common_prefixes`).
    """
    found = _spellings().get(squashed(name))
    if found:
        return found
    for shorter in _without_trimmings(name, prefixes):
        found = _spellings().get(squashed(shorter))
        if found:
            return found
    return None


def common_prefixes(names: Iterable[str], own_names: Iterable[str] = ()) -> frozenset[str]:
    """Squashed beginnings that stand in front of at least half of the keys (and of three), and the mesh's own names."""
    names = list(names)
    counts: dict[str, int] = {}
    for name in names:
        for head, _ in _cuts(name):
            counts[head] = counts.get(head, 0) + 1
    frequent = {head for head, n in counts.items() if n >= 3 and 2 * n >= len(names) and head not in _spellings()}
    return frozenset(frequent | {squashed(own) for own in own_names})


def _without_trimmings(name: str, prefixes: frozenset[str]) -> Iterator[str]:
    """The name without its number, its suffix and its prefixes, mildest surgery first."""
    plain = _NUMBER_AT_END.sub("", name)
    endings = list(dict.fromkeys((plain, _KNOWN_SUFFIX.sub("", plain))))
    yield from endings
    for ending in endings:
        for head, rest in _cuts(ending):
            if head in prefixes or all(_KNOWN_PREFIX.fullmatch(w) for w in _SEPARATOR.split(ending[: -len(rest)]) if w):
                yield rest


def _cuts(name: str) -> Iterator[tuple[str, str]]:
    """(squashed beginning, rest) of a name cut at each of its separators."""
    for match in _SEPARATOR.finditer(name):
        head, rest = squashed(name[: match.start()]), name[match.end() :]
        if head and rest:
            yield head, rest
