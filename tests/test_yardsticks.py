"""How well the bundled weights read real faces, as the tracker really runs, against the bounds that we promise."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import capture_quality
from mmface_core.capture.sources import open_source

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


EMOTIONS = {
    "happy": ("mouthSmileLeft", "mouthSmileRight"),
    "surprised": ("browInnerUp", "eyeWideLeft", "eyeWideRight", "jawOpen"),
    "sad": ("mouthFrownLeft", "mouthFrownRight", "browInnerUp"),
}
ACTED = {
    "eamm_happy": "happy",
    "eamm_sad": "sad",
    "eamm_surprised": "surprised",
    "spectre_MEAD_W036_level_3_happy_007": "happy",
    "spectre_MEAD_M026_level_3_disgusted_018": "",
    "spectre_MEAD_M030_level_3_angry_016": "",
}


def test_acted_emotions_are_led_by_their_own_units(shared, engine):
    """Each clip's mean weights, less what all the clips have in common: the label's own units must lead."""
    signals = {}
    for name in ACTED:
        source = capture_quality.First(open_source(shared / f"data/videos/{name}.mp4"), 200)
        (take,) = engine.capture(source)
        mean = dict(zip(take.weight_names, take.weights[take.present].mean(0), strict=True))
        signals[name] = [float(np.mean([mean[unit] for unit in units])) for units in EMOTIONS.values()]
    common = np.median(list(signals.values()), axis=0)
    for name, label in ACTED.items():
        if label:
            lead = list(EMOTIONS)[int(np.argmax(signals[name] - common))]
            assert lead == label, (name, dict(zip(EMOTIONS, signals[name] - common, strict=True)))
