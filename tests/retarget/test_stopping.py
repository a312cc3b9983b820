"""Ctrl-C, a polite kill and a rude one: nothing goes on running, nothing unfinished stays."""

import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A Blender that describes nothing and works for ever, until its parent is gone.
SLOW = f"""#!{sys.executable}
import json, os, sys, threading, time
sys.path.insert(0, {str(ROOT / "blender_addon" / "scene")!r})
import job
given = json.load(open(sys.argv[-1]))
if given.get("end_with_parent"):
    job.end_with_parent()
open(os.environ["PID_FILE"], "w").write(str(os.getpid()))
time.sleep(60)
"""


@pytest.fixture
def start(tmp_path):
    program = tmp_path / "blender"
    program.write_text(SLOW)
    program.chmod(0o755)
    (tmp_path / "rig.blend").write_bytes(b"x")
    (tmp_path / "clip.npz").write_bytes(b"x")
    pid_file = tmp_path / "pid"
    command = [sys.executable, "-c", "from retarget.command import main; main()"]
    arguments = ["clip.npz", "rig.blend", "-o", "out.blend", "--blender", str(program)]

    def begin():
        environment = {**os.environ, "PID_FILE": str(pid_file), "PYTHONPATH": str(ROOT)}
        # A shell that runs the tests in the background hands down an ignored Ctrl-C.
        listening = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        parent = subprocess.Popen(
            [*command, *arguments], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, preexec_fn=listening
        )
        wait_for(lambda: pid_file.exists() and pid_file.read_text(), 60)
        return parent, int(pid_file.read_text())

    return begin


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def gone(pid):
    try:
        return "Z (zombie)" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_command_ends_its_child_and_says_so(start, how, tmp_path):
    parent, child = start()
    parent.send_signal(how)
    assert parent.wait(20) == 130
    assert parent.stderr.read().decode().strip() == "Stopped."
    wait_for(lambda: gone(child), 5)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["blender", "clip.npz", "pid", "rig.blend"]


def test_a_killed_command_leaves_no_child(start):
    parent, child = start()
    parent.kill()
    parent.wait(20)
    wait_for(lambda: gone(child), 10)
