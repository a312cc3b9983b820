"""Read the faces of coming frames before the tracker asks for them, several at a time, on all cores.

Where a face will be in the next few frames is nearly known: the tracker guesses the crops, they are read together, and
when it then goes through the frames one by one it finds most answers ready. An answer counts only where the guessed
crop lies close to the one that the tracker would have cut; otherwise the frame is read anew, so that a wrong guess
costs time and nothing else.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mmface_core.capture.crop import Crop
from mmface_core.capture.state import FaceState
from mmface_core.conventions import CROP_CENTRE

Image = NDArray[np.uint8]

# How far a guessed crop may be off: its centre in parts of its side, its size as a factor, its turn in radians. The
# network is trained on crops that stray more than this.
NEAR_CENTRE: Final = 0.05
NEAR_SIZE: Final = 1.08
NEAR_ROLL: Final = 0.09


class ReadsPairs(Protocol):
    """The reconstruction, for crops of different pictures at once."""

    def read(self, pairs: Sequence[tuple[Image, Crop]]) -> list[FaceState]: ...


class _Ready(NamedTuple):
    image: Image
    crop: Crop
    state: FaceState


class ReadAhead:
    """Reads for a tracker (`track.ReadsFaces`), with `workers` threads; a context manager that ends them."""

    def __init__(self, reader: ReadsPairs, workers: int = 1) -> None:
        self._reader = reader
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="reader") if workers > 1 else None
        self._ready: list[_Ready] = []
        self.missed = 0  # crops asked for of pictures that were prepared, for which no answer was ready

    def prepare(self, pairs: Sequence[tuple[Image, Crop]]) -> None:
        """Read the crops of coming pictures; what was prepared before is forgotten."""
        self._ready = []
        states = self._read(pairs)
        self._ready = [_Ready(*pair, state) for pair, state in zip(pairs, states, strict=True)]

    def faces(self, image: Image, crops: Sequence[Crop]) -> list[FaceState]:
        """The faces of one picture, those that are ready at once."""
        ready = [answer for answer in self._ready if answer.image is image]
        found = [next((r.state for r in ready if _near(r.crop, crop)), None) for crop in crops]
        missing = [(image, crop) for crop, state in zip(crops, found, strict=True) if state is None]
        if ready:
            self.missed += len(missing)
        fresh = iter(self._read(missing))
        return [next(fresh) if state is None else state for state in found]

    def _read(self, pairs: Sequence[tuple[Image, Crop]]) -> list[FaceState]:
        if self._pool is None or len(pairs) < 2:
            return self._reader.read(pairs)
        shares = np.array_split(np.arange(len(pairs)), min(self._workers, len(pairs)))
        parts = [[pairs[i] for i in share] for share in shares]
        return [state for part in self._pool.map(self._reader.read, parts) for state in part]

    def __enter__(self) -> "ReadAhead":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ready = []
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _near(guess: Crop, wanted: Crop) -> bool:
    middle = np.full(2, CROP_CENTRE)
    apart = float(np.linalg.norm(guess.points_to_picture(middle) - wanted.points_to_picture(middle))) / wanted.side
    turned = (guess.roll - wanted.roll + np.pi) % (2 * np.pi) - np.pi
    larger = max(guess.zoom / wanted.zoom, wanted.zoom / guess.zoom)
    return apart < NEAR_CENTRE and larger < NEAR_SIZE and abs(turned) < NEAR_ROLL
