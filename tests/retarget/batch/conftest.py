"""A small batch that needs neither the network nor Blender: takes in place of clips, a stub in place of Blender."""

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
STUB = Path(__file__).with_name("stub_blender.py")


@pytest.fixture(scope="session")
def blender(tmp_path_factory):
    """A program that stands in for Blender."""
    program = tmp_path_factory.mktemp("stub") / "blender"
    program.write_text(f"#!{sys.executable} -S\n" + STUB.read_text())
    program.chmod(0o755)
    return str(program)


@pytest.fixture
def clips(tmp_path, make_take):
    """A folder with three takes of a face and one without."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(3):
        weights = {"jawOpen": np.abs(np.sin(np.arange(30) / (3 + number)))}
        make_take(weights, source=f"clip{number}.mp4").save(folder / f"clip{number}.npz")
    make_take(present=np.zeros(30, bool)).save(folder / "nobody.npz")
    return folder


@pytest.fixture
def rigs(tmp_path):
    """Two files that the stub takes for rigs."""
    folder = tmp_path / "rigs"
    folder.mkdir()
    for name in ("hero", "villain"):
        (folder / f"{name}.blend").write_bytes(b"BLENDER-v405" + name.encode())
    return folder
