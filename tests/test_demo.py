"""What `make demo` promises: the bundled clip moves the bundled avatar, and a photograph poses it."""

import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmface_core.take import Take
from retarget import retarget_video

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow


def test_the_demo_writes_both_scenes_and_their_previews():
    made = [ROOT / f"demo_output/{name}.{kind}" for name in ("sample", "astronaut") for kind in ("blend", "mp4")]
    for path in made:
        path.unlink(missing_ok=True)  # of an earlier run
    runpy.run_path(str(ROOT / "examples/demo.py"), run_name="__main__")
    for name in ("sample", "astronaut"):
        assert (ROOT / f"demo_output/{name}.blend").stat().st_size > 100_000
        preview = cv2.VideoCapture(str(ROOT / f"demo_output/{name}.mp4"))
        assert preview.get(cv2.CAP_PROP_FRAME_COUNT) > 20
        seen, frame = preview.read()
        assert seen and frame.std() > 10


def test_the_capture_of_the_sample_clip_follows_what_was_rendered(tmp_path):
    retarget_video(
        ROOT / "examples/sample.mp4", ROOT / "examples/avatar.blend", tmp_path / "s.blend", take=tmp_path / "s.npz"
    )
    take = Take.load(tmp_path / "s.npz")
    with np.load(ROOT / "examples/sample_truth.npz") as file:
        weights, rotation = file["weights"], file["rotation"]
    assert take.present.mean() == 1.0
    names = list(take.weight_names)

    def follows(unit: str) -> float:
        return float(np.corrcoef(take.weights[:, names.index(unit)], weights[:, names.index(unit)])[0, 1])

    assert follows("jawOpen") > 0.8
    assert follows("eyeBlinkLeft") > 0.7 and follows("eyeBlinkRight") > 0.7
    yaw = [np.arcsin(-r[:, 2, 0]) for r in (take.rotation, rotation)]
    assert np.corrcoef(*yaw)[0, 1] > 0.95
