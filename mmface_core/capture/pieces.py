"""Capture a long clip in overlapping pieces, anywhere and in any order, and join them to exactly the serial capture.

Serial capture is a chain: a frame's crop comes from the state before. But the chain's memory is short (`track.py`): a
tracker that starts anywhere cuts the same crops as the serial one after a few frames of the same face, and at once
after a cut or where no face is seen. So each piece starts `WARM` frames early, and notes after every frame a mark of
its tracker's memory. Joining goes from piece to piece with the true memory: where the marks agree, the rest of the
piece is what the serial tracker would have done, and is taken over; as long as they do not, the join itself tracks on.
In the worst case that is the whole piece, never another result.

Seeking in a file may land on another frame, or show it half decoded. So the overlap's frames are compared too, by time
stamp and checksum; a piece that does not agree is tracked again, from a file read from its beginning.
"""

import hashlib
import zlib
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mmface_core.archive import BROKEN, read_arrays, write_arrays
from mmface_core.capture.engine import CaptureEngine, Which
from mmface_core.capture.record import Recorder
from mmface_core.capture.shelf import to_records, to_state
from mmface_core.capture.sources import Ahead, Frame, Source
from mmface_core.capture.state import FaceState
from mmface_core.capture.track import Track, TrackerMemory
from mmface_core.errors import UserError
from mmface_core.whole_file import replacing

WARM: Final = 30  # frames that a piece starts early; trackers of one face agree after 2 to 18 (docs/batch.md)
LENGTH: Final = 1500  # frames of a piece: a minute of video, so that the warm-up costs 2 %

OpenAt = Callable[[int, bool], Source]  # the source from a frame on; True: exactly, by decoding all before
OnFrame = Callable[[Frame, dict[int, FaceState]], None]


@dataclass(frozen=True)
class Piece:
    """Frames start .. stop - 1 of a clip (stop None: to its end); tracking begins `warm` frames earlier."""

    number: int
    start: int
    stop: int | None
    warm: int = WARM

    @property
    def first(self) -> int:
        """Index of the first frame that is tracked."""
        return max(0, self.start - self.warm)


