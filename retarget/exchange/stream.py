"""Sends a take, or a face in front of a webcam, to a program that shows avatars: what `mmface stream` does."""

import time as clock
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmface_core.errors import UserError
from retarget.exchange import vmc
from retarget.exchange.osc import Message, Sender
from retarget.live import LiveCleaner, seen_face
from retarget.mapping.schema import Mapping
from retarget.performance import Performance, Settings, performance_of, stored_calibration

Array = NDArray[np.floating]

Told = Callable[[int, bool], None]


@dataclass(frozen=True)
class LiveFrame:
    """One frame to send: seconds since the start, weights (52,), rotation (3, 3), whether the face was seen."""

    time: float
    weights: Array
    rotation: Array
    seen: bool = True


def send(frames: Iterator[LiveFrame], sender: Sender, told: Told | None = None, mapping: Mapping | None = None) -> int:
    """Send frames as they come, until they end; returns how many. told(count, seen) after each.

    mapping: what the units become; without one they are sent as they are.
    """
    count = 0
    for count, frame in enumerate(frames, start=1):
        sender.send(vmc_messages(frame, mapping))
        if told:
            told(count, frame.seen)
    return count


def vmc_messages(frame: LiveFrame, mapping: Mapping | None = None) -> list[Message]:
    """A frame in the VMC protocol: the 52 units, or the keys of a mapping."""
    values = vmc.key_values(mapping, frame.weights) if mapping else vmc.unit_values(frame.weights)
    return vmc.messages(values, frame.rotation, frame.time, frame.seen)


def played(
    performance: Performance, loop: bool = False, now: Callable[[], float] = clock.monotonic
) -> Iterator[LiveFrame]:
    """A performance's frames, each at its time, so that a receiver sees them at the clip's own speed.

    A frame that comes late is sent at once, and the next ones at their own times: the clip does not grow longer.
    """
    begin, duration = now(), performance.frame_count / (performance.rate.value if performance.rate else 1.0)
    while True:
        for t, weights, rotation in zip(performance.time, performance.weights, performance.rotation, strict=True):
            clock.sleep(max(0.0, begin + t - now()))
            yield LiveFrame(float(t), weights, rotation)
        if not loop:
            return
        begin += duration


def seen_live(camera: int, settings: Settings, calibrated_by: Path | None = None) -> Iterator[LiveFrame]:
    """The face in front of a webcam, frame by frame. Raises UserError where the camera or the calibration fails, or
    where the settings ask for what only a whole clip can tell.
    """
    from mmface_core.capture.load import load_engine
    from mmface_core.capture.sources import Ahead, WebcamSource
    from mmface_core.take import Take

    if settings.neutral not in (None, "off") or settings.range == "auto":
        raise UserError(
            "What a face before a webcam does at rest, and at most, is taken from a take: give --calibrated-by."
        )
    calibration = stored_calibration(Take.load(calibrated_by)) if calibrated_by else None
    if calibrated_by and calibration is None:
        raise UserError(f"{calibrated_by} holds no calibration; run `mmface calibrate {calibrated_by}` first.")
    engine, cleaner = load_engine(), LiveCleaner(settings, calibration)
    tracker = engine.tracker()
    with Ahead(WebcamSource(camera, None), ahead=1) as frames:
        for frame in frames:
            faces = tracker.step(frame.image)
            found = seen_face(next(iter(faces.values()), None), engine.model.expression_names, settings.gaps)
            weights, rotation = cleaner(frame.time, *found)
            yield LiveFrame(frame.time, weights, rotation, found[0] is not None)


def frames_of(source: str, settings: Settings, loop: bool, calibrated_by: Path | None = None) -> Iterator[LiveFrame]:
    """Frames of a take or recording, cleaned, or of the webcam that a number names."""
    from retarget.exchange.takes import is_take, open_take

    if source.isdecimal() and not Path(source).exists():
        return seen_live(int(source), settings, calibrated_by)
    if not is_take(source):
        raise UserError(
            f"{source} cannot be streamed: give a take (.npz), a recording (.csv, .txt), or a webcam's number."
        )
    return played(performance_of(open_take(source), settings), loop)
