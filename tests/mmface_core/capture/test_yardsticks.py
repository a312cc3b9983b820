"""The shipped weights on the measuring data: a sample of each kind, with bounds that a broken step would miss."""

import numpy as np
import pytest

from benchmarks.capture_quality import first
from mmface_core.capture.engine import CaptureEngine, NoFaceError
from mmface_core.capture.load import load_engine
from mmface_core.capture.sources import open_source
from mmface_core.conventions import rotation_to_euler
from train.measure.annotations import read_pts

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def engine(shared) -> CaptureEngine:
    return load_engine()


def test_annotated_faces_are_found_and_their_points_lie_near(engine, shared):
    errors = []
    for path in sorted((shared / "data/images/helen_testset").glob("*.pts"))[::10]:
        truth = read_pts(path)
        takes = engine.capture(open_source(path.with_suffix(".jpg")), "all")
        apart = [np.linalg.norm(take.landmarks[0, 17:, :2] - truth[17:], axis=1).mean() for take in takes]
        errors.append(100 * min(apart) / np.sqrt(np.ptp(truth, axis=0).prod()))
    assert np.mean(errors) < 2.2
    assert max(errors) < 8


def test_a_turning_head_is_followed_with_the_right_signs(engine, shared):
    # He turns to his left, which is right in the picture: the nose leads the middle of the face.
    (take,) = engine.capture(first(open_source(shared / "data/videos/mt_wojtek.mp4"), 180))
    assert take.present.mean() >= 0.99
    yaw = np.degrees(rotation_to_euler(take.rotation)[0])
    assert yaw[171] > yaw[0] + 25
    nose = take.landmarks[:, 30, 0] - take.landmarks[:, [0, 16], 0].mean(1)
    assert np.corrcoef(yaw, nose)[0, 1] > 0.9
    assert take.confidence[take.present].mean() > 0.5


def test_three_people_are_three_takes_that_never_swap(engine, shared):
    takes = engine.capture(first(open_source(shared / "data/videos/fera_multi_face.avi"), 60), "all")
    assert len(takes) == 3
    for take in takes:
        assert take.present.mean() > 0.9
        x = take.translation[take.present, 0]
        assert np.ptp(x) < 120


def test_traffic_has_no_face(engine, shared):
    with pytest.raises(NoFaceError):
        engine.capture(first(open_source(shared / "data/videos/o4n_traffic.mp4"), 60))
