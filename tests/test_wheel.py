"""The wheel carries code and assets: it works in an empty environment, away from the checkout."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow


def checked(*command, cwd):
    return subprocess.run([str(c) for c in command], cwd=cwd, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    checked(sys.executable, "-m", "build", "--wheel", "--outdir", out, ROOT, cwd=out)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment with the wheel and what it asks for, but without the extra for Blender."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    pip = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt"]
    checked(*pip, wheel, cwd=folder)
    return folder


def test_the_wheel_carries_the_assets_and_their_notices(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for asset in ("default_face.npz", "face_short.onnx", "face_full.onnx", "lite.onnx", "lite.json"):
        assert f"mmface_core/assets/{asset}" in names
    for notice in ("LICENSE", "NOTICE"):
        assert any(name.endswith(f"licenses/{notice}") for name in names)


def test_the_commands_print_their_help_from_elsewhere(installed, tmp_path):
    assert "RIG" in checked(installed / "bin/mmface-retarget", "--help", cwd=tmp_path)
    listing = checked(installed / "bin/mmface", "--help", cwd=tmp_path)
    for command in ("capture", "retarget", "model", "train"):
        assert command in listing


def test_capture_works_without_blender(installed, tmp_path):
    checked(installed / "bin/mmface", "capture", ROOT / "examples/sample.mp4", "-o", "take.npz", cwd=tmp_path)
    assert (tmp_path / "take.npz").stat().st_size > 1000


def test_retarget_without_blender_says_what_to_install(installed, tmp_path):
    checked(installed / "bin/mmface", "capture", ROOT / "examples/sample.mp4", "-o", "take.npz", cwd=tmp_path)
    result = subprocess.run(
        [installed / "bin/mmface-retarget", "take.npz", ROOT / "examples/avatar.blend"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PATH": "/nonexistent"},
    )
    assert result.returncode == 2
    assert ".[blender]" in result.stderr and "Traceback" not in result.stderr
