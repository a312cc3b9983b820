"""`mmface evaluate` on a picture that this test paints itself, and on what it cannot measure."""

import cv2
import numpy as np
import pytest

from mmface_core.cli import run
from train.commands.evaluate import evaluate


def test_asked_for_nothing_it_says_what_to_ask_for(capsys):
    assert run(evaluate, []) == 2
    assert "Name folders of annotated pictures" in capsys.readouterr().err


def test_the_worst_of_no_renders_is_told(capsys, tmp_path):
    assert run(evaluate, [str(tmp_path), "--worst", str(tmp_path / "worst.png")]) == 2
    assert "--renders N" in capsys.readouterr().err


def test_figures_are_of_textured_renders_and_the_worst_are_shown_of_painted_ones(capsys, tmp_path, monkeypatch):
    pytest.importorskip("moderngl")
    from train.data import loader

    asked = []

    def heldout(index, size=256, shares=None):
        asked.append((index, shares))
        return made(index, size, {"procedural": 1.0})  # this test has no portraits

    made = loader.heldout_sample
    monkeypatch.setattr(loader, "heldout_sample", heldout)
    sheet = tmp_path / "worst.png"
    assert run(evaluate, ["--renders", "3", "--seed", "2", "--refine", "none", "--worst", str(sheet)]) == 0
    assert "3 held-out renders" in capsys.readouterr().out and cv2.imread(str(sheet)).shape == (256, 6 * 256, 3)
    indices = [2_000_000, 2_000_001, 2_000_002]
    assert asked == [(index, None) for index in indices] + [(index, {"procedural": 1.0}) for index in indices]


def test_renders_are_read_also_mirrored_where_asked(capsys, monkeypatch):
    pytest.importorskip("moderngl")
    from train.data import loader

    made = loader.heldout_sample
    monkeypatch.setattr(loader, "heldout_sample", lambda index: made(index, 256, {"procedural": 1.0}))
    figures = {}
    for ways in ([], ["--both-ways"]):
        assert run(evaluate, ["--renders", "3", *ways]) == 0
        figures[bool(ways)] = capsys.readouterr().out.splitlines()
    assert "mirrored" in figures[True][0] and "mirrored" not in figures[False][0]
    assert figures[True][1] != figures[False][1]


def test_a_folder_without_annotations_is_told(capsys, tmp_path):
    assert run(evaluate, [str(tmp_path)]) == 2
    assert "holds no annotated pictures" in capsys.readouterr().err


def test_a_picture_without_a_face_is_a_miss_and_counts_in_the_curve(capsys, tmp_path):
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((120, 120, 3), 127, np.uint8))
    points = np.random.default_rng(0).uniform(20, 100, (68, 2))
    (tmp_path / "wall.pts").write_text("\n".join(f"{x:.2f} {y:.2f}" for x, y in points))
    curve = tmp_path / "curve.svg"
    assert run(evaluate, [str(tmp_path), "--by-skin", "--curve", str(curve)]) == 0
    said = capsys.readouterr().out
    assert "1 faces, all missed" in said and "skin unknown" in said
    assert curve.read_text().count("<polyline") == 1
