"""Follow faces through a clip, each under its own number.

A face's last state says where the next frame's crop is; the detector is asked only where there is no face yet, where
the confidence fell, and now and then while more faces are wanted. A cut in the film starts anew.

What a tracker does next depends on `Tracker.memory` alone, and that is short: crops lie on a grid, so two
trackers of one face cut the very same crop a few frames after they started, wherever they started, and agree from
then on. `capture/pieces.py` builds on it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mmface_core.capture.blazeface import Detection, overlap
from mmface_core.capture.crop import Crop
from mmface_core.capture.keypoints import first_crop
from mmface_core.capture.state import FaceState
from mmface_core.conventions import CROP_CENTRE, CROP_MM


class FindsFaces(Protocol):
    """What the tracker needs of a detector."""

    def detect_whole(self, image: NDArray[np.uint8]) -> list[Detection]: ...

    def detect_tiles(self, image: NDArray[np.uint8]) -> list[Detection]: ...

    def detect(
        self, image: NDArray[np.uint8], search_tiles: bool = True, search_turned: bool = False
    ) -> list[Detection]: ...


class ReadsFaces(Protocol):
    """What the tracker needs of the reconstruction: a state in picture pixels for each crop."""

    def faces(self, image: NDArray[np.uint8], crops: Sequence[Crop]) -> list[FaceState]: ...


class ReadsAhead(ReadsFaces, Protocol):
    """A reader that can be told which crops of coming frames will be asked for (see `read_ahead.ReadAhead`)."""

    missed: int

    def prepare(self, pairs: Sequence[tuple[NDArray[np.uint8], Crop]]) -> None: ...


@dataclass(frozen=True)
class TrackConfig:
    """When a face counts, and how often the detector looks.

    start: confidence from which a new face is believed, whose detection is no surer than `sure`; beyond that, each bit
    of the detector's score makes up for `worth` times as much confidence, so that a face behind a hand or sunglasses
    counts. keep: below it, a face that was followed is lost, unless the detector finds it again.
    looks: how often the network looks at a new face, each time at the crop that its own last answer asks for.
    search_every: frames between two looks for further faces; tiles_every: frames between two searches of small faces
    while there is none (both counted from the source's first frame, and made at once where a face was lost or the film
    was cut); memory: frames after which a lost face is forgotten.
    """

    start: float = 0.5
    sure: float = 0.6
    worth: float = 2.5
    keep: float = 0.35
    looks: int = 3
    search_every: int = 10
    tiles_every: int = 10
    memory: int = 90


# A crop that the face has left by this part of its side, or by this factor in size, is cut again in the same frame.
MOVED: Final = 0.12
GROWN: Final = 1.2
# Followed faces' crops lie on a grid: steps of the centre in a side, of the side in an octave, of the roll in a turn.
# So fine that it costs no jitter, so coarse that trackers of one face agree after 2 to 18 frames (docs/batch.md).
GRID_PLACES: Final = 512
GRID_SIDES: Final = 128
GRID_TURNS: Final = 1440
MOST_AHEAD: Final = 4  # frames whose crops are guessed at a time; of more, one read in five would be for nothing
SAME_PLACE: Final = 0.3  # two faces nearer than this part of a crop's side are one
CUT_COLOURS: Final = 0.4  # Bhattacharyya distance of colour histograms ...
CUT_LEVELS: Final = 20.0  # ... and mean difference of grey levels, that together mean a cut


@dataclass
class Track:
    """One face that is or was followed: its number, its last state, the frame in which that was."""

    number: int
    state: FaceState
    seen: int
    velocity: NDArray[np.float64]


@dataclass
class TrackerMemory:
    """All that a tracker knows of the frames before: enough to go on from there as if it had seen them.

    index: of the last frame seen. count: numbers given away. last: what the cut detector keeps of that frame.
    """

    index: int
    active: list[Track]
    lost: list[Track]
    count: int
    last: tuple[NDArray[np.float32], NDArray[np.float32]] | None


class CutDetector:
    """Tells a cut from motion: both the colours and the arrangement of the picture change at once."""

    def __init__(self) -> None:
        self.last: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    def is_cut(self, image: NDArray[np.uint8]) -> bool:
        if image.shape[0] > 4 * 27 and image.shape[1] > 4 * 48:  # averaging over odd sizes is slow: whole ones last
            image = np.asarray(cv2.resize(image, (4 * 48, 4 * 27), interpolation=cv2.INTER_LINEAR), np.uint8)
        small = np.asarray(cv2.resize(image, (48, 27), interpolation=cv2.INTER_AREA), np.uint8)
        colours = np.asarray(cv2.calcHist([small], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3), np.float32)
        grey = small.mean(2, dtype=np.float32)
        grey -= grey.mean()  # a flash changes the whole picture at once
        last, self.last = self.last, (colours, grey)
        if last is None:
            return False
        distance = cv2.compareHist(last[0], colours, cv2.HISTCMP_BHATTACHARYYA)
        return bool(distance > CUT_COLOURS and np.abs(grey - last[1]).mean() > CUT_LEVELS)


class Tracker:
    """Follows up to `limit` faces (None: as many as there are) through the frames of one source."""

    def __init__(
        self,
        detector: FindsFaces,
        reader: ReadsFaces,
        keypoints_model: NDArray[np.floating],
        limit: int | None = 1,
        config: TrackConfig | None = None,
        start: int = 0,
    ) -> None:
        """keypoints_model (6, 3) mm: where a detection's points lie on the mean face (see `keypoints`).

        start: index of the frame that comes first.
        """
        self._detector = detector
        self._reader = reader
        self._model = keypoints_model
        self._limit = limit
        self._config = TrackConfig() if config is None else config
        self._cuts = CutDetector()
        self._active: list[Track] = []
        self._lost: list[Track] = []
        self._count = 0  # numbers given away
        self._index = start - 1
        self._anew = True  # nothing is known of the frames before
        self._reach = MOST_AHEAD  # frames to guess at a time

    @property
    def memory(self) -> TrackerMemory:
        """What the tracker knows, as a copy."""
        active, lost = ([replace(track) for track in tracks] for tracks in (self._active, self._lost))
        return TrackerMemory(self._index, active, lost, self._count, self._cuts.last)

    @memory.setter
    def memory(self, known: TrackerMemory) -> None:
        self._active, self._lost = ([replace(track) for track in tracks] for tracks in (known.active, known.lost))
        self._index, self._count, self._cuts.last, self._anew = known.index, known.count, known.last, False

    def still(self, image: NDArray[np.uint8]) -> dict[int, FaceState]:
        """The faces of a single picture by number, the largest first."""
        detections = self._detector.detect(image, search_tiles=True, search_turned=True)
        return {n + 1: state for n, state in enumerate(self._believed(image, detections, self._limit))}

    def step(self, image: NDArray[np.uint8]) -> dict[int, FaceState]:
        """The faces of the clip's next frame by number."""
        self._index += 1
        if self._cuts.is_cut(image):
            self._active, self._lost = [], []
            self._anew = True
        self._follow(image)
        self._drop_doubles()
        if self._should_search():
            self._search(image)
        self._anew = False
        self._lost = [t for t in self._lost if self._index - t.seen <= self._config.memory]
        return {track.number: track.state for track in self._active}

    def steps(self, images: Sequence[NDArray[np.uint8]], reader: ReadsAhead) -> Iterator[dict[int, FaceState]]:
        """`step` for each of the clip's next frames, which are all at hand; reader: this tracker's own.

        The reader is told where the faces may be in the frames to come. After a wrong guess fewer frames are guessed
        at a time, after right ones more again.
        """
        prepared = 0
        for i, image in enumerate(images):
            missed = reader.missed
            if prepared == 0 and self._active:
                coming = images[i : i + self._reach]
                guesses = [(picture, _next_crop(t, k)) for k, picture in enumerate(coming, 1) for t in self._active]
                reader.prepare(guesses)
                prepared = len(coming)
            yield self.step(image)
            prepared = max(prepared - 1, 0)
            if reader.missed > missed:
                prepared, self._reach = 0, max(1, self._reach // 2)
            elif prepared == 0:
                self._reach = min(2 * self._reach, MOST_AHEAD)

    def _follow(self, image: NDArray[np.uint8]) -> None:
        """Read the followed faces in this frame; those that are not there any more become lost."""
        if not self._active:
            return
        crops = [_next_crop(track) for track in self._active]
        states = self._reader.faces(image, crops)
        again = [i for i, (crop, state) in enumerate(zip(crops, states, strict=True)) if _left(crop, state)]
        if again:
            nearer = self._reader.faces(image, [_crop_of(states[i]) for i in again])
            for i, state in zip(again, nearer, strict=True):
                if state.confidence >= states[i].confidence - 0.1:
                    states[i] = state
        kept = []
        for track, state in zip(self._active, states, strict=True):
            if state.confidence >= self._config.keep:
                track.velocity = state.translation.astype(np.float64) - track.state.translation
                track.state, track.seen = state, self._index
                kept.append(track)
            else:
                self._lost.append(track)
        self._active = kept

    def _drop_doubles(self) -> None:
        """Where two tracks sit on one face, the older number stays."""
        kept: list[Track] = []
        for track in sorted(self._active, key=lambda t: t.number):
            if not any(_same_place(track.state, other.state) for other in kept):
                kept.append(track)
        self._active = kept

    def _lost_now(self) -> bool:
        return any(track.seen == self._index - 1 for track in self._lost)

    def _should_search(self) -> bool:
        wanted = self._limit is None or len(self._active) < self._limit
        return wanted and (not self._active or self._due(self._config.search_every))

    def _due(self, every: int) -> bool:
        # By the frame's number, not by the last search: where a search falls must not depend on where tracking began.
        return self._anew or self._lost_now() or self._index % every == 0

    def _search(self, image: NDArray[np.uint8]) -> None:
        """Ask the detector, and believe what the network confirms."""
        detections = self._detector.detect_whole(image)
        if not detections and not self._active and self._due(self._config.tiles_every):
            detections = self._detector.detect_tiles(image)
        new = [d for d in detections if not any(_covers(t.state, d) for t in self._active)]
        room = None if self._limit is None else self._limit - len(self._active)
        for state in self._believed(image, new, room):
            if any(_same_place(state, track.state) for track in self._active):
                continue
            self._active.append(Track(self._number(state), state, self._index, np.zeros(2)))

    def _believed(self, image: NDArray[np.uint8], detections: list[Detection], room: int | None) -> list[FaceState]:
        """States of detected faces that the network confirms, the largest first, at most `room`."""
        believed: list[FaceState] = []
        for detection in sorted(detections, key=lambda d: -float((d.box[2:] - d.box[:2]).prod())):
            if room is not None and len(believed) >= room:
                break
            state = self._look(image, detection)
            if state is not None and not any(_same_place(state, other) for other in believed):
                believed.append(state)
        return believed

    def _look(self, image: NDArray[np.uint8], detection: Detection) -> FaceState | None:
        """The face of a detection, looked at several times, or None where there is none."""
        crop = first_crop(detection, self._model)
        state = self._reader.faces(image, [crop])[0]
        for _ in range(self._config.looks - 1):
            if not _sane(state, crop):
                return None
            crop = _crop_of(state)
            state = self._reader.faces(image, [crop])[0]
        enough = self._config.start - self._config.worth * max(detection.score - self._config.sure, 0.0)
        return state if state.confidence >= enough and _sane(state, crop) else None

    def _number(self, state: FaceState) -> int:
        """The number of a lost face that this one continues, or a new number."""
        if self._limit == 1:
            self._count = 1
            return 1
        for track in sorted(self._lost, key=lambda t: -t.seen):
            if _same_place(track.state, state, 2 * SAME_PLACE):
                self._lost.remove(track)
                return track.number
        self._count += 1
        return self._count


def _crop_of(state: FaceState) -> Crop:
    return Crop.of_pose(state.rotation, state.scale, state.translation)


def _next_crop(track: Track, frames: int = 1) -> Crop:
    """The crop for the next frame, or for one further on: where the face was, moved on as it moved before."""
    state = track.state
    moved = float(np.linalg.norm(track.velocity)) / (CROP_MM * state.scale)
    # A slow face's velocity is mostly noise, and a very fast one's mostly a mistake.
    onward = track.velocity if 0.01 < moved < 0.2 else 0.0
    return _on_grid(Crop.of_pose(state.rotation, state.scale, state.translation + frames * onward))


def _on_grid(crop: Crop) -> Crop:
    """The nearest crop of the grid: off by at most a quarter of a crop's pixel, 0.3 % in size and 1/8 degree."""
    side = 2.0 ** (round(np.log2(crop.side) * GRID_SIDES) / GRID_SIDES)
    step, turn = side / GRID_PLACES, 2 * np.pi / GRID_TURNS
    centre = crop.points_to_picture(np.full(2, CROP_CENTRE))
    return Crop.around(np.round(centre / step) * step, side, round(crop.roll / turn) * turn)


def _left(crop: Crop, state: FaceState) -> bool:
    """Whether the face has left the middle of its crop, or its size."""
    moved = np.linalg.norm(crop.points_to_picture(np.full(2, 127.5)) - state.translation) / crop.side
    grown = CROP_MM * state.scale / crop.side
    return bool(moved > MOVED or not 1 / GROWN < grown < GROWN)


def _sane(state: FaceState, crop: Crop) -> bool:
    """Whether a state could be what the crop shows at all."""
    moved = np.linalg.norm(crop.points_to_picture(np.full(2, 127.5)) - state.translation) / crop.side
    return bool(moved < 0.5 and 0.4 < CROP_MM * state.scale / crop.side < 2.5)


def _same_place(a: FaceState, b: FaceState, part: float = SAME_PLACE) -> bool:
    apart = np.linalg.norm(a.translation - b.translation)
    larger, smaller = max(a.scale, b.scale), min(a.scale, b.scale)
    return bool(apart < part * CROP_MM * larger and larger < 2.5 * smaller) or overlap(a.box, b.box) > 0.6


def _covers(state: FaceState, detection: Detection) -> bool:
    """Whether a detection lies on a face that is followed already."""
    centre = (detection.box[:2] + detection.box[2:]) / 2
    return bool(np.linalg.norm(centre - state.translation) < SAME_PLACE * CROP_MM * state.scale)
