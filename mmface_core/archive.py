"""Read .npz and .json files of strangers: no code in them runs, and what they declare is checked before it is believed.

A few kilobytes of zip can promise terabytes. So the sizes that an archive declares are compared with a limit, with one
another, and with what is there, before anything is allocated.
"""

import json
import math
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from mmface_core.errors import UserError

MOST_ENTRIES: Final = 256
MOST_BYTES: Final = 2 << 30  # of all arrays together: a take of fourteen hours
MOST_JSON: Final = 256 << 20
LONGEST_HEADER: Final = 10_000  # bytes of an array's header

# All that numpy, zipfile and zlib raise at broken or hostile files.
BROKEN: Final = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    IndexError,
    OverflowError,
    MemoryError,
    RecursionError,
    RuntimeError,  # an encrypted entry
    NotImplementedError,  # a compression that zipfile does not know
    SyntaxError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def read_arrays(path: Path, limit: int = MOST_BYTES) -> dict[str, np.ndarray]:
    """The arrays of an .npz by name, never a pickled object.

    Raises ValueError, with the reason, or another of `BROKEN` where the file is none, or declares more than `limit`
    bytes or other sizes than it holds.
    """
    arrays: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) > MOST_ENTRIES:
            raise ValueError(f"it holds {len(entries)} entries")
        total = sum(entry.file_size for entry in entries)
        if total > limit:
            raise ValueError(f"it declares {total / 2**30:.1f} GiB")
        for entry in entries:
            if not entry.filename.endswith(".npy"):
                raise ValueError(f"it holds {entry.filename!r}, which is no array")
            with archive.open(entry) as stream:
                arrays[entry.filename.removesuffix(".npy")] = _read_array(stream, entry.file_size)
    return arrays


def write_arrays(file: IO[bytes], arrays: dict[str, np.ndarray]) -> None:
    """Write a compressed .npz, as numpy does; where the disk fills up, OSError is all that happens."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asanyarray(array), allow_pickle=False)


def _read_array(stream: IO[bytes], size: int) -> np.ndarray:
    """One .npy of `size` bytes, the declared shape being what is there."""
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an array has the version {version}")
    width, form = (2, "<H") if version == (1, 0) else (4, "<I")
    length = struct.unpack(form, stream.read(width))[0]
    if length > LONGEST_HEADER:
        raise ValueError("an array's header is too long")
    header = stream.read(length)
    shape, fortran, kind = _parsed(header, version)
    if kind.hasobject:
        raise ValueError("it holds Python objects, which are not loaded")
    expected = math.prod(shape) * kind.itemsize
    left = size - 6 - 2 - width - length
    if any(side < 0 for side in shape) or expected != left:
        raise ValueError(f"an array declares {expected} bytes and holds {left}")
    data = stream.read(expected)
    if len(data) != expected:
        raise ValueError("it is cut short")
    return np.frombuffer(bytearray(data), kind).reshape(shape, order="F" if fortran else "C")


def _parsed(header: bytes, version: tuple[int, int]) -> tuple[tuple[int, ...], bool, np.dtype]:
    import ast

    described = ast.literal_eval(header.decode("latin1").strip())  # literals only: nothing is run
    if not isinstance(described, dict) or set(described) != {"descr", "fortran_order", "shape"}:
        raise ValueError("an array's header is not one of numpy's")
    shape = described["shape"]
    if not isinstance(shape, tuple) or not all(type(side) is int for side in shape) or len(shape) > 32:
        raise ValueError("an array has no proper shape")
    return shape, bool(described["fortran_order"]), np.lib.format.descr_to_dtype(described["descr"])


def read_json(path: Path, what: str) -> dict[str, Any]:
    """The object that a .json file holds. Raises UserError where there is none; `what` it should be: "a motion"."""
    try:
        if path.stat().st_size > MOST_JSON:
            raise UserError(f"{path} is larger than {MOST_JSON >> 20} MB; that is not {what}.")
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or "it is not JSON"
        raise UserError(f"{path} is not {what} that can be read ({reason}).") from error
    if not isinstance(data, dict):
        raise UserError(f"{path} is not {what}.")
    return data
