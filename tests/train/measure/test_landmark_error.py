import numpy as np
import pytest

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.take import Take
from train.measure.annotations import read_folder, read_pts
from train.measure.curve import cumulative, write_curves, write_progress
from train.measure.landmark_error import face_error, summary

RNG = np.random.default_rng(4)
FACE = RNG.uniform([100, 50], [200, 250], (68, 2))
FACE[0], FACE[1] = (100, 50), (200, 250)  # a box of 100 x 200


def take_of(points: np.ndarray) -> Take:
    landmarks = np.column_stack([points, np.zeros(68)]).astype(np.float32)[None]
    return Take(
        source="face.jpg",
        fps=1.0,
        image_size=np.array([300, 300], np.int32),
        frame=np.zeros(1, np.int32),
        time=np.zeros(1),
        present=np.ones(1, bool),
        confidence=np.ones(1, np.float32),
        landmarks=landmarks,
        rotation=np.eye(3, dtype=np.float32)[None],
        translation=np.zeros((1, 2), np.float32),
        scale=np.ones(1, np.float32),
        identity=np.zeros(80, np.float32),
        expression=np.zeros((1, 52), np.float32),
        weight_names=np.array(ARKIT_NAMES),
        weights=np.zeros((1, 52), np.float32),
    )


def test_points_three_and_four_pixels_off_err_by_five_over_the_root_of_the_box():
    error = face_error(FACE, 0.0, [take_of(FACE + np.array([3.0, 4.0]))])
    assert error.all68 == pytest.approx(100 * 5 / np.sqrt(100 * 200), rel=1e-4)
    assert error.all68 * error.diagonal == pytest.approx(100 * 5 / np.hypot(100, 200), rel=1e-4)


def test_of_several_faces_the_one_at_the_annotation_counts():
    elsewhere = take_of(FACE + np.array([160.0, 0.0]))
    assert face_error(FACE, 0.0, [elsewhere, take_of(FACE)]).all68 == pytest.approx(0.0, abs=1e-4)
    assert face_error(FACE, 0.0, [elsewhere]).missed
    assert face_error(FACE, 0.0, []).missed


def test_the_table_has_a_row_for_each_band_that_has_faces_and_counts_misses():
    good = face_error(FACE, 10.0, [take_of(FACE + 1.0)])
    lines = summary([good, face_error(FACE, -70.0, [])])
    assert [line.split("  ")[0] for line in lines] == ["all", "|yaw| 0-30", "|yaw| 60-90"]
    assert "missed 50.0 %" in lines[0] and "all missed" in lines[2]


def test_each_error_of_a_few_faces_is_told_and_of_many_none():
    errors = [face_error(FACE, 0.0, [take_of(FACE + shift)]) for shift in (2.0, 1.0)]
    assert summary(errors)[0].endswith(f"each: {errors[1].inner51:.1f}, {errors[0].inner51:.1f}")
    assert "each" not in summary(errors * 4)[0]


def test_points_are_read_with_and_without_a_header(tmp_path):
    rows = "\n".join(f"{x:.4f} {y:.4f}" for x, y in FACE + 1.0)
    (tmp_path / "bare.pts").write_text(rows + "\n")
    (tmp_path / "ibug.pts").write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n")
    for name in ("bare.pts", "ibug.pts"):
        assert np.allclose(read_pts(tmp_path / name), FACE, atol=1e-3)


def test_too_few_points_and_an_empty_folder_are_told(tmp_path):
    (tmp_path / "short.pts").write_text("1 2\n3 4\n")
    with pytest.raises(UserError, match="holds 2 points"):
        read_pts(tmp_path / "short.pts")
    (tmp_path / "short.pts").unlink()
    with pytest.raises(UserError, match="no annotated pictures"):
        read_folder(tmp_path)


@pytest.mark.shared
def test_both_kinds_of_annotation_are_read(shared):
    images = shared / "data/images"
    helen, aflw = read_folder(images / "helen_testset"), read_folder(images / "aflw2000_3d")
    assert len(helen) == 163 and len(aflw) >= 11
    assert max(abs(face.yaw_deg) for face in aflw) > 60
    assert np.abs(read_folder(images / "aflw2000_3d", "3d")[0].points - aflw[0].points).max() < 60


def test_a_curve_rises_to_the_share_that_was_found(tmp_path):
    shares = [share for _, share in cumulative([1.0, 2.0, 9.0, np.nan])]
    assert shares == sorted(shares)
    assert shares[0] == 0.0 and shares[-1] == 0.5
    write_curves(tmp_path / "curve.svg", {"one": [1.0, 2.0], "two": [3.0]})
    assert (tmp_path / "curve.svg").read_text().count("<polyline") == 2


def test_a_runs_progress_is_drawn_from_its_figures(tmp_path):
    with pytest.raises(UserError, match=r"no validation.csv"):
        write_progress(tmp_path / "progress.svg", tmp_path)
    rows = ["images,r,r_jaw,r_blink,r_smile,r_gaze", "1000,0.1,0.2,0.3,0.1,0.0", "5000,0.4,0.9,0.9,0.8,0.6"]
    (tmp_path / "validation.csv").write_text("\n".join(rows) + "\n")
    write_progress(tmp_path / "progress.svg", tmp_path)
    assert (tmp_path / "progress.svg").read_text().count("<polyline") == 5


@pytest.mark.parametrize("rows", [["images,nme,iou", "1000,4.0,0.8"], ["images,r,r_jaw"]])
def test_a_run_without_figures_of_units_has_no_progress_to_draw(tmp_path, rows):
    (tmp_path / "validation.csv").write_text("\n".join(rows) + "\n")
    with pytest.raises(UserError, match="no figures of ARKit's units"):
        write_progress(tmp_path / "progress.svg", tmp_path)


def test_progress_is_drawn_of_those_figures_that_a_run_has(tmp_path):
    (tmp_path / "validation.csv").write_text("images,r,r_jaw\n1000,0.1,0.2\n2000,0.2,0.3\n")
    write_progress(tmp_path / "progress.svg", tmp_path)
    assert (tmp_path / "progress.svg").read_text().count("<polyline") == 2
