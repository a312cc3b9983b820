"""Torch 7's binary files, as far as one tensor goes: a number, its class, sizes, strides and storage.

Nothing but a tensor of numbers is understood, and no size is believed that the file cannot hold.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from train.datasets.labels import BadItem

TORCH_OBJECT = 4
MOST_DIMENSIONS = 8
MOST_BYTES = 64 * 1024**2
_KINDS = {"Float": "<f4", "Double": "<f8", "Long": "<i8", "Int": "<i4", "Short": "<i2", "Byte": "<u1", "Char": "<i1"}


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def take(self, count: int) -> bytes:
        if count < 0 or self.place + count > len(self.data):
            raise BadItem("the .t7 file ends early")
        self.place += count
        return self.data[self.place - count : self.place]

    def int32(self) -> int:
        return struct.unpack("<i", self.take(4))[0]

    def int64s(self, count: int) -> list[int]:
        return list(struct.unpack(f"<{count}q", self.take(8 * count)))

    def text(self) -> str:
        return self.take(self.int32()).decode("latin1")

    def class_name(self) -> str:
        if self.int32() != TORCH_OBJECT:
            raise BadItem("the .t7 file holds no tensor")
        self.int32()  # the object's number; a single tensor refers to nothing twice
        version = self.text()
        return self.text() if version.startswith("V ") else version


def read_t7_tensor(path: Path) -> np.ndarray:
    """The tensor of a .t7 file. Raises BadItem where it is no tensor, or not all there."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadItem("the .t7 file is too large for landmarks")
        reader = _Reader(path.read_bytes())
    except OSError as error:
        raise BadItem(f"the .t7 file cannot be read ({error.strerror})") from error
    kind = reader.class_name()
    if not (kind.startswith("torch.") and kind.endswith("Tensor")):
        raise BadItem(f"the .t7 file holds a {kind}")
    dimensions = reader.int32()
    if not 0 < dimensions <= MOST_DIMENSIONS:
        raise BadItem(f"the .t7 tensor has {dimensions} dimensions")
    sizes, strides = reader.int64s(dimensions), reader.int64s(dimensions)
    offset = reader.int64s(1)[0] - 1  # counted from 1
    storage = reader.class_name()
    code = _KINDS.get(storage.removeprefix("torch.").removesuffix("Storage"))
    if code is None:
        raise BadItem(f"the .t7 storage is a {storage}")
    count = reader.int64s(1)[0]
    item = np.dtype(code).itemsize
    if not 0 <= count <= len(reader.data) // item:
        raise BadItem(f"the .t7 storage declares {count} numbers")
    values = np.frombuffer(reader.take(count * item), code)
    if min(sizes) < 0 or min(strides) < 0 or offset < 0:
        raise BadItem("the .t7 tensor has negative sizes")
    last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    if 0 in sizes or last >= count:
        raise BadItem("the .t7 tensor reaches beyond its storage")
    view = np.lib.stride_tricks.as_strided(values[offset:], sizes, [stride * item for stride in strides])
    return view.astype(np.float64)


def write_t7_tensor(path: Path, array: np.ndarray) -> None:
    """Write a contiguous f64 tensor the way `torch.save` of Torch 7 does (for stand-ins and round trips)."""
    array = np.ascontiguousarray(array, np.float64)
    strides = [side // 8 for side in array.strides]

    def text(value: str) -> bytes:
        return struct.pack("<i", len(value)) + value.encode()

    def head(number: int, kind: str) -> bytes:
        return struct.pack("<ii", TORCH_OBJECT, number) + text("V 1") + text(kind)

    body = head(1, "torch.DoubleTensor") + struct.pack("<i", array.ndim)
    body += struct.pack(f"<{2 * array.ndim + 1}q", *array.shape, *strides, 1)
    body += head(2, "torch.DoubleStorage") + struct.pack("<q", array.size) + array.tobytes()
    path.write_bytes(body)
