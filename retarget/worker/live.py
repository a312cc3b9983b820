"""Drives a rig while the camera runs: the newest frame in, the values of the rig's own channels out."""

import threading
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmface_core.model.arkit import ARKIT_NAMES
from retarget.calibration import Calibration, apply_calibration, chosen_pose
from retarget.filters import DEFAULT_STRENGTH, OneEuro, OneEuroRotation, live_weights_filter
from retarget.gaps import GapPolicy
from retarget.live import eased
from retarget.motion import RotationCurve
from retarget.performance import Settings
from retarget.pipeline import MappedRig, within
from retarget.turning import turn_curves
from retarget.weights import weights_by_name
from retarget.worker.protocol import Job
from retarget.worker.settings import build

if TYPE_CHECKING:
    from mmface_core.capture.sources import Frame, Source
    from mmface_core.capture.state import FaceState
    from retarget.worker.requests import State

Array = NDArray[np.floating]

PICTURE_EVERY = 0.5  # seconds
RATE_OVER = 2.0  # seconds over which the captured frames are counted


def live(
    state: "State",
    job: Job,
    source: str,
    rig: str,
    mapping: dict[str, Any],
    settings: dict[str, Any] | None = None,
    head: str = "absolute",
    pictures: str | None = None,
    loop: bool = False,
) -> dict[str, Any]:
    """Follow a webcam (its number) or a video file as if it were one, until cancelled or at its end.

    First comes an event "channels": keys [{object, key}], turns [{object, bone, pivot}]; again whenever the mapping or
    the parts of the face that are driven change. Then events "frame": index, time (seconds of the source), seen,
    latency (ms from the moment at which the picture was there), rate (captured frames a second), values (one for each
    key), quaternions (w x y z for each turn), locations (x y z or null), and now and then `picture`. Telling the job
    {"mapping": ...} or {"settings": ...} changes them; {"neutral": true} makes the present face the rest.
    """
    from pathlib import Path

    from mmface_core.capture.overlay import FacePainter
    from mmface_core.capture.sources import open_source
    from retarget.worker.pictures import Pictures
    from retarget.worker.requests import _mapped

    engine = state.capture_engine(job)
    face_settings = build(Settings, settings)
    whole = _mapped(state, rig, mapping)
    mapped = _only(whole, face_settings)
    shown = Pictures(Path(pictures), FacePainter(engine.model)) if pictures else None
    face = LiveFace(tuple(engine.model.expression_names), face_settings)
    _tell_channels(job, mapped, head)
    count, drawn = 0, 0.0
    stamps: deque[float] = deque()
    tracker = engine.tracker()
    with Newest(lambda: open_source(source), loop) as newest:
        while (item := newest.next(job)) is not None:
            frame, there, moment = item
            for message in job.told():
                if "mapping" in message:
                    whole = _mapped(state, rig, message["mapping"])
                if "settings" in message:
                    face.settings = build(Settings, message["settings"])
                if "mapping" in message or "settings" in message:
                    mapped = _only(whole, face.settings)
                    _tell_channels(job, mapped, head)
                if message.get("neutral"):
                    face.rest_here()
            states = tracker.step(frame.image)
            weights, rotation = face.step(next(iter(states.values()), None), moment)
            entry = _values(mapped, weights, rotation, head)
            now = time.monotonic()
            stamps.append(now)
            while stamps and now - stamps[0] > RATE_OVER:
                stamps.popleft()
            if shown is not None and now - drawn > PICTURE_EVERY:
                entry["picture"] = shown.write(frame.image, list(states.values()))
                drawn = now
            rate = (len(stamps) - 1) / (now - stamps[0]) if len(stamps) > 1 else 0.0
            job.say(
                "frame",
                index=frame.index,
                time=moment,
                seen=bool(states),
                latency=1000 * (now - there),
                rate=rate,
                **entry,
            )
            count += 1
    return {"frames": count, "ended": "The clip has ended." if count else "The camera gave no picture."}


def _only(mapped: MappedRig, settings: Settings) -> MappedRig:
    """The rig with what belongs to the parts of the face that are driven."""
    return replace(mapped, mapping=within(mapped.mapping, settings.layer))


def _tell_channels(job: Job, mapped: MappedRig, head: str) -> None:
    keys, turns = _channels(mapped, head)
    job.say("channels", keys=keys, turns=turns)


def _channels(mapped: MappedRig, head: str) -> tuple[list[dict[str, str]], list[dict[str, Any]]]:
    weights = np.zeros((1, len(ARKIT_NAMES)))
    turns = []
    for curve in _turns(mapped, weights, np.eye(3)[None], head):
        pivot = curve.pivot
        turns.append(
            {
                "object": curve.object,
                "bone": curve.bone,
                "pivot": pivot
                and {"location": list(pivot.location), "size": pivot.size, "children": list(pivot.children)},
            }
        )
    return [{"object": c.object, "key": c.key} for c in mapped.mapping.key_curves(weights)], turns


