"""From a source to takes, with a stand-in for detector and network."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mmface_core.capture.engine import CaptureEngine, NoFaceError
from mmface_core.capture.sources import open_source
from mmface_core.capture.stages import Stages
from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.model.face_model import FaceModel
from mmface_core.take import Take
from tests.mmface_core.capture.stand_in import RADIUS_MM, DiscDetector, DiscPredictor, disc

SIZE = (320, 240)


@pytest.fixture(scope="module")
def engine() -> CaptureEngine:
    model = FaceModel.load()
    return CaptureEngine(DiscPredictor(model), model, DiscDetector(model))


def clip(folder: Path, frames: list[np.ndarray]) -> Path:
    folder.mkdir()
    for i, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"{i:04d}.png"), frame[:, :, ::-1])
    return folder


def test_a_clip_becomes_a_take_with_a_row_for_every_frame(engine, tmp_path):
    x = 100 + 5 * np.arange(12.0)
    jaw = np.linspace(0, 0.9, 12)
    frames = [disc(SIZE, x[i], 120, 40, jaw[i]) for i in range(12)]
    told = []
    source = open_source(clip(tmp_path / "c", frames), sequence=True, fps=10)
    (take,) = engine.capture(source, "largest", lambda frame, faces: told.append((frame.index, len(faces))))
    assert len(take) == 12 and take.present.all()
    assert take.image_size.tolist() == [320, 240] and take.fps == 10
    assert np.allclose(take.time, np.arange(12) / 10)
    assert np.allclose(take.translation[:, 0], x, atol=1.0)
    assert np.allclose(take.scale, 40 / RADIUS_MM, rtol=0.03)
    assert tuple(take.weight_names) == ARKIT_NAMES
    assert np.allclose(take.weights[:, ARKIT_NAMES.index("jawOpen")], jaw, atol=0.12)
    assert take.confidence.min() > 0.5
    assert told == [(i, 1) for i in range(12)]


def test_frames_read_side_by_side_give_the_same_take(engine, tmp_path):
    model = FaceModel.load()
    together = CaptureEngine(DiscPredictor(model), model, DiscDetector(model), workers=2)
    empty = np.full((240, 320, 3), 20, np.uint8)
    x = [90 + 4 * i for i in range(12)] + [60 + 25 * i for i in range(6)]  # steadily, then with a jump and too fast
    frames = [disc(SIZE, at, 120, 40) for at in x] + [empty] * 3 + [disc(SIZE, 150, 120, 40)] * 7
    folder = clip(tmp_path / "c", frames)
    (one,) = engine.capture(open_source(folder, sequence=True))
    (other,) = together.capture(open_source(folder, sequence=True))
    assert np.array_equal(one.present, other.present)
    assert np.array_equal(one.time, other.time)
    assert np.abs(one.landmarks - other.landmarks).max() < 1.0
    assert np.abs(one.confidence - other.confidence).max() < 0.2


def test_stages_of_a_capture_are_counted(tmp_path):
    model, stages = FaceModel.load(), Stages()
    timed = CaptureEngine(DiscPredictor(model), model, DiscDetector(model), workers=2, stages=stages)
    timed.capture(open_source(clip(tmp_path / "c", [disc(SIZE, 150, 120, 40)] * 9), sequence=True))
    assert {"decode", "detect", "crop", "network", "ICP", "fit to points", "settle"} <= set(stages.names())
    assert stages["decode"][2] == 10  # nine frames and the end
    assert "9 frames" in stages.lines(9, 1.0)[-1]
    stages.clear()
    assert stages.names() == []


def test_frames_without_the_face_are_rows_that_say_so(engine, tmp_path):
    empty = np.full((240, 320, 3), 20, np.uint8)
    frames = [disc(SIZE, 150, 120, 40)] * 6 + [empty] * 3 + [disc(SIZE, 150, 120, 40)] * 6
    (take,) = engine.capture(open_source(clip(tmp_path / "c", frames), sequence=True))
    assert take.present.tolist() == [True] * 6 + [False] * 3 + [True] * 6
    assert np.array_equal(take.rotation[7], np.eye(3)) and take.scale[7] == 0 and take.confidence[7] == 0
    assert not take.landmarks[7].any() and not take.weights[7].any()


def two_faces() -> np.ndarray:
    return np.maximum(disc(SIZE, 80, 120, 30), disc(SIZE, 220, 120, 45))


def test_all_faces_come_largest_first_and_one_can_be_chosen(engine, tmp_path):
    folder = clip(tmp_path / "c", [two_faces()] * 6)

    def capture(which) -> list[Take]:
        return engine.capture(open_source(folder, sequence=True), which)

    assert [round(float(t.translation[0, 0])) for t in capture("all")] == [220, 80]
    assert [round(float(t.translation[0, 0])) for t in capture("largest")] == [220]
    assert [round(float(t.translation[0, 0])) for t in capture(2)] == [80]
    with pytest.raises(UserError, match="shows 2 faces; there is no face 3"):
        capture(3)


def test_a_still_gives_takes_of_one_frame(engine, tmp_path):
    cv2.imwrite(str(tmp_path / "two.png"), two_faces()[:, :, ::-1])
    takes = engine.capture(open_source(tmp_path / "two.png"), "all")
    assert [len(take) for take in takes] == [1, 1]
    assert takes[0].fps == 1 and takes[0].time.tolist() == [0]


def test_a_face_that_flashes_up_for_a_frame_gets_no_take(engine, tmp_path):
    one, both = disc(SIZE, 220, 120, 45), two_faces()
    folder = clip(tmp_path / "c", [both, both, *[one] * 20])
    assert len(engine.capture(open_source(folder, sequence=True), "all")) == 1


def test_no_face_is_said_in_a_sentence(engine, tmp_path):
    cv2.imwrite(str(tmp_path / "empty.png"), np.zeros((50, 50, 3), np.uint8))
    with pytest.raises(NoFaceError, match=r"No face was found in the picture .*empty\.png"):
        engine.capture(open_source(tmp_path / "empty.png"))
    folder = clip(tmp_path / "c", [np.zeros((50, 50, 3), np.uint8)] * 3)
    with pytest.raises(NoFaceError, match="any frame of"):
        engine.capture(open_source(folder, sequence=True))
