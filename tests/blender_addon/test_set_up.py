"""Setting the engine up where the disk does not let it. Needs no Blender, and downloads nothing."""

import sys

import pytest

from blender_addon.engine import setup
from blender_addon.engine.find import READY, why_not


@pytest.fixture(autouse=True)
def nothing_is_run(monkeypatch):
    monkeypatch.setattr(setup, "find_builder", lambda preferred: (sys.executable, []))
    monkeypatch.setattr(setup.Setup, "_run", lambda self, command, complaint: iter(()))


def test_a_folder_that_cannot_be_made_ends_the_set_up_with_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    run = setup.Setup(str(tmp_path / "file" / "engine"), "mmface.whl")
    while run.step():
        pass
    assert not run.done and str(tmp_path) in run.error and "cannot be written: Not a directory" in run.error


def test_a_mark_that_cannot_be_written_ends_the_set_up_with_a_sentence(tmp_path):
    run = setup.Setup(str(tmp_path), "mmface.whl")
    run.step()
    (tmp_path / READY).mkdir()
    while run.step():
        pass
    assert not run.done and "cannot be written: Is a directory" in run.error


def test_a_python_that_talks_gibberish_is_not_used(tmp_path):
    python = tmp_path / "python"
    python.write_bytes(b"#!/bin/sh\nprintf '\\377\\376'\n")
    python.chmod(0o755)
    assert "needs 3.11" in why_not(str(python))
