"""Reads names however they are spelt: capitals, separators, the place of the side, prefixes, numbers, full width.

`Speller` is the canonicaliser of the name tables: it knows every way to write a table's names, and says which row of
the table a rig's key means, and on which side.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

LEFT, RIGHT, BOTH = "Left", "Right", ""
OTHER_SIDE: Final[Mapping[str, str]] = {LEFT: RIGHT, RIGHT: LEFT, BOTH: BOTH}
SIDE_WORDS: Final[Mapping[str, str]] = {
    "left": LEFT, "l": LEFT, "lft": LEFT, "lf": LEFT, "左": LEFT,
    "right": RIGHT, "r": RIGHT, "rgt": RIGHT, "rt": RIGHT, "右": RIGHT,
}  # fmt: skip

# What a row's name may hold. {side}: one of two halves of a movement that a rig may also have as one key. {way}: a
# movement TO a side (jawLeft), of which no whole exists.
SIDE, WAY = "{side}", "{way}"

# What programs put in front of every key of a mesh. Others are found by their being in front of most keys of a mesh.
_KNOWN_PREFIX = re.compile(
    r"(face|head|arkit|arkit52|bs|blendshapes?\d*|shapes?\d*|morphs?\d*|targets?\d*|keys?|exp|expr|expressions?|fac|facial|"
    r"ctrl|ctrls|mesh|m|f|h|fbm|phm|pbm|pjcm|genesis\d*\w*|cc|lod\d*|au\d+|facs|vrm|vrc|preset)",
    re.IGNORECASE,
)
_NUMBER_AT_END = re.compile(r"\.\d{3}$")
_KNOWN_SUFFIX = re.compile(r"[ ._-]*(shape|blendshape|morph|mesh|bs)$", re.IGNORECASE)
_SEPARATOR = re.compile(r"[\W_]+")
_HUMP = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_A-Za-z]+")
_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")


def words(name: str) -> list[str]:
    """The lower-case words of a name: `L_eyeBlinkLeft2` gives l, eye, blink, left, 2."""
    plain = unicodedata.normalize("NFKC", name)
    return [hump.lower() for part in _SEPARATOR.split(plain) for hump in _HUMP.findall(part)]


def squashed(name: str) -> str:
    """The letters and digits of a name in lower case, full-width ones as plain ones, numbers without leading zeros."""
    return _ZEROS.sub("", _SEPARATOR.sub("", unicodedata.normalize("NFKC", name)).lower())


@dataclass(frozen=True)
class Spelt:
    """What a name means: a row of a table (its first name), a side, and which of the row's alternative names it is."""

    row: str
    side: str
    rank: int = 0


class Speller:
    """Knows every way to write the rows of one table.

    rows: names as `Convention.rows` has them. A spelling that could mean two rows, or two sides, means neither.
    """

    def __init__(self, rows: Iterable[str]) -> None:
        table: dict[str, Spelt] = {}
        doubtful: set[str] = set()
        plain: dict[str, Spelt] = {}
        for row in rows:
            for rank, (name, only) in enumerate(_alternatives(row)):
                for spelling, side, written in _spellings(name, only):
                    meaning = Spelt(row, side, rank)
                    if written:
                        # A name as the table itself writes it is never given up for a variant of another row.
                        plain.setdefault(spelling, meaning)
                    known = table.setdefault(spelling, meaning)
                    if (known.row, known.side) != (row, side):
                        doubtful.add(spelling)
        self._table = {s: meaning for s, meaning in table.items() if s not in doubtful} | plain

    def __contains__(self, spelling: str) -> bool:
        return spelling in self._table

    def read(self, name: str, prefixes: frozenset[str] = frozenset()) -> Spelt | None:
        """What the name means; None where it means no row.

        prefixes: squashed words that may stand in front beside the known ones (see `common_prefixes`).
        """
        found = self._table.get(squashed(name))
        if found:
            return found
        for shorter in without_trimmings(name, prefixes):
            found = self._table.get(squashed(shorter))
            if found:
                return found
        return None


def _alternatives(row: str) -> Iterator[tuple[str, str | None]]:
    """The names of a row, best first, and the side that a name stands for where the sides have names of their own."""
    parts = row.split(" || ")
    if len(parts) == 1:
        yield from ((name, None) for name in row.split(" | "))
        return
    for part, side in zip(parts, (BOTH, LEFT, RIGHT), strict=True):
        yield from ((name, side) for name in part.split(" | "))


def _spellings(name: str, only: str | None) -> Iterator[tuple[str, str, bool]]:
    """(squashed spelling, side, whether the table itself writes it so) of one name of a row.

    only: the side that the name stands for as it is; None where its own words tell.
    """
    if only is not None:
        yield squashed(name), only, True
        return
    if WAY in name:
        before, after = (words(part) for part in name.split(WAY))
        stem = before + after
        for side in (LEFT, RIGHT):
            word = side.lower()
            yield "".join((*before, word, *after)), side, True
            yield "".join((*before, word[0], *after)), side, True
            yield "".join((*stem, word)), side, False
            yield "".join((word, *stem)), side, False
            yield "".join((*stem, word[0])), side, False
        return
    if SIDE in name:
        before, after = (words(part) for part in name.split(SIDE))
        parts, own = before + after, len(before)
    else:
        parts, own = words(name), None
    whole = _ZEROS.sub("", "".join(parts))
    if whole:
        yield whole, BOTH, own is None
    for word, side in SIDE_WORDS.items():
        places = range(len(parts) + 1) if len(word) > 3 else {0, len(parts)} | ({own} if own is not None else set())
        for place in places:
            yield _ZEROS.sub("", "".join((*parts[:place], word, *parts[place:]))), side, place == own


def common_prefixes(
    names: Iterable[str], own_names: Iterable[str] = (), known: Iterable[Speller] = ()
) -> frozenset[str]:
    """Squashed beginnings that stand in front of at least half of the keys (and of three), and the mesh's own names."""
    names, known = list(names), list(known)
    counts: dict[str, int] = {}
    for name in names:
        for head, _ in _cuts(name):
            counts[head] = counts.get(head, 0) + 1
    frequent = {
        head
        for head, n in counts.items()
        if n >= 3 and 2 * n >= len(names) and not any(head in speller for speller in known)
    }
    return frozenset(frequent | {squashed(own) for own in own_names})


def without_trimmings(name: str, prefixes: frozenset[str]) -> Iterator[str]:
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
