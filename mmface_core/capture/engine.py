"""The whole capture: a source in, the takes of its faces out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmface_core.capture.both_ways import BothWays
from mmface_core.capture.detect import FaceDetector, TimedDetector
from mmface_core.capture.keypoints import canonical_points
from mmface_core.capture.read_ahead import ReadAhead
from mmface_core.capture.reconstruct import Predicts, ReconstructConfig, Reconstructor, project_landmarks
from mmface_core.capture.record import Recorder
from mmface_core.capture.settle import settle
from mmface_core.capture.sources import Ahead, Frame, Source
from mmface_core.capture.stages import NO_STAGES, Stages
from mmface_core.capture.state import FaceState
from mmface_core.capture.track import MOST_AHEAD, ReadsFaces, TrackConfig, Tracker
from mmface_core.errors import UserError
from mmface_core.geometry.fit import FaceParameters
from mmface_core.model.face_arrays import AnyFaceModel
from mmface_core.take import Take

Which = Literal["largest", "all"] | int
OnFrame = Callable[[Frame, dict[int, FaceState]], None]

LEAST_FRAMES = 5  # a face of a clip that was seen less often is a mistake of the tracker


class NoFaceError(UserError):
    """A source in which no face was found; of several sources it is skipped."""


@dataclass(frozen=True)
class CaptureConfig:
    """Settings of the capture's steps."""

    reconstruct: ReconstructConfig = field(default_factory=ReconstructConfig)
    track: TrackConfig = field(default_factory=TrackConfig)


