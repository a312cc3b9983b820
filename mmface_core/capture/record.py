"""Collect what the tracker says frame by frame, and make takes of it."""

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from mmface_core.capture.sources import Frame
from mmface_core.capture.state import FaceState
from mmface_core.model.face_model import FaceModel
from mmface_core.take import Take

Settle = Callable[[Sequence[FaceState]], list[FaceState]]


class Recorder:
    """The frames of one source and the faces in them, by number."""

    def __init__(self) -> None:
        self._frames: list[tuple[int, float]] = []
        self._size = (0, 0)
        self._faces: defaultdict[int, dict[int, FaceState]] = defaultdict(dict)  # number -> row -> state

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, frame: Frame, faces: dict[int, FaceState]) -> None:
        if not self._frames:
            self._size = (frame.image.shape[1], frame.image.shape[0])
        for number, state in faces.items():
            self._faces[number][len(self._frames)] = state
        self._frames.append((frame.index, frame.time))

    def takes(self, source: str, fps: float, model: FaceModel, settle: Settle | None, least: int = 1) -> list[Take]:
        """A take for each face that was seen in at least `least` frames, in the order of their numbers.

        settle: gives the states of a face one identity (None: for stills, which need none).
        """
        found = [self._faces[number] for number in sorted(self._faces) if len(self._faces[number]) >= least]
        return [self._take(states, source, fps, model, settle) for states in found]

    def _take(
        self, states: dict[int, FaceState], source: str, fps: float, model: FaceModel, settle: Settle | None
    ) -> Take:
        rows = np.array(list(states))
        seen = list(states.values()) if settle is None else settle(list(states.values()))
        count = len(self._frames)

        def spread(values: Sequence[np.ndarray | float], empty: np.ndarray | float = 0.0) -> np.ndarray:
            first = np.asarray(values[0], np.float32)
            column = np.broadcast_to(np.asarray(empty, np.float32), (count, *first.shape)).copy()
            column[rows] = np.stack([np.asarray(value, np.float32) for value in values])
            return column

        expression = spread([s.expression for s in seen])
        named = bool(model.expression_names)
        present = np.zeros(count, bool)
        present[rows] = True
        return Take(
            source=source,
            fps=fps,
            image_size=np.array(self._size, np.int32),
            frame=np.array([index for index, _ in self._frames], np.int32),
            time=np.array([time for _, time in self._frames], np.float64),
            present=present,
            confidence=spread([s.confidence for s in seen]),
            landmarks=spread([s.landmarks for s in seen]),
            rotation=spread([s.rotation for s in seen], np.eye(3)),
            translation=spread([s.translation for s in seen]),
            scale=spread([s.scale for s in seen]),
            identity=np.asarray(seen[0].identity, np.float32),
            expression=expression,
            weight_names=np.array(model.expression_names if named else [], dtype=np.str_),
            weights=expression.copy() if named else np.zeros((count, 0), np.float32),
        )