def _turns(mapped: MappedRig, weights: Array, rotation: Array, head: str) -> list[RotationCurve]:
    """The rig's rotation curves for one frame: weights (1, 52), rotation (1, 3, 3) of the head from its rest."""
    # The frame's own mean would be its rest: what is straight ahead is for `neutral` to say.
    mode = "off" if head == "off" else "absolute"
    return turn_curves(mapped.rig, mapped.mapping, weights, rotation, np.ones(1), mode)


def _values(mapped: MappedRig, weights: Array, rotation: Array, head: str) -> dict[str, Any]:
    """Values of all channels for one frame: weights (52,), rotation (3, 3) of the head from its rest."""
    turns = _turns(mapped, weights[None], rotation[None], head)
    return {
        "values": [float(c.values[0]) for c in mapped.mapping.key_curves(weights[None])],
        "quaternions": [[float(v) for v in c.values[0]] for c in turns],
        "locations": [None if c.locations is None else [float(v) for v in c.locations[0]] for c in turns],
    }


class LiveFace:
    """Weights and head turn of one face over time: filtered without looking ahead, calibrated, eased when lost."""

    def __init__(self, names: tuple[str, ...], settings: Settings) -> None:
        self._names = names
        self._weights_filter: OneEuro = live_weights_filter()
        self._rotation_filter = OneEuroRotation()
        self.settings = settings
        self._raw: tuple[Array, Array] | None = None
        self._neutral: tuple[Array, Array] | None = None
        self._last: tuple[Array, Array] = (np.zeros(len(ARKIT_NAMES)), np.eye(3))
        self._seen_at = 0.0

    @property
    def settings(self) -> Settings:
        """How the curves are made; a new strength of smoothing takes over where the filters stand."""
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._settings = settings
        if settings.smooth > 0:
            tuned = live_weights_filter(settings.smooth)
            self._weights_filter.min_cutoff, self._weights_filter.beta = tuned.min_cutoff, tuned.beta
            # The smaller the strength, the higher the cutoff at rest, as with the weights.
            self._rotation_filter.min_cutoff = OneEuroRotation().min_cutoff * DEFAULT_STRENGTH / settings.smooth

    def rest_here(self) -> None:
        """The face and the direction of the last frame become the rest."""
        if self._raw is not None:
            weights, ahead = self._raw
            self._neutral = chosen_pose(weights[None], np.zeros(1, int), np.ones(1, bool), 0, 0), ahead

    def step(self, state: "FaceState | None", moment: float) -> tuple[Array, Array]:
        """Weights (52,) and head turn (3, 3) at `moment` seconds; state None where the face is not seen."""
        policy: GapPolicy = self.settings.gaps
        if state is None or state.confidence < policy.min_confidence:
            return eased(self._last, moment - self._seen_at, policy)
        weights = weights_by_name(state.expression[None].astype(np.float64), self._names)[0]
        rotation = state.rotation.astype(np.float64)
        if self.settings.smooth > 0:
            weights = np.clip(self._weights_filter(weights, moment), 0.0, 1.0)
            rotation = self._rotation_filter(rotation, moment)
        self._raw = (weights, rotation)
        if self._neutral is not None:
            rest, ahead = self._neutral
            weights = apply_calibration(weights[None], Calibration(rest))[0]
            rotation = ahead.T @ rotation
        self._last, self._seen_at = (weights, rotation), moment
        return self._last


class Newest:
    """The newest frame of a camera, or of a file played at its own speed; older ones that nobody took are dropped."""

    def __init__(self, open_again: Any, loop: bool) -> None:
        self._open, self._loop = open_again, loop
        self._source: Source = open_again()  # here, so that a camera that is not there is an error of the caller's
        self._change = threading.Condition()
        self._frame: tuple[Frame, float, float] | None = None
        self._ended = self._stop = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)

    def __enter__(self) -> "Newest":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop = True
        self._thread.join(timeout=5)  # a camera that hangs in its driver must not hang us

    def next(self, job: Job) -> "tuple[Frame, float, float] | None":
        """(frame, when it was there on the monotonic clock, seconds since the start); None at the end."""
        with self._change:
            while self._frame is None and not self._ended:
                job.check()
                self._change.wait(0.1)
            job.check()
            if self._error is not None:
                raise self._error
            item, self._frame = self._frame, None
            return item

    def _read(self) -> None:
        try:
            start = time.monotonic()
            while not self._stop:
                self._play(start)
                if not self._loop or self._stop:
                    break
                self._source.close()
                self._source = self._open()
        except BaseException as error:  # handed to the reader
            self._error = error
        finally:
            self._source.close()
            with self._change:
                self._ended = True
                self._change.notify()

    def _play(self, start: float) -> None:
        begin = time.monotonic()
        for frame in self._source.frames():
            if self._stop:
                return
            if self._source.expected is not None:  # a file: wait until its moment
                while (wait := begin + frame.time - time.monotonic()) > 0 and not self._stop:
                    time.sleep(min(wait, 0.05))
            now = time.monotonic()
            with self._change:
                self._frame = (frame, now, now - start)
                self._change.notify()
        if self._source.is_still:
            time.sleep(0.04)
