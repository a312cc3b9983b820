"""What a name table is: which key of a convention follows which ARKit units, and how strongly."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from mmface_core.model.arkit import ARKIT_INDEX
from retarget.mapping.spelling import BOTH, LEFT, OTHER_SIDE, RIGHT, SIDE, WAY, Speller

# From fine to coarse: single movements of the face, mouth shapes of speech, and whole faces.
KINDS: Final = ("units", "visemes", "emotions")
Kind = Literal["units", "visemes", "emotions"]


@dataclass(frozen=True)
class Convention:
    """One naming convention as data.

    rows: a key's name -> {ARKit unit: weight}. The key's value is the sum of weight times unit, so weights may be
    negative ("A" opens with the jaw, but less while the lips are rounded). Names are spelt as their makers do; other
    capitals, separators and places of the side are read too (`spelling.Speller`). In a name, " | " parts alternatives,
    of which the first that the rig has is used; "{side}" stands for the convention's own word for left and right, and
    in a unit for Left and Right; a rig that has the two sides in one key gets their mean. "{way}" marks a movement to
    a side, which has no whole; "{other}" in a unit is the opposite side. Where the sides have names of their own, the
    row reads "WHOLE || LEFT || RIGHT".

    least: how many rows a rig must have before its keys are read in this convention: short names such as "A" mean
    little by themselves.
    """

    name: str
    title: str
    kind: Kind
    rows: Mapping[str, Mapping[str, float]]
    least: int = 3

    @cached_property
    def speller(self) -> Speller:
        """Reads a rig's names as rows of this table."""
        return Speller(self.rows)

    def drives(self, row: str, side: str) -> dict[str, float]:
        """Weights of ARKit units in one half (LEFT, RIGHT) of a row, or in all of it (BOTH): the mean of the halves."""
        units = self.rows[row]
        if SIDE not in "".join(units) and WAY not in "".join(units):
            return dict(units)
        if side != BOTH:
            return {_unit(name, side): weight for name, weight in units.items()}
        sums: dict[str, float] = {}
        for half in (LEFT, RIGHT):
            for name, weight in units.items():
                unit = _unit(name, half)
                sums[unit] = sums.get(unit, 0.0) + 0.5 * weight
        return sums

    def check(self) -> list[str]:
        """What is wrong with the table; nothing, as a test holds."""
        return [
            f"{self.name}: {row} drives {unit}, which is no ARKit unit"
            for row in self.rows
            for side in (LEFT, RIGHT, BOTH)
            for unit in self.drives(row, side)
            if unit not in ARKIT_INDEX
        ]


def _unit(name: str, side: str) -> str:
    return name.replace(SIDE, side).replace(WAY, side).replace("{other}", OTHER_SIDE[side])
