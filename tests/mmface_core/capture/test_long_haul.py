"""A hundred thousand frames: memory stays flat, and no clock drifts."""

import resource
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmface_core.capture.record import Recorder
from mmface_core.capture.shelf import StateShelf
from mmface_core.capture.sources import Frame, open_source
from mmface_core.capture.state import FaceState
from mmface_core.model.face_model import FaceModel
from retarget.timing import frame_rate, timeline


def state(seed: int) -> FaceState:
    random = np.random.default_rng(seed)

    def values(*shape):
        return random.normal(size=shape).astype(np.float32)

    return FaceState(
        identity=values(80),
        expression=values(52),
        rotation=values(3, 3),
        scale=float(random.random()),
        translation=values(2),
        landmarks=values(68, 3),
        points=values(124, 2),
        confidence=float(random.random()),
    )


def test_a_shelf_gives_states_back_bit_for_bit_and_as_often_as_asked():
    shelf = StateShelf()
    states = [state(i) for i in range(600)]
    for one in states:
        shelf.append(one)
    for _ in range(2):
        back = [one for chunk in shelf.chunks() for one in chunk]
        assert len(back) == len(shelf) == 600
        for a, b in zip(states, back, strict=True):
            assert a.scale == b.scale and a.confidence == b.confidence
            assert np.array_equal(a.points, b.points) and np.array_equal(a.identity, b.identity)


@pytest.mark.slow
def test_the_memory_of_a_recording_hardly_grows_in_a_hundred_thousand_frames():
    """What is kept of a frame in memory is its number and time; 2.4 kB of states a frame would be 240 MB."""
    recorder = Recorder()
    states = [state(i) for i in range(100)]
    image = np.zeros((4, 4, 3), np.uint8)

    def add(first, last):
        for i in range(first, last):
            recorder.add(Frame(image, i, i / 25), {1: states[i % 100]})

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6

    add(0, 10_000)
    before = resident()
    add(10_000, 100_000)
    assert resident() - before < 20
    (take,) = recorder.takes("loop", 25.0, FaceModel.load(), None)
    assert len(take) == 100_000 and np.array_equal(take.landmarks[99_999], states[99].landmarks)


@pytest.mark.parametrize("rate", [24000 / 1001, 30000 / 1001, 60000 / 1001, 120.0, 25.0, 15.0])
def test_after_a_hundred_thousand_frames_the_last_key_lies_within_half_a_frame(rate):
    count = 100_000
    time = np.round(np.arange(count) / rate, 3)  # as containers in milliseconds have it
    line = timeline(time, np.arange(count), rate)
    kept = frame_rate(rate)
    last_key = (line.start + len(line) - 2) / kept.value
    assert abs(last_key - (count - 1) / rate) < 0.5 / rate


def test_a_variable_rate_does_not_drift_either():
    random = np.random.default_rng(3)
    time = np.cumsum(random.choice([1 / 60, 1 / 30, 1 / 15], 100_000))
    time -= time[0]
    rate = (len(time) - 1) / time[-1]
    line = timeline(time, np.arange(len(time)), rate)
    last_key = (line.start + len(line) - 2) / frame_rate(rate).value
    assert abs(last_key - time[-1]) <= 1.0 / rate  # the last whole frame before the end
    # Each key shows the face of its own moment.
    shown = time[line.lower] * (1 - line.fraction) + time[np.minimum(line.lower + 1, len(time) - 1)] * line.fraction
    assert np.abs(shown - np.arange(len(line)) / rate).max() < 0.5 / rate


@pytest.mark.parametrize("rate", [23.976, 29.97, 59.94, 120.0])
def test_the_clock_of_a_video_file_is_kept(tmp_path, rate):
    path = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), rate, (64, 48))
    for i in range(600):
        writer.write(np.full((48, 64, 3), i % 250, np.uint8))
    writer.release()
    times = [frame.time for frame in open_source(path).frames()]
    assert len(times) == 600 and abs(times[-1] - 599 / rate) < 0.5 / rate
