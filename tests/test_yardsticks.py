"""How well the bundled weights read real faces, as the tracker really runs, against the bounds that we promise."""

from pathlib import Path

import pytest

from benchmarks import capture_quality

FRAMES = 1500  # of each video; as many as the independent reading has

pytestmark = [pytest.mark.slow, pytest.mark.shared]


@pytest.fixture(scope="module")
def engine():
    from mmface_core.capture.load import load_engine

    return load_engine()


def test_faces_in_photos_are_found_and_their_landmarks_placed(shared, engine, tmp_path):
    capture_quality.capture_pictures(engine, "helen_testset", tmp_path)
    pictures = Path(shared, "data/images/helen_testset")
    bounds = ["--max-failures", "3", "--max-nme", "4.5"]
    status, said = capture_quality.check(["image_nme.py", str(pictures), str(tmp_path), *bounds])
    assert status == 0, said


def test_head_and_jaw_follow_an_independent_reading_of_videos(shared, engine, tmp_path):
    medians = capture_quality.measure_videos(engine, tmp_path, ["videos"], FRAMES)
    assert medians["yaw r"] >= 0.9
    assert medians["jawOpen r"] >= 0.6
    assert medians["seen %"] >= 90
