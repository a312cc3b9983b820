"""Captures a source for someone who watches: progress, small pictures of what is tracked, an end at any time."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmface_core.errors import UserError
from retarget.worker.protocol import Job

if TYPE_CHECKING:
    from mmface_core.capture.sources import Frame
    from mmface_core.capture.state import FaceState
    from retarget.worker.requests import State

TELL_EVERY = 0.2  # seconds between two words of progress
PICTURE_EVERY = 0.6  # seconds between two pictures; each costs some 20 ms
_MEMORY = 3.0  # seconds over which the speed is averaged for the time that is left


def capture(
    state: "State",
    job: Job,
    source: str,
    take: str,
    face: str | int = "largest",
    pictures: str | None = None,
    seconds: float | None = None,
) -> dict[str, Any]:
    """Capture one face of `source` into the file `take`.

    pictures: a folder for small pictures. seconds: how long a webcam is read; telling the job {"finish": true} ends it
    sooner and keeps what there is. Progress has done, total (0: unknown), left (seconds, or null), seen, picture.
    """
    from mmface_core.capture.sources import FilteredSource, open_source
    from retarget.capturing import face_choice
    from retarget.worker.pictures import Pictures

    which = face_choice(face)
    path = Path(take)
    if not path.parent.is_dir():
        raise UserError(f"The folder {path.parent} does not exist; make it first.")
    opened = FilteredSource(
        open_source(source, sequence=True, seconds=seconds), lambda frames: _until_told(frames, job)
    )
    try:
        engine = state.capture_engine(job)
        shown = Pictures(Path(pictures), _painter(state)) if pictures else None
        watch = _Watch(job, opened.expected or 0, shown)
        captured = engine.capture(opened, which, watch.frame)[0]  # type: ignore[arg-type]
    finally:
        opened.close()
    job.check()
    captured.save(path)
    return {
        "take": str(path),
        "source": captured.source,
        "frames": len(captured),
        "seen": int(captured.present.sum()),
        "fps": float(captured.fps),
        "still": opened.is_still,
        "picture": watch.picture,
    }


def _painter(state: "State") -> Any:
    from mmface_core.capture.overlay import FacePainter

    assert state.engine is not None
    return FacePainter(state.engine.model)


def _until_told(frames: "Iterator[Frame]", job: Job) -> "Iterator[Frame]":
    """The frames until the job is told to finish; Cancelled where it is cancelled."""
    for frame in frames:
        job.check()
        if any(message.get("finish") for message in job.told()):
            return
        yield frame


class _Watch:
    """Tells the person how far a capture is."""

    def __init__(self, job: Job, total: int, pictures: Any) -> None:
        self._job, self._total, self._pictures = job, total, pictures
        self._done = 0
        self._told = self._drawn = 0.0
        self._marks: list[tuple[float, int]] = []
        self.picture: str | None = None

    def frame(self, frame: "Frame", faces: "dict[int, FaceState]") -> None:
        self._job.check()
        self._done += 1
        now = time.monotonic()
        if self._pictures is not None and (now - self._drawn > PICTURE_EVERY or self._done == 1):
            self.picture = self._pictures.write(frame.image, list(faces.values()))
            self._drawn = time.monotonic()
        if now - self._told < TELL_EVERY and self._done != self._total:
            return
        self._told = now
        self._marks = [*(m for m in self._marks if now - m[0] < _MEMORY), (now, self._done)]
        self._job.progress(
            "frames",
            self._done,
            max(self._total, self._done) if self._total else 0,
            left=self._left(),
            seen=bool(faces),
            picture=self.picture,
        )

    def _left(self) -> float | None:
        (then, before), (now, done) = self._marks[0], self._marks[-1]
        if not self._total or done == before:
            return None
        return (self._total - done) * (now - then) / (done - before)
