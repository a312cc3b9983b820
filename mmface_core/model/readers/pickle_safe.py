"""Pickles of arrays, read without letting them run anything.

A pickle is a program. Only the few names that arrays, sparse matrices and Chumpy's arrays need are known here; each is
a harmless stand-in of ours or NumPy's own, and any other name ends the reading.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np

from mmface_core.errors import UserError
from mmface_core.model.readers.source import numbers

MOST_PICKLE_BYTES = 2 * 1024**3


class Held:
    """A stand-in for an object of another package: it keeps what the pickle says of it and does nothing."""

    def __init__(self, *_args: Any) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple):
            state = next((part for part in state if isinstance(part, dict)), {})
        self.state = dict(state) if isinstance(state, dict) else {}


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"text in {encoding}")
    return text.encode("latin1")


def _new_array(_kind: Any, shape: Any, _code: Any) -> np.ndarray:
    # NumPy writes a shape of (0,) here and the real one with the data behind it, whose length it then checks.
    if tuple(shape) != (0,):
        raise pickle.UnpicklingError("an array that is not empty before its data")
    return np.ndarray.__new__(np.ndarray, (0,), np.int8)


def _new_object(kind: Any, _base: Any, _state: Any) -> Held:
    if kind is not Held:
        raise pickle.UnpicklingError("an unknown object")
    return Held()


def _scalar(dtype: np.dtype, data: bytes | str = b"") -> Any:
    raw = data.encode("latin1") if isinstance(data, str) else data
    if dtype.hasobject or len(raw) != dtype.itemsize:
        raise pickle.UnpicklingError("a number of the wrong length")
    return np.frombuffer(raw, dtype)[0]


_ALLOWED: dict[tuple[str, str], Any] = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _new_array for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
    ("copy_reg", "_reconstructor"): _new_object,
    ("copyreg", "_reconstructor"): _new_object,
    ("__builtin__", "object"): object,
    ("builtins", "object"): object,
    ("chumpy.ch", "Ch"): Held,
    ("chumpy", "Ch"): Held,
    **{
        (module, kind): Held
        for kind in ("csc_matrix", "csr_matrix", "coo_matrix")
        for module in ("scipy.sparse", *(f"scipy.sparse.{part}" for part in ("csc", "csr", "coo")))
    },
    **{(f"scipy.sparse._{kind}", f"{kind}_matrix"): Held for kind in ("csc", "csr", "coo")},
}


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to something outside the file")


def read_pickle(path: Path) -> Any:
    """What a pickle of arrays holds. UserError where it asks for anything else, which is refused and never run."""
    size = path.stat().st_size
    if size > MOST_PICKLE_BYTES:
        raise UserError(f"{path} is {size / 1e9:.1f} GB, more than any face model's pickle; it was not opened.")
    return unpickle(path.read_bytes(), str(path))


def _check_memo(data: bytes) -> None:
    """A pickle numbers what it remembers, and the reader makes a table as long as the largest number says."""
    for code, number, _ in pickletools.genops(data):
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(number or 0) > len(data):
            raise pickle.UnpicklingError(f"it remembers something as number {number}")


def unpickle(data: bytes, where: str) -> Any:
    """The same for bytes; `where` names them in messages."""
    try:
        _check_memo(data)
        return _Restricted(io.BytesIO(data), encoding="latin1").load()
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{where} was refused: {error}, which a face model's arrays do not need. Nothing of it was run; get the "
            "file from its publisher again."
        ) from error
    except Exception as error:
        raise UserError(f"{where} is not a pickle that can be read ({type(error).__name__}: {error}).") from error


def as_array(value: Any, where: str, name: str) -> np.ndarray:
    """A plain array out of what `read_pickle` gives: itself, or what a Chumpy array holds. UserError for others."""
    if isinstance(value, Held):
        value = value.state.get("x", value.state.get("_x"))
    return numbers(value, where, name)
