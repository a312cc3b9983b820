"""Reads the fields of hand-written JSON, and says where a mistake is: `channels[3].targets[0].gain is "high"; ...`."""

import json
import math
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

from mmface_core.errors import UserError


class Checked:
    """An object ({...}) of a JSON file, and its place in it. `what`: the file in a sentence ("The mapping")."""

    def __init__(self, data: Any, place: str, what: str) -> None:
        self.place, self.what = place, what
        if not isinstance(data, dict):
            raise self.wrong("", data, "give an object in braces")
        self._data = data

    def wrong(self, field: str, value: Any, remedy: str) -> UserError:
        """The error for a field (or, with field "", for the object itself)."""
        place = ".".join(part for part in (self.place, field) if part) or "top level"
        shown = json.dumps(value, ensure_ascii=False, default=str)
        return UserError(f"{self.what}: {place} is {shown[:60]}{'...' if len(shown) > 60 else ''}; {remedy}.")

    def only(self, known: Iterable[str]) -> None:
        """Refuse fields of other names: a misspelt field would be one that quietly does nothing."""
        known = list(known)
        for field in self._data:
            if field not in known:
                near = get_close_matches(field, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
                place = f"{self.place} has" if self.place else "it has"
                raise UserError(f'{self.what}: {place} a field "{field}"; {hint}')

    def __contains__(self, field: str) -> bool:
        return self._data.get(field) is not None

    def text(self, field: str, default: str | None = None) -> str:
        """A string that is not empty."""
        value = self._data.get(field, default)
        if not isinstance(value, str) or not value:
            raise self.wrong(field, value, "give a name in quotes")
        return value

    def number(self, field: str, default: float) -> float:
        """A finite number."""
        value = self._data.get(field, default)
        if not _is_number(value):
            raise self.wrong(field, value, "give a number")
        return float(value)

    def flag(self, field: str, default: bool) -> bool:
        """true or false."""
        value = self._data.get(field, default)
        if not isinstance(value, bool):
            raise self.wrong(field, value, "give true or false")
        return value

    def triple(self, field: str, default: tuple[float, float, float]) -> tuple[float, float, float]:
        """Three numbers."""
        value = self._data.get(field)
        if value is None:
            return default
        if not isinstance(value, list | tuple) or len(value) != 3 or not all(_is_number(v) for v in value):
            raise self.wrong(field, value, "give three numbers in brackets")
        return (float(value[0]), float(value[1]), float(value[2]))

    def points(self, field: str) -> tuple[tuple[float, float], ...] | None:
        """A curve: [[0, 0], [1, 1]], at least two points, x rising."""
        value = self._data.get(field)
        if value is None:
            return None
        pairs = isinstance(value, list | tuple) and all(
            isinstance(p, list | tuple) and len(p) == 2 and _is_number(p[0]) and _is_number(p[1]) for p in value
        )
        if not pairs or len(value) < 2 or any(a[0] >= b[0] for a, b in pairwise(value)):
            raise self.wrong(field, value, "give two or more [weight, value] pairs, the weights rising")
        return tuple((float(x), float(y)) for x, y in value)

    def items(self, field: str) -> list["Checked"]:
        """The objects of a list; an absent list is empty."""
        value = self._data.get(field)
        if value is None:
            return []
        if not isinstance(value, list | tuple):
            raise self.wrong(field, value, "give a list in brackets")
        at = f"{self.place}.{field}" if self.place else field
        return [Checked(entry, f"{at}[{number}]", self.what) for number, entry in enumerate(value)]

    def child(self, field: str) -> "Checked | None":
        """An object within this one; None where it is absent or null."""
        value = self._data.get(field)
        return None if value is None else Checked(value, f"{self.place}.{field}" if self.place else field, self.what)

    def raw(self, field: str) -> Any:
        """The value as it stands."""
        return self._data.get(field)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
