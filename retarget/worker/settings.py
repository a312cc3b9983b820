"""Settings as plain data: what the engine can be told, and the dataclass built from what it was told.

The client names a setting by the dataclass's field; nested dataclasses are nested objects. It need not know all of
them: what it leaves out keeps its default.
"""

import types
import typing
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar

from mmface_core.errors import UserError

T = TypeVar("T")


def build(kind: type[T], data: dict[str, Any] | None, place: str = "settings") -> T:
    """The dataclass `kind` with the fields named in `data`. Raises UserError that names what does not fit."""
    hints = typing.get_type_hints(kind)
    values = {}
    for name, value in (data or {}).items():
        if name not in hints:
            raise UserError(f"This engine knows no {place}.{name}; update the engine or the add-on.")
        inner = _dataclass_in(hints[name])
        values[name] = build(inner, value, f"{place}.{name}") if inner and isinstance(value, dict) else value
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise UserError(f"The {place} are wrong: {error}.") from error


def describe(kind: type) -> dict[str, Any]:
    """Names and defaults of a dataclass's fields, nested ones as objects; None where a default is not plain."""
    hints = typing.get_type_hints(kind)
    described: dict[str, Any] = {}
    for entry in fields(kind):
        inner = _dataclass_in(hints[entry.name])
        if inner:
            described[entry.name] = describe(inner)
        else:
            value = entry.default if entry.default is not MISSING else None
            described[entry.name] = value if isinstance(value, bool | int | float | str) else None
    return described


def _dataclass_in(hint: Any) -> Any:
    """The dataclass that a hint names, alone or as `X | None`; None without one."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        found = [_dataclass_in(part) for part in typing.get_args(hint)]
        return next((kind for kind in found if kind), None)
    return hint if isinstance(hint, type) and is_dataclass(hint) else None
