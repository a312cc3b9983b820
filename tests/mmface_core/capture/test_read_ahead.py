"""Answers prepared beforehand count where the crop is nearly the wanted one, and nowhere else."""

from collections.abc import Sequence

import numpy as np
import pytest

from mmface_core.capture.crop import Crop
from mmface_core.capture.read_ahead import ReadAhead
from mmface_core.capture.state import FaceState


class Reader:
    """Says where the crop it was given lies."""

    def __init__(self) -> None:
        self.pairs = 0

    def read(self, pairs: Sequence[tuple[np.ndarray, Crop]]) -> list[FaceState]:
        self.pairs += len(pairs)
        zero = np.zeros(3, np.float32)
        return [
            FaceState(zero, zero, np.eye(3, dtype=np.float32), crop.side, centre(crop), zero, zero, 1.0)
            for _, crop in pairs
        ]


def centre(crop: Crop) -> np.ndarray:
    return crop.points_to_picture(np.full(2, 127.5)).astype(np.float32)


def crop(x: float, side: float = 200.0, roll: float = 0.0) -> Crop:
    return Crop.around(np.array([x, 100.0]), side, roll)


PICTURES = [np.full((8, 8, 3), i, np.uint8) for i in range(3)]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_near_guess_is_the_answer_and_reads_nothing_more(workers):
    reader = Reader()
    with ReadAhead(reader, workers) as ahead:
        ahead.prepare([(picture, crop(100 + i)) for i, picture in enumerate(PICTURES)])
        assert reader.pairs == 3
        (state,) = ahead.faces(PICTURES[1], [crop(104)])
        assert state.translation[0] == pytest.approx(101)
    assert reader.pairs == 3 and ahead.missed == 0


@pytest.mark.parametrize("wanted", [crop(130), crop(100, 230), crop(100, roll=0.2)])
def test_a_guess_that_is_off_in_place_size_or_roll_is_read_anew(wanted):
    reader = Reader()
    with ReadAhead(reader, 2) as ahead:
        ahead.prepare([(PICTURES[0], crop(100))])
        (state,) = ahead.faces(PICTURES[0], [wanted])
    assert np.allclose(state.translation, centre(wanted)) and state.scale == pytest.approx(wanted.side)
    assert reader.pairs == 2 and ahead.missed == 1


def test_the_answer_of_one_picture_is_never_that_of_another():
    reader = Reader()
    with ReadAhead(reader, 2) as ahead:
        ahead.prepare([(PICTURES[0], crop(100))])
        ahead.faces(PICTURES[0].copy(), [crop(100)])
        assert reader.pairs == 2 and ahead.missed == 0  # it was not prepared at all
        ahead.prepare([(PICTURES[1], crop(100))])
        ahead.faces(PICTURES[0], [crop(100)])
    assert reader.pairs == 4


def test_several_faces_of_a_picture_keep_their_order():
    with ReadAhead(Reader(), 2) as ahead:
        ahead.prepare([(PICTURES[0], crop(100)), (PICTURES[0], crop(400))])
        states = ahead.faces(PICTURES[0], [crop(401), crop(250), crop(99)])
    assert [round(float(s.translation[0])) for s in states] == [400, 250, 100]
