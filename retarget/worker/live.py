"""Drives a rig while the camera runs: the newest frame in, the values of the rig's own channels out."""

import threading
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmface_core.model.arkit import ARKIT_NAMES
from retarget.live import LiveCleaner, seen_face
from retarget.motion import RotationCurve
from retarget.performance import Settings
from retarget.pipeline import MappedRig, within
from retarget.turning import turn_curves
from retarget.worker.protocol import Job
from retarget.worker.settings import build

if TYPE_CHECKING:
    from mmface_core.capture.sources import Frame, Source
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
    face = LiveCleaner(face_settings)
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
            found = seen_face(next(iter(states.values()), None), engine.model.expression_names, face.settings.gaps)
            weights, rotation = face(moment, *found)
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
            if not self._source.is_live:  # a file: wait until its moment
                while (wait := begin + frame.time - time.monotonic()) > 0 and not self._stop:
                    time.sleep(min(wait, 0.05))
            now = time.monotonic()
            with self._change:
                self._frame = (frame, now, now - start)
                self._change.notify()
        if self._source.is_still:
            time.sleep(0.04)