class CaptureEngine:
    """Detector, network and face model, loaded once for any number of sources."""

    def __init__(
        self,
        predictor: Predicts,
        model: AnyFaceModel,
        detector: FaceDetector,
        config: CaptureConfig | None = None,
        workers: int = 1,
        stages: Stages = NO_STAGES,
    ) -> None:
        """workers: threads that read frames of a video file side by side, from guessed crops (`read_ahead`); 1: frame
        after frame, each from exactly the crop that the one before asks for. stages: where the time goes is counted.
        """
        self.config = CaptureConfig() if config is None else config
        self.model = model
        self.stages = stages
        self._workers = workers
        self._predictor = predictor
        self._detector = detector if stages is NO_STAGES else TimedDetector(detector, stages)
        self._reconstructor = Reconstructor(predictor, model, self.config.reconstruct, stages)
        corners = np.asarray(model.mean)[np.asarray(model.landmark_vertices)]  # (68, corner, xyz)
        self._keypoints = canonical_points((corners * np.asarray(model.landmark_weights)[..., None]).sum(1))
        held = replace(self.config.reconstruct.fit, n_identity=0)
        self._settler = self._reconstructor.fitter_like(held)

    @property
    def description(self) -> str:
        """What runs, in one line."""
        refine = self.config.reconstruct.refine
        return (
            f"Network: {self._predictor.description}; still pictures also mirrored. "
            f"Detector: {self._detector.description}. Refinement: {refine}."
        )

    def capture(self, source: Source, which: Which = "largest", on_frame: OnFrame | None = None) -> list[Take]:
        """Takes of the wanted faces of a source; on_frame is told of every frame when it is done.

        Raises NoFaceError where no frame shows a face, UserError where the source cannot be read or has no such face.
        """
        recorder = Recorder()
        # A camera's frames are read as they come; of a file, some are read together.
        alone = self._workers == 1 or source.is_still or source.is_live
        with (
            ReadAhead(self._reconstructor, self._workers) as reader,
            Ahead(source, stages=self.stages) as frames,
        ):
            ahead = None if alone else reader
            tracker = self.tracker(which, reader=self._still_reader if source.is_still else ahead)
            for some in _in_groups(frames, 1 if alone else MOST_AHEAD):
                images = [frame.image for frame in some]
                told = self._told(tracker, images, source.is_still, ahead)
                for frame, faces in zip(some, told, strict=True):
                    recorder.add(frame, faces)
                    if on_frame is not None:
                        on_frame(frame, faces)
        return self.takes(recorder, source, which)

    @staticmethod
    def _told(
        tracker: Tracker, images: list[NDArray[np.uint8]], still: bool, reader: ReadAhead | None
    ) -> Iterator[dict[int, FaceState]]:
        """The faces of some pictures by number, one after another."""
        if reader is not None:
            return tracker.steps(images, reader)
        return (tracker.still(image) if still else tracker.step(image) for image in images)

    @cached_property
    def _still_reader(self) -> Reconstructor:
        """Of still pictures there is time for a second look."""
        return self._reconstructor.reading_with(BothWays(self._predictor, self.model))

    @property
    def blank_state(self) -> FaceState:
        """A state of this engine's sizes, all zero."""
        shapes = {"rotation": (3, 3), "translation": (2,), "landmarks": (68, 3)}
        shapes |= {"identity": (self.model.n_identity,), "expression": (self.model.n_expression,)}
        shapes["points"] = (len(self._reconstructor.fitter.surface), 2)
        return FaceState(**{k: np.zeros(v, np.float32) for k, v in shapes.items()}, scale=0.0, confidence=0.0)

    def tracker(self, which: Which = "largest", start: int = 0, reader: ReadsFaces | None = None) -> Tracker:
        """A tracker of the wanted faces, for whoever feeds it frames of their own; start: index of its first frame.

        reader: who reads its crops, None: the reconstruction itself.
        """
        limit = 1 if which == "largest" else None
        reads = self._reconstructor if reader is None else reader
        return Tracker(self._detector, reads, self._keypoints, limit, self.config.track, start)

    def takes(self, recorder: Recorder, source: Source, which: Which = "largest") -> list[Take]:
        """The takes of what was recorded of a source. Raises as `capture` does."""
        least = 1 if source.is_still else min(LEAST_FRAMES, max(len(recorder) // 2, 1))
        settled = None if source.is_still else self._settle
        with self.stages("settle"):
            takes = recorder.takes(source.name, source.fps, self.model, settled, least)
        if not takes:
            place = "picture" if source.is_still else "any frame of"
            raise NoFaceError(f"No face was found in {'the ' if source.is_still else ''}{place} {source.name}.")
        if isinstance(which, int):
            if which > len(takes):
                plural = "face" if len(takes) == 1 else "faces"
                raise UserError(f"{source.name} shows {len(takes)} {plural}; there is no face {which}.")
            return [takes[which - 1]]
        return takes

    def without_identity(self, take: Take) -> Take:
        """The take with the mean face's shape in place of the person's: its codes are 0 and its landmarks the mean
        face's, so that what is left is motion. Raises UserError where the take is of another face model.
        """
        if not take.identity.size and not take.landmarks.any():  # another tool's recording: it never had any
            return take
        if take.identity.shape != (self.model.n_identity,) or take.expression.shape[1] != self.model.n_expression:
            raise UserError(f"The take of {take.source} was captured with another face model; capture the clip again.")
        rows = np.flatnonzero(take.present)
        landmarks = np.zeros_like(take.landmarks)
        for start in range(0, len(rows), 256):
            part = rows[start : start + 256]
            face = FaceParameters(
                np.zeros((len(part), self.model.n_identity), np.float32),
                take.expression[part],
                take.rotation[part],
                take.scale[part],
                take.translation[part],
            )
            landmarks[part] = project_landmarks(self._reconstructor.marks, face)
        return replace(take, identity=np.zeros_like(take.identity), landmarks=landmarks)

    def _settle(self, chunks: Callable[[], Iterator[list[FaceState]]]) -> Iterator[list[FaceState]]:
        """One identity for a face's whole take."""
        refit = "points" in self.config.reconstruct.refine
        return settle(chunks, self._settler, self._reconstructor.marks, refit)


def _in_groups(frames: Iterator[Frame], size: int) -> Iterator[list[Frame]]:
    """Up to `size` frames at a time."""
    while group := list(islice(frames, size)):
        yield group
