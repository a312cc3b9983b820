"""What becomes of a child that fails, hangs or is not there: no Blender needed."""

import importlib.util
import os
import stat
import sys
import time
from pathlib import Path

import pytest

from retarget.blender import Blender, BlenderError


def program(folder, text):
    """A program that is started in Blender's place."""
    path = folder / "blender"
    path.write_text(f"#!{sys.executable}\nimport os, signal, sys, time, json\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def fails(blender, **options):
    with pytest.raises(BlenderError) as caught:
        blender.run([{"do": "render"}], "rig.blend", **options)
    assert "\n" not in str(caught.value) and "Traceback" not in str(caught.value)
    return caught.value


def test_an_answer_comes_back(tmp_path):
    text = """
job = json.load(open(sys.argv[-1]))
print("chatter"); print("MMFACE progress render 1 2", flush=True)
json.dump({"schema": "mmface-job-answer/1", "results": [{"ok": 1}]}, open(job["answer"], "w"))
"""
    told = []
    results = Blender(program(tmp_path, text)).run([{"do": "open"}], "rig.blend", lambda *p: told.append(p))
    assert results == [{"ok": 1}] and told == [("render", 1, 2)]


def test_a_crash_is_a_sentence(tmp_path):
    error = fails(Blender(program(tmp_path, "os.kill(os.getpid(), signal.SIGSEGV)")))
    assert error.kind == "crash" and "SIGSEGV" in str(error) and "rig.blend" in str(error)


def test_no_opengl_is_a_sentence_that_says_what_to_install(tmp_path):
    error = fails(Blender(program(tmp_path, "print('Unable to open EGL display', flush=True); os.abort()")))
    assert error.kind == "opengl" and "libegl1" in str(error)


def test_a_missing_library_is_named(tmp_path):
    text = "print('ImportError: libXrender.so.1: cannot open shared object file: No such file'); sys.exit(1)"
    assert "libXrender.so.1" in str(fails(Blender(program(tmp_path, text))))


def test_a_child_that_hangs_is_ended_with_all_that_it_started(tmp_path):
    text = f"""
import subprocess
child = subprocess.Popen(["sleep", "60"])
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
time.sleep(60)
"""
    start = time.monotonic()
    error = fails(Blender(program(tmp_path, text), limit=1.5))
    assert error.kind == "timeout" and "--timeout" in str(error) and time.monotonic() - start < 10
    time.sleep(0.2)
    state = f"/proc/{(tmp_path / 'pid').read_text()}/status"
    assert not os.path.exists(state) or "Z (zombie)" in Path(state).read_text()


def test_a_fault_in_our_progress_ends_the_child_too(tmp_path):
    text = "print('MMFACE progress render 1 2', flush=True); time.sleep(60)"

    def broken(*_):
        raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        Blender(program(tmp_path, text)).run([], "rig.blend", broken)
    assert time.monotonic() - start < 10


def test_without_bpy_the_sentence_says_what_to_install(monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "bpy" else find_spec(name, *a))
    monkeypatch.setenv("PATH", "")
    assert 'pip install ".[blender]"' in str(fails(Blender()))


def test_a_blender_that_is_not_there_is_named():
    assert "/no/such/blender" in str(fails(Blender("/no/such/blender")))
