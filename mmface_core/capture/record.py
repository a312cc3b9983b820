"""Collect what the tracker says frame by frame, and make takes of it."""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np

from mmface_core.capture.shelf import StateShelf
from mmface_core.capture.sources import Frame
from mmface_core.capture.state import FaceState
from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.model.face_arrays import AnyFaceModel
from mmface_core.take import Take

# Gives the states of a face, which come in chunks as often as they are asked for, one identity.
Settle = Callable[[Callable[[], Iterator[list[FaceState]]]], Iterator[list[FaceState]]]


class Recorder:
    """The frames of one source and the faces in them, by number. Its memory hardly grows with the clip's length."""

    def __init__(self) -> None:
        self._index, self._time = array("q"), array("d")
        self._size = (0, 0)
        self._rows: defaultdict[int, array[int]] = defaultdict(lambda: array("q"))  # number -> rows
        self._faces: defaultdict[int, StateShelf] = defaultdict(StateShelf)  # number -> states in those rows

    def __len__(self) -> int:
        return len(self._index)

    def add(self, frame: Frame, faces: dict[int, FaceState]) -> None:
        """The faces of the next frame."""
        self.record(frame.index, frame.time, (frame.image.shape[1], frame.image.shape[0]), faces)

    def record(self, index: int, time: float, size: tuple[int, int], faces: dict[int, FaceState]) -> None:
        """The same without the picture; size: its width and height."""
        if not len(self):
            self._size = size
        for number, state in faces.items():
            self._rows[number].append(len(self))
            self._faces[number].append(state)
        self._index.append(index)
        self._time.append(time)

    def takes(self, source: str, fps: float, model: AnyFaceModel, settle: Settle | None, least: int = 1) -> list[Take]:
        """A take for each face that was seen in at least `least` frames, in the order of their numbers.

        settle: gives the states of a face one identity (None: for stills, which need none).
        """
        found = [number for number in sorted(self._faces) if len(self._faces[number]) >= least]
        return [self._take(number, source, fps, model, settle) for number in found]

    def _take(self, number: int, source: str, fps: float, model: AnyFaceModel, settle: Settle | None) -> Take:
        rows, shelf = np.array(self._rows[number], np.int64), self._faces[number]
        count = len(self)
        present = np.zeros(count, bool)
        present[rows] = True
        columns: dict[str, np.ndarray] = {}
        identity = np.zeros(0, np.float32)
        done = 0
        for seen in shelf.chunks() if settle is None else settle(shelf.chunks):
            here = rows[done : done + len(seen)]
            done += len(seen)
            for name in ("expression", "confidence", "landmarks", "rotation", "translation", "scale"):
                values = np.stack([np.asarray(getattr(state, name), np.float32) for state in seen])
                if name not in columns:
                    columns[name] = np.zeros((count, *values.shape[1:]), np.float32)
                columns[name][here] = values
            identity = np.asarray(seen[0].identity, np.float32)
        columns["rotation"][~present] = np.eye(3, dtype=np.float32)
        # Another model's units of the same name are other movements: a take of theirs has no weights yet.
        named = bool(model.expression_names) and set(model.expression_names) <= set(ARKIT_NAMES)
        weights = columns["expression"].copy() if named else np.zeros((count, 0), np.float32)
        return Take(
            source=source,
            fps=fps,
            image_size=np.array(self._size, np.int32),
            frame=np.array(self._index, np.int32),
            time=np.array(self._time, np.float64),
            present=present,
            identity=identity,
            weight_names=np.array(model.expression_names if named else [], dtype=np.str_),
            weights=weights,
            **columns,  # type: ignore[arg-type]
        )
