"""MATLAB files: the declared sizes are looked at before anything is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmface_core.errors import UserError
from mmface_core.model.readers.source import check_size, numbers


def mat_variables(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a file's variables, of which none has been read. UserError where it is no MATLAB file."""
    from scipy.io import whosmat

    if not path.is_file():
        raise UserError(f"There is no file {path}.")
    try:
        return {name: tuple(shape) for name, shape, _ in whosmat(path)}
    except NotImplementedError as error:
        raise UserError(
            f"{path} is a MATLAB 7.3 file; save it in MATLAB with -v7 (save NAME -v7) and try again."
        ) from error
    except Exception as error:
        raise UserError(f"{path} is not a MATLAB file that can be read ({error}).") from error


def read_mat(path: Path, needed: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """The needed variables and those of the optional ones that are there. UserError says which are missing."""
    from scipy.io import loadmat

    shapes = mat_variables(path)
    missing = [name for name in needed if name not in shapes]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}; it holds {', '.join(sorted(shapes)) or 'nothing'}.")
    wanted = [name for name in (*needed, *optional) if name in shapes]
    for name in wanted:
        check_size(path, name, *shapes[name], item_bytes=8)
    try:
        values = loadmat(path, variable_names=wanted)
    except Exception as error:
        raise UserError(f"{path} cannot be read to its end ({error}); copy it again.") from error
    return {name: _checked(values[name], path, name) for name in wanted}


def _checked(value: Any, path: Path, name: str) -> Any:
    """A struct as it is, and anything else if it is a table of numbers."""
    return value if getattr(getattr(value, "dtype", None), "names", None) else numbers(value, path, name, 2)


def struct_fields(
    value: Any, path: Path, needed: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, np.ndarray]:
    """Fields of a 1x1 MATLAB struct as `loadmat` gives it. UserError where needed ones are missing or no tables."""
    names = getattr(getattr(value, "dtype", None), "names", None) or ()
    missing = [name for name in needed if name not in names]
    if missing:
        raise UserError(f"{path}: its struct lacks {', '.join(missing)}; it has {', '.join(names) or 'no fields'}.")
    if value.size != 1:
        raise UserError(f"{path} holds {value.size} structs, where one is expected.")
    first = value.reshape(-1)[0]
    return {name: numbers(first[name], path, name, 2) for name in names if name in needed or name in optional}
