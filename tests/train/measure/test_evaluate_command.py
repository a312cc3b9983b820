"""`mmface evaluate` on a picture that this test paints itself, and on what it cannot measure."""

import cv2
import numpy as np

from mmface_core.cli import run
from train.commands.evaluate import evaluate


def test_asked_for_nothing_it_says_what_to_ask_for(capsys):
    assert run(evaluate, []) == 2
    assert "Name folders of annotated pictures" in capsys.readouterr().err


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
