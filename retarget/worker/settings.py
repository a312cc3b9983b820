"""Settings as plain data: what the engine can be told, and the dataclass built from what it was told.

The client names a setting by the dataclass's field; nested dataclasses are nested objects. It need not know all of
them: what it leaves out keeps its default.
"""

import math
import reprlib
import types
import typing
from collections.abc import Mapping
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
        if inner and isinstance(value, dict):
            values[name] = build(inner, value, f"{place}.{name}")
        elif fits(value, hints[name]):
            values[name] = tuple(value) if isinstance(value, list) else value
        else:
            raise UserError(f"The {place} are wrong: {name} cannot be {reprlib.repr(value)}.")
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise UserError(f"The {place} are wrong: {error}.") from error


def fits(value: Any, hint: Any) -> bool:
    """Whether plain data is of the kind that a type hint names: lists for tuples, objects for mappings."""
    origin, parts = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, part) for part in parts)
    if origin is typing.Literal:
        return value in parts
    if origin is tuple:
        items = [parts[0]] * len(value) if isinstance(value, list) and parts[1:] == (...,) else [*parts]
        return isinstance(value, list) and len(items) == len(value) and all(map(fits, value, items))
    if origin in (dict, Mapping):
        return isinstance(value, dict) and (not parts or all(fits(item, parts[1]) for item in value.values()))
    if origin is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if origin is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return (
        origin is Any
        or (value is None and origin is type(None))
        or (isinstance(origin, type) and isinstance(value, origin))
    )


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
