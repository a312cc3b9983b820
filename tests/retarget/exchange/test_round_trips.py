"""Sent through an export and back by another reader: weights within 0.01, times within half a frame, every format."""

import numpy as np
import pytest

from mmface_core.conventions import rotation_to_euler
from retarget import Settings
from retarget.exchange.convert import convert
from retarget.exchange.takes import open_take
from retarget.performance import performance_of
from retarget.rotations import log

RAW = Settings(smooth=0.0)
TEXT = {"livelink": ".csv", "facecap": ".txt", "csv": ".csv", "json": ".json", "take": ".npz"}


@pytest.fixture
def export(lively_take, tmp_path):
    def run(kind, ending, **options):
        take = lively_take(**options)
        take.save(tmp_path / "in.npz")
        output = tmp_path / f"out{ending}"
        convert(tmp_path / "in.npz", output, named=kind, settings=RAW)
        return performance_of(take, RAW), output

    return run


def same_weights(found, performance, index, rows=slice(None)):
    for name, values in found.items():
        assert np.abs(values - performance.weights[rows, index[name]]).max() <= 0.01, name


@pytest.mark.parametrize("fps", [24000 / 1001, 25.0, 30000 / 1001, 60.0])
@pytest.mark.parametrize("kind", TEXT)
def test_tables_of_weights(kind, fps, export, readers):
    performance, path = export(kind, TEXT[kind], fps=fps)
    times, weights = readers[kind](path)
    assert len(times) == performance.frame_count and len(weights) == 52
    assert np.abs(times - times[0] - performance.time).max() <= 0.5 / fps
    same_weights(weights, performance, readers["index"])


@pytest.mark.parametrize("fps", [24000 / 1001, 25.0, 30000 / 1001, 60.0])
@pytest.mark.parametrize("kind", TEXT)
def test_they_come_back_as_takes(kind, fps, export, readers):
    performance, path = export(kind, TEXT[kind], fps=fps, count=200)
    take = open_take(path)
    assert take.fps == pytest.approx(fps, rel=1e-6)
    back = performance_of(take, RAW)
    assert (back.frame_count, back.start) == (performance.frame_count, 1)
    assert np.abs(back.time - performance.time).max() <= 0.5 / fps
    assert np.abs(back.weights - performance.weights).max() <= 0.01
    turned = log(np.swapaxes(performance.rotation, -1, -2) @ back.rotation)
    assert np.degrees(np.linalg.norm(turned, axis=-1)).max() < 0.1


@pytest.mark.parametrize("kind", ["livelink", "csv", "json", "facecap"])
def test_a_gap_that_was_cut_is_a_gap_again(kind, lively_take, tmp_path):
    take = lively_take(gap=slice(20, 40))
    take.save(tmp_path / "in.npz")
    settings = Settings(smooth=0.0, gaps=type(RAW.gaps)(lost="cut"))
    convert(tmp_path / "in.npz", tmp_path / f"out{TEXT[kind]}", named=kind, settings=settings)
    back = open_take(tmp_path / f"out{TEXT[kind]}")
    if kind == "facecap":  # it has no sign for a lost face, so rows are missing instead
        assert len(back) == 40 and np.diff(back.time).max() == pytest.approx(21 / 25)
        assert performance_of(back, RAW).frame_count == 60
    else:
        assert not back.present[20:40].any() and back.present.sum() == 40


@pytest.mark.parametrize("ending", [".obj", ".ply"])
def test_meshes_by_trimesh(ending, export, readers):
    performance, path = export("mesh", ending, count=4)
    times, weights = readers["mesh"](path)
    assert np.abs(times - performance.time).max() <= 0.5 / 25
    same_weights(weights, performance, readers["index"])


@pytest.mark.parametrize("count", [1, 5])
def test_clips_of_less_than_a_second_keep_their_times(count, export):
    performance, path = export("livelink", ".csv", count=count)
    take = open_take(path)
    assert np.abs(take.time - performance.time).max() <= 0.5 / 25
    assert count == 1 or take.fps == pytest.approx(25)


def test_a_phones_angles_have_the_signs_of_a_take(tmp_path):
    header = "Timecode,BlendShapeCount,JawOpen,HeadYaw,HeadPitch,HeadRoll\n"
    path = tmp_path / "slate.csv"
    path.write_text(header + "00:00:00:00.000,61,0.5,0.3,0.2,-0.1\n00:00:00:01.000,61,0.5,0.0,0.0,-0.1\n")
    yaw, pitch, roll = rotation_to_euler(open_take(path).rotation)
    assert yaw[0] > 0.25 and pitch[0] > 0.15 and roll[1] == pytest.approx(0.1, abs=1e-6)


@pytest.mark.parametrize("fps", [2.0, 5.0, 12.0])
def test_few_frames_a_second_keep_their_rate_through_live_link_face(fps, export):
    performance, path = export("livelink", ".csv", fps=fps, count=60)
    assert open_take(path).fps == pytest.approx(fps, rel=1e-3)
    assert performance.frame_count == 60
