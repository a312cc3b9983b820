"""The benchmark scripts still run, at tiny sizes. No time is asserted: that is what the scripts are for."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def test_icp_finds_the_poses_and_says_which_peers_it_met(tmp_path, capsys):
    from benchmarks import icp

    out = tmp_path / "icp.md"
    arguments = ["--seeds", "1", "--sizes", "64", "--points", "800", "--degrees", "10", "--markdown", str(out)]
    text = icp.main([*arguments, "--peers", "trimesh"])
    assert "| mmface |" in text and "| trimesh |" in text
    assert "1 of 1" in next(line for line in text.splitlines() if line.startswith("| mmface |"))
    assert out.read_text() == text
    capsys.readouterr()


@pytest.mark.slow
def test_icp_runs_alone_and_against_every_peer_that_is_installed(capsys):
    from benchmarks import icp

    assert "| mmface |" in icp.main(["--seeds", "1", "--sizes", "64", "--points", "500", "--peers", "-"])
    pytest.importorskip("small_gicp")
    pytest.importorskip("open3d")
    text = icp.main(["--seeds", "1", "--sizes", "64", "--points", "500", "--degrees", "10", "--no-slow"])
    assert all(f"| {name} |" in text for name in icp.PEERS if name not in icp.SLOW)
    assert "x faster than the fastest" in text


def test_the_parts_of_an_icp_are_timed(capsys):
    from benchmarks import icp_stages

    text = icp_stages.main(["--sizes", "64", "--points", "600"])
    assert all(f"| 64^3 | {part} |" in text for part in ("all", "coarse copy", "agreement at the end"))


@pytest.mark.slow
def test_eight_bits_are_compared_with_the_network_as_it_is(capsys):
    pytest.importorskip("onnx")
    pytest.importorskip("ml_dtypes")
    from benchmarks import eight_bits

    text = eight_bits.main(["--crops", "4"])
    assert "| as it is |" in text and "| 8 bits |" in text


def test_the_peers_surface_lies_on_the_solid():
    import numpy as np

    from benchmarks import icp

    axis = np.arange(32) - 15.5
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    ball = 1 / (1 + np.exp(np.sqrt(x**2 + y**2 + z**2) - 9.0))
    points, normals = icp.extract(ball.astype(np.float32))
    centred = points - [127.5, -127.5, 0]
    assert np.allclose(np.linalg.norm(centred, axis=1), 9 * 8, atol=1.0)
    outward = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    assert (normals * outward).sum(1).min() > np.cos(np.radians(6.0))


def test_capture_is_timed_by_stage_in_every_mode(capsys):
    from benchmarks import capture

    text = capture.main(["--repeat", "1", "--frames", "12", "--live"])
    assert "| mmface |" in text and "| mmface, live |" in text
    assert all(stage in text for stage in ("network", "ICP", "decode", "fit to points"))


def test_ten_thousand_frames_are_solved_step_by_step(capsys):
    from benchmarks import solve

    text = solve.main(["--frames", "50", "--no-bake"])
    assert all(step in text for step in ("solve", "smooth weights", "resample rotation", "opening aside"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory as Linux counts it")
@pytest.mark.slow
def test_memory_stays_flat_however_long_the_clip():
    from benchmarks import capture

    said = capture.memory(capture.CLIP, 2.0)
    assert float(said.split()[-2]) < 30.0
