"""Face states of a long clip, kept in a temporary file instead of in memory."""

import tempfile
from collections.abc import Iterator, Sequence
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from mmface_core.capture.state import FaceState

IN_MEMORY: Final = 256  # states that wait before they are written


def state_type(state: FaceState) -> np.dtype:
    """The record that holds a state like this one."""
    arrays = ("identity", "expression", "rotation", "translation", "landmarks", "points")
    fields = [(name, np.float32, getattr(state, name).shape) for name in arrays]
    return np.dtype([*fields, ("scale", np.float64), ("confidence", np.float64)])


def to_records(states: Sequence[FaceState], kind: np.dtype | None = None) -> NDArray[np.void]:
    """States (N,) as records, for files that numpy reads without pickle; kind may be left out where N > 0."""
    kind = state_type(states[0]) if kind is None else kind
    records = np.zeros(len(states), kind)
    for i, state in enumerate(states):
        for name in kind.names or ():
            records[name][i] = getattr(state, name)
    return records


def to_state(record: np.void) -> FaceState:
    """The state of a record, exactly as it was."""
    arrays = {name: np.array(record[name]) for name in record.dtype.names or () if name not in ("scale", "confidence")}
    return FaceState(**arrays, scale=float(record["scale"]), confidence=float(record["confidence"]))


class StateShelf:
    """A growing row of states; reading gives them back bit for bit."""

    def __init__(self) -> None:
        self._waiting: list[FaceState] = []
        self._written = 0
        self._kind: np.dtype | None = None
        self._file: IO[bytes] | None = None  # of a film's many short-lived faces, few ever need one

    def __len__(self) -> int:
        return self._written + len(self._waiting)

    def append(self, state: FaceState) -> None:
        self._waiting.append(state)
        if len(self._waiting) >= IN_MEMORY:
            self._spill()

    def chunks(self) -> Iterator[list[FaceState]]:
        """All states in order, at most IN_MEMORY at a time."""
        if self._file is not None and self._kind is not None:
            size = self._kind.itemsize
            for start in range(0, self._written, IN_MEMORY):
                count = min(IN_MEMORY, self._written - start)
                self._file.seek(start * size)
                data = self._file.read(count * size)
                yield [to_state(record) for record in np.frombuffer(data, self._kind)]
        if self._waiting:
            yield list(self._waiting)

    def _spill(self) -> None:
        if self._file is None or self._kind is None:
            self._kind = state_type(self._waiting[0])
            self._file = tempfile.TemporaryFile(prefix="mmface-states-")  # noqa: SIM115  (closed with the shelf)
        self._file.seek(0, 2)
        self._file.write(to_records(self._waiting, self._kind).tobytes())
        self._written += len(self._waiting)
        self._waiting = []
