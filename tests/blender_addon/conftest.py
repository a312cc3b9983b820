"""Rigs made by Blender in a child process, and a way to look into .blend files from a test."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.take import Take

HERE = Path(__file__).parent


def run_in_blender(script: str, *arguments) -> dict:
    """Run a script of this folder in a child with bpy; return the JSON that it says last."""
    command = [sys.executable, str(HERE / "scripts" / f"{script}.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    answers = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert answers, done.stdout + done.stderr
    return json.loads(answers[-1].removeprefix("RESULT "))


@pytest.fixture(scope="session")
def in_blender():
    assert find_spec("bpy"), "these tests need bpy: make setup installs it"
    return run_in_blender


@pytest.fixture(scope="session")
def rigs(in_blender, tmp_path_factory) -> Path:
    """A folder with rigs: skinned.blend, loose.blend, driven.blend, plain.blend (no keys),
    unnamed.blend (keys called Key 1, Key 2), bony.blend (a face of bones)."""
    folder = tmp_path_factory.mktemp("rigs")
    in_blender("make_rigs", folder)
    return folder


@pytest.fixture(scope="session")
def save_take():
    """Writes a take of weights (T, 52) and head rotations (T, 3, 3) at 30 frames a second."""

    def save(path: Path, weights: np.ndarray, rotation: np.ndarray) -> None:
        count = len(weights)
        Take(
            source="clip.mp4",
            fps=30.0,
            image_size=np.array([640, 480], np.int32),
            frame=np.arange(count, dtype=np.int32),
            time=np.arange(count) / 30.0,
            present=np.ones(count, bool),
            confidence=np.ones(count, np.float32),
            landmarks=np.zeros((count, 68, 3), np.float32),
            rotation=rotation,
            translation=np.zeros((count, 2), np.float32),
            scale=np.ones(count, np.float32),
            identity=np.zeros(80, np.float32),
            expression=weights,
            weight_names=np.array(ARKIT_NAMES),
            weights=weights,
        ).save(path)

    return save
