"""The yardstick of videos counts all of them: what cannot be measured is told, not left out in silence."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import capture_quality
from mmface_core.capture.engine import NoFaceError
from tests.takes import take_of

GOOD = "frames 300\nseen % 100.0\nyaw r 0.9\nyaw mad 2.0\njitter % 1.0"
SHORT = "frames 3\nseen % 100.0"
NAMES = ("faceless", "measured", "short", "unread", "o4n_traffic")


class Engine:
    model = None

    def capture(self, source, _faces):
        if source.name in ("faceless", "o4n_traffic"):
            raise NoFaceError("No face was found.")
        return [take_of(np.zeros((12, 52)))]


@pytest.fixture
def videos(tmp_path, monkeypatch):
    folder = tmp_path / "data" / "videos"
    (folder / "reference").mkdir(parents=True)
    for name in NAMES:
        (folder / f"{name}.mp4").touch()

    def check(arguments):
        name = arguments[1].rsplit("/", 1)[-1].split(".")[0]
        return {"measured": (0, GOOD), "short": (0, SHORT), "unread": (1, "ValueError: no such column")}[name]

    monkeypatch.setattr(capture_quality, "SHARED", tmp_path)
    monkeypatch.setattr(capture_quality, "check", check)
    monkeypatch.setattr(capture_quality, "smoothed", lambda take, _model: take)
    blank = {"fps": 25.0, "expected": 12, "is_still": False, "is_live": False}
    monkeypatch.setattr(capture_quality, "open_source", lambda path: SimpleNamespace(name=path.stem, **blank))


def test_videos_that_cannot_be_measured_are_named_and_have_no_row(videos, tmp_path, capsys):
    table = capture_quality.measure_videos(Engine(), tmp_path / "out", [], 12)
    assert set(table) == {"measured"} and table["measured"]["jitter smoothed"] == 1.0
    assert capture_quality.medians(table)["yaw r"] == 0.9
    said = capsys.readouterr().out
    assert "MISSING, and in no median: faceless, short, unread" in said and "no such column" in said
    assert capture_quality.single_face_videos() == ["faceless", "measured", "short", "unread"]
