"""What the tracker said, kept until it is a take."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmface_core.capture.record import Recorder
from mmface_core.capture.shelf import IN_MEMORY, StateShelf
from mmface_core.capture.state import FaceState
from mmface_core.model.face_arrays import FaceArrays


def state(value: float = 0.0) -> FaceState:
    return FaceState(
        identity=np.zeros(80, np.float32),
        expression=np.full(52, value, np.float32),
        rotation=np.eye(3, dtype=np.float32),
        scale=1.0,
        translation=np.zeros(2, np.float32),
        landmarks=np.zeros((68, 3), np.float32),
        points=np.zeros((124, 2), np.float32),
        confidence=0.9,
    )


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files by Linux's /proc")
def test_a_film_of_many_short_lived_faces_keeps_no_file_open_for_each():
    before = len(os.listdir("/proc/self/fd"))
    recorder = Recorder()
    for number in range(300):
        recorder.record(number, number / 25, (64, 48), {number + 1: state()})
    assert len(os.listdir("/proc/self/fd")) - before < 5


def test_a_shelf_gives_back_all_states_in_order_also_those_on_disk():
    shelf = StateShelf()
    count = 2 * IN_MEMORY + 7
    for i in range(count):
        shelf.append(state(i / count))
        if i == IN_MEMORY + 3:
            assert sum(len(chunk) for chunk in shelf.chunks()) == i + 1
    values = [float(s.expression[0]) for chunk in shelf.chunks() for s in chunk]
    assert len(shelf) == count and np.allclose(values, np.arange(count) / count)


def test_another_models_units_of_the_same_name_are_no_weights_of_ours():
    model = FaceArrays.load()
    recorder = Recorder()
    recorder.record(0, 0.0, (64, 48), {1: replace(state(), expression=np.full(52, 0.5, np.float32))})
    assert recorder.takes("clip", 25.0, model, None)[0].weights.shape == (1, 52)
    model.expression_names = ("jawOpen", *(f"theirs{i}" for i in range(51)))
    (take,) = recorder.takes("clip", 25.0, model, None)
    assert take.weights.shape == (1, 0) and not len(take.weight_names)