def plan_pieces(expected: int | None, length: int = LENGTH, warm: int = WARM) -> list[Piece]:
    """The pieces of a clip of about `expected` frames. The last one is open: containers may claim a wrong number."""
    count = max(1, (expected or 0) // length)
    return [Piece(i, i * length, (i + 1) * length if i + 1 < count else None, warm) for i in range(count)]


@dataclass
class CapturedPiece:
    """What tracking one piece gave, in arrays that numpy writes without pickle.

    index, time, checksum, count, mark (n,): each frame's number in the clip, seconds, CRC of its pixels, numbers given
    away so far and a hash of the tracker's memory after it (n, 16). known, known_end: the numbers of the tracks in that
    memory, those of frame i being known[known_end[i-1]:known_end[i]]. face_row, face_number, face_state (m,): the faces
    seen. last_*: the tracker's memory at the end; track_lost, track_number, track_seen, track_velocity, track_state.
    """

    start: NDArray[np.int64]
    stop: NDArray[np.int64]  # -1: to the end
    size: NDArray[np.int64]  # width, height
    index: NDArray[np.int64]
    time: NDArray[np.float64]
    checksum: NDArray[np.uint32]
    count: NDArray[np.int64]
    mark: NDArray[np.uint8]
    known: NDArray[np.int64]
    known_end: NDArray[np.int64]
    face_row: NDArray[np.int64]
    face_number: NDArray[np.int64]
    face_state: NDArray[np.void]
    last_colours: NDArray[np.float32]
    last_grey: NDArray[np.float32]
    track_lost: NDArray[np.bool_]
    track_number: NDArray[np.int64]
    track_seen: NDArray[np.int64]
    track_velocity: NDArray[np.float64]
    track_state: NDArray[np.void]

    def save(self, path: Path) -> None:
        """Write the piece, whole or not at all."""
        with replacing(path) as file:
            write_arrays(file, {field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path) -> "CapturedPiece":
        """Read a piece. Raises UserError where the file is broken."""
        try:
            arrays = read_arrays(path)
            return cls(**{field.name: arrays[field.name] for field in fields(cls)})
        except BROKEN as error:
            raise UserError(f"{path} is no piece of a capture ({error}); remove it, and it is made again.") from error

    @property
    def ended(self) -> bool:
        """Whether the clip ended within this piece."""
        last = int(self.index[-1]) + 1 if len(self.index) else -1
        return int(self.stop) < 0 or last < int(self.stop)

    def faces(self) -> list[dict[int, FaceState]]:
        """The faces of each frame by the piece's own numbers."""
        rows: list[dict[int, FaceState]] = [{} for _ in self.index]
        for row, number, state in zip(self.face_row, self.face_number, self.face_state, strict=True):
            rows[row][int(number)] = to_state(state)
        return rows

    def memory(self) -> TrackerMemory:
        """The tracker's memory after the last frame."""
        entries = zip(
            self.track_lost, self.track_number, self.track_state, self.track_seen, self.track_velocity, strict=True
        )
        tracks = [(bool(lost), Track(int(n), to_state(s), int(seen), v.copy())) for lost, n, s, seen, v in entries]
        return TrackerMemory(
            index=int(self.index[-1]),
            active=[track for lost, track in tracks if not lost],
            lost=[track for lost, track in tracks if lost],
            count=int(self.count[-1]),
            last=(self.last_colours, self.last_grey),
        )


def mark_of(memory: TrackerMemory, which: Which) -> bytes:
    """16 bytes that two memories share if, and only if, all that follows is the same but for the faces' numbers."""
    digest = hashlib.blake2b(digest_size=16)
    tracks = _tracks(memory, which)
    order = np.argsort([track.number for track in tracks])  # only the numbers' order matters to the tracker
    digest.update(np.array([len(memory.active), *order], np.int64).tobytes())
    for track in tracks:
        state = track.state
        for part in (state.translation, state.rotation, state.landmarks, state.expression, track.velocity):
            digest.update(np.ascontiguousarray(part).tobytes())
        digest.update(np.array([state.scale, state.confidence, memory.index - track.seen], np.float64).tobytes())
    return digest.digest()


def _tracks(memory: TrackerMemory, which: Which) -> list[Track]:
    """What the tracker goes on from; one that follows a single face never asks for those that it lost."""
    return memory.active if which == "largest" else memory.active + memory.lost


def checksum_of(frame: Frame) -> int:
    """CRC of a frame's pixels."""
    return zlib.crc32(np.ascontiguousarray(frame.image).data)


def capture_piece(
    engine: CaptureEngine, source: Source, piece: Piece, which: Which = "largest", on_frame: OnFrame | None = None
) -> CapturedPiece:
    """Track one piece; source: opened at `piece.first`."""
    tracker = engine.tracker(which, piece.first)
    index: list[int] = []
    time, sums, count, marks = [], [], [], []
    known: list[int] = []
    known_end, rows, numbers = [], [], []
    states: list[FaceState] = []
    size = (0, 0)
    memory = tracker.memory
    with Ahead(source) as frames:
        for frame in frames:
            if piece.stop is not None and frame.index >= piece.stop:
                break
            faces = tracker.step(frame.image)
            memory = tracker.memory
            size = (frame.image.shape[1], frame.image.shape[0])
            for number, state in faces.items():
                rows.append(len(index))
                numbers.append(number)
                states.append(state)
            index.append(frame.index)
            time.append(frame.time)
            sums.append(checksum_of(frame))
            count.append(memory.count)
            marks.append(np.frombuffer(mark_of(memory, which), np.uint8))
            known += [track.number for track in _tracks(memory, which)]
            known_end.append(len(known))
            if on_frame is not None:
                on_frame(frame, faces)
    tracks = memory.active + memory.lost
    blank = engine.blank_state
    empty = np.zeros(0, np.float32)
    return CapturedPiece(
        start=np.array(piece.start),
        stop=np.array(-1 if piece.stop is None else piece.stop),
        size=np.array(size, np.int64),
        index=np.array(index, np.int64),
        time=np.array(time, np.float64),
        checksum=np.array(sums, np.uint32),
        count=np.array(count, np.int64),
        mark=np.array(marks, np.uint8).reshape(-1, 16),
        known=np.array(known, np.int64),
        known_end=np.array(known_end, np.int64),
        face_row=np.array(rows, np.int64),
        face_number=np.array(numbers, np.int64),
        face_state=_records(states, blank),
        last_colours=empty if memory.last is None else memory.last[0],
        last_grey=empty if memory.last is None else memory.last[1],
        track_lost=np.array([False] * len(memory.active) + [True] * len(memory.lost), bool),
        track_number=np.array([track.number for track in tracks], np.int64),
        track_seen=np.array([track.seen for track in tracks], np.int64),
        track_velocity=np.array([track.velocity for track in tracks], np.float64).reshape(-1, 2),
        track_state=_records([track.state for track in tracks], blank),
    )


def _records(states: list[FaceState], blank: FaceState) -> NDArray[np.void]:
    return to_records(states) if states else to_records([blank])[:0]


@dataclass
class Joined:
    """The whole capture, and how many frames the join had to track itself."""

    recorder: Recorder
    mended: int = 0


def join_pieces(
    engine: CaptureEngine,
    pieces: Iterable[CapturedPiece],
    open_at: OpenAt,
    which: Which = "largest",
    on_mend: Callable[[int], None] | None = None,
) -> Joined:
    """The serial capture of a clip from its pieces in order. on_mend is told of each frame tracked by the join."""
    join = _Join(engine, open_at, which, on_mend)
    for piece in pieces:
        if join.add(piece):
            break
    return Joined(join.recorder, join.mended)


class _Join:
    """The state of a join between two pieces: the true memory, and the last frames by which files are compared."""

    def __init__(
        self, engine: CaptureEngine, open_at: OpenAt, which: Which, on_mend: Callable[[int], None] | None
    ) -> None:
        self.recorder = Recorder()
        self.mended = 0
        self._engine, self._open_at, self._which, self._on_mend = engine, open_at, which, on_mend
        self._memory: TrackerMemory | None = None
        self._tail: dict[int, tuple[float, int]] = {}  # index -> time, checksum

    def add(self, piece: CapturedPiece) -> bool:
        """Join one piece; whether the clip ended in it. A piece that shows other frames is not asked about that."""
        if self._memory is None:
            self._take_over(piece, 0, lambda number: number, piece.memory() if len(piece.index) else None)
            return piece.ended
        row = int(piece.start) - 1 - int(piece.index[0]) if len(piece.index) else -1
        agrees = self._same_frames(piece)
        if not agrees or mark_of(self._memory, self._which) != piece.mark[row].tobytes():
            agreed, ended = self._mend(piece, agrees)
            if agreed is None:
                return ended
            row = agreed
        self._continue(piece, row)
        return piece.ended

    def _same_frames(self, piece: CapturedPiece) -> bool:
        """Whether the piece's warm-up shows the frames that the clip has there."""
        seen = zip(piece.index, piece.time, piece.checksum, strict=True)
        warm = [(int(i), float(t), int(c)) for i, t, c in seen if i < piece.start]
        return bool(warm) and warm[-1][0] == piece.start - 1 and all(self._tail.get(i) == (t, c) for i, t, c in warm)

    def _mend(self, piece: CapturedPiece, agrees: bool) -> tuple[int | None, bool]:
        """Track on from the true memory; the piece's row after which it may be taken over, or None and whether the clip
        ended before the piece does."""
        assert self._memory is not None
        tracker = self._engine.tracker(self._which, int(piece.start))
        tracker.memory = self._memory
        stop = int(piece.stop)
        with closing(self._frames_from(int(piece.start))) as frames:
            for frame in frames:
                if 0 <= stop <= frame.index:
                    return None, False
                faces = tracker.step(frame.image)
                self.recorder.add(frame, faces)
                self._remember(frame.index, frame.time, checksum_of(frame))
                self._memory = tracker.memory
                self.mended += 1
                if self._on_mend is not None:
                    self._on_mend(frame.index)
                row = frame.index - int(piece.index[0]) if len(piece.index) else -1
                if (
                    agrees
                    and row < len(piece.index)
                    and mark_of(self._memory, self._which) == piece.mark[row].tobytes()
                ):
                    return row, False
        return None, True

    def _frames_from(self, start: int) -> Generator[Frame, None, None]:
        """The clip's frames from `start` on: by seeking where that lands on the frames we know, else by reading all."""
        known = dict(self._tail)
        with Ahead(self._open_at(min(known), False)) as frames:
            for frame in frames:
                if not known:
                    yield frame
                elif known.pop(frame.index, None) != (frame.time, checksum_of(frame)):
                    break
            else:
                if not known:  # else the seeking ended before the frames that we know: it missed
                    return
        with Ahead(self._open_at(start, True)) as frames:
            yield from frames

    def _continue(self, piece: CapturedPiece, row: int) -> None:
        """Take over the piece's rows after `row`, where its tracker and the true one know the same."""
        memory = self._memory
        assert memory is not None
        if self._which == "largest":
            self._take_over(piece, row + 1, lambda number: number, replace(piece.memory(), count=memory.count))
            return
        begin = int(piece.known_end[row - 1]) if row else 0
        theirs = piece.known[begin : int(piece.known_end[row])]
        same = {int(a): t.number for a, t in zip(theirs, _tracks(memory, self._which), strict=True)}
        shift = memory.count - int(piece.count[row])

        def number(theirs: int) -> int:
            return same.get(theirs, theirs + shift)

        known = piece.memory()
        for track in known.active + known.lost:
            track.number = number(track.number)
        self._take_over(piece, row + 1, number, replace(known, count=known.count + shift))

    def _take_over(
        self, piece: CapturedPiece, row: int, number: Callable[[int], int], memory: TrackerMemory | None
    ) -> None:
        faces = piece.faces()
        size = (int(piece.size[0]), int(piece.size[1]))
        for i in range(row, len(piece.index)):
            index, time = int(piece.index[i]), float(piece.time[i])
            # The tracker's order: by number of the track, as it lists them.
            self.recorder.record(index, time, size, {number(n): state for n, state in faces[i].items()})
            self._remember(index, time, int(piece.checksum[i]))
        self._memory = memory

    def _remember(self, index: int, time: float, checksum: int) -> None:
        self._tail[index] = (time, checksum)
        self._tail.pop(index - WARM, None)
