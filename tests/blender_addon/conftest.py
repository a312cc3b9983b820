"""Rigs made by Blender in a child process, and a way to look into .blend files from a test."""

import json
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

from tests.takes import take_of

HERE = Path(__file__).resolve().parent
ADDON = HERE.parents[1] / "blender_addon"


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
def alone(tmp_path_factory) -> Path:
    """A folder with the add-on, and nothing of ours beside it."""
    folder = tmp_path_factory.mktemp("alone")
    shutil.copytree(ADDON, folder / "blender_addon", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


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
        take_of(weights, rotation=rotation).save(path)

    return save


@pytest.fixture
def engine_modules():
    """Imports a module of `blender_addon/engine`, which needs no bpy, without the add-on around it."""
    name = "engine_alone"
    spec = spec_from_file_location(
        name, ADDON / "engine" / "__init__.py", submodule_search_locations=[str(ADDON / "engine")]
    )
    assert spec and spec.loader
    sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
    yield lambda module: import_module(f"{name}.{module}")
    for module in [m for m in sys.modules if m.partition(".")[0] == name]:
        del sys.modules[module]
