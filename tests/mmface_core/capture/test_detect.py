"""Faces are found where they are, and nowhere else."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmface_core.capture.blazeface import FULL_RANGE, SHORT_RANGE, Detection, anchor_centres, letterbox, merge, overlap
from mmface_core.capture.detect import FaceDetector, tiles


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


def a_detection(box: tuple[float, float, float, float], score: float) -> Detection:
    return Detection(np.array(box, np.float32), np.full((6, 2), box[0], np.float32), score)


def test_there_is_an_anchor_for_every_output():
    assert anchor_centres(SHORT_RANGE).shape == (896, 2)
    assert anchor_centres(FULL_RANGE).shape == (2304, 2)


@given(st.integers(50, 3000), st.integers(50, 3000), st.sampled_from([320, 480, 960]))
def test_tiles_cover_the_picture(width, height, side):
    regions = tiles(width, height, side)
    assert regions[:, :2].min(0)[0] <= 0 and regions[:, :2].min(0)[1] <= 0
    assert (regions[:, :2] + side).max(0)[0] >= width and (regions[:, :2] + side).max(0)[1] >= height
    for axis in (0, 1):
        starts = np.unique(regions[:, axis])
        assert (np.diff(starts) <= side * 0.75 + 1e-9).all()


def test_the_letterbox_is_corner_aligned():
    ramp = np.tile(np.arange(256, dtype=np.uint8)[None, :, None], (256, 1, 3))
    values = (letterbox(ramp, np.array([0.0, 0.0, 256.0]), 128)[0, 5] + 1) * 127.5
    assert np.allclose(values, np.arange(128) * 2, atol=0.6)


def test_merging_weighs_by_score_and_keeps_the_best_score():
    merged = merge([a_detection((0, 0, 100, 100), 0.9), a_detection((10, 10, 110, 110), 0.3)])
    assert len(merged) == 1
    assert np.allclose(merged[0].box, [2.5, 2.5, 102.5, 102.5], atol=1e-4)
    assert merged[0].score == 0.9


def test_faces_apart_stay_apart_and_come_best_first():
    merged = merge([a_detection((0, 0, 50, 50), 0.6), a_detection((200, 0, 250, 50), 0.8)])
    assert [d.score for d in merged] == [0.8, 0.6]


@given(st.lists(st.floats(0, 100), min_size=8, max_size=8))
def test_overlap_is_symmetric_and_bounded(numbers):
    a, b = np.sort(np.array(numbers).reshape(2, 2, 2), axis=1).reshape(2, 4)
    assert overlap(a, b) == overlap(b, a)
    assert 0 <= overlap(a, b) <= 1 + 1e-9


def test_nothing_is_found_in_noise_or_on_a_blank_wall(detector):
    noise = np.random.default_rng(0).integers(0, 256, (600, 800, 3), dtype=np.uint8)
    assert detector.detect(noise, search_turned=True) == []
    assert detector.detect(np.full((600, 800, 3), 128, np.uint8), search_turned=True) == []


def test_a_picture_of_one_pixel_is_no_problem(detector):
    assert detector.detect(np.zeros((1, 1, 3), np.uint8), search_turned=True) == []


def annotated(shared, folder, count):
    """Pictures with their 68 points, 0-based."""
    for path in sorted((shared / "data/images" / folder).glob("*.pts"))[:count]:
        rows = [line.split() for line in path.read_text().splitlines()]
        points = np.array([row for row in rows if len(row) == 2 and row[0][0].isdigit()], float)[:68] - 1
        picture = next(p for p in path.parent.glob(f"{path.stem}.*") if p.suffix in (".jpg", ".png"))
        yield np.ascontiguousarray(cv2.imread(str(picture))[:, :, ::-1]), points


def eyes_found(detections: list[Detection], points: np.ndarray) -> bool:
    eyes = np.stack([points[36:42].mean(0), points[42:48].mean(0)])
    size = np.sqrt(np.ptp(points, axis=0).prod())
    return any(np.linalg.norm(d.keypoints[:2] - eyes, axis=1).mean() < 0.15 * size for d in detections)


@pytest.mark.shared
def test_close_faces_are_found_with_their_eyes(shared, detector):
    results = [
        eyes_found(detector.detect(image), points)
        for folder in ("helen_testset", "afw", "face_synthetics", "ict_known")
        for image, points in annotated(shared, folder, 15)
    ]
    assert np.mean(results) == 1.0


@pytest.mark.shared
def test_a_face_of_40_pixels_is_found_in_a_frame_of_1080_lines(shared, detector):
    video = cv2.VideoCapture(str(shared / "data/videos/o4n_traffic.mp4"))
    street = cv2.resize(video.read()[1][:, :, ::-1], (1920, 1080), interpolation=cv2.INTER_CUBIC)
    random = np.random.default_rng(0)
    results = []
    for image, points in annotated(shared, "helen_testset", 12):
        zoom = 40 / np.ptp(points, axis=0).max()
        small = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
        height, width = small.shape[:2]
        x, y = random.integers(0, 1920 - width), random.integers(0, 1080 - height)
        frame = street.copy()
        frame[y : y + height, x : x + width] = small
        results.append(eyes_found(detector.detect(frame), points * zoom + [x, y]))
    assert np.mean(results) >= 0.9


@pytest.mark.shared
@pytest.mark.parametrize("turn", [cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE])
def test_lying_and_upside_down_faces_are_found_in_stills(shared, detector, turn):
    results = []
    for image, points in annotated(shared, "helen_testset", 10):
        height, width = image.shape[:2]
        x, y = points.T
        turned = {
            cv2.ROTATE_90_CLOCKWISE: np.stack([height - 1 - y, x], 1),
            cv2.ROTATE_180: np.stack([width - 1 - x, height - 1 - y], 1),
            cv2.ROTATE_90_COUNTERCLOCKWISE: np.stack([y, width - 1 - x], 1),
        }[turn]
        results.append(eyes_found(detector.detect(cv2.rotate(image, turn), search_turned=True), turned))
    assert np.mean(results) >= 0.9


@pytest.mark.shared
def test_traffic_shows_no_face(shared, detector):
    video = cv2.VideoCapture(str(shared / "data/videos/o4n_traffic.mp4"))
    frames = [video.read()[1] for _ in range(480)]
    found = [detector.detect(np.ascontiguousarray(frame[:, :, ::-1])) for frame in frames[::16] if frame is not None]
    assert not any(found)
