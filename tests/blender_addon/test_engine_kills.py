"""The add-on's engine is killed at any moment: Blender goes on, says why, and the next capture works."""

import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.takes import take_of

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KILLS, SEED = 40, 7
CAPTURE = 0.3  # seconds

# What the add-on starts has started something itself, which keeps the pipes open after its parent is gone.
WITH_A_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session={apart})
print('{{"pid": %d}}' % child.pid, flush=True)
time.sleep(60)
"""


def first_message(engine):
    until = time.monotonic() + 30
    while not (messages := engine.drain()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return messages[0]


@pytest.mark.parametrize("apart", [False, True])
def test_ending_an_engine_does_not_wait_for_what_the_engine_started(engine_modules, apart):
    engine = engine_modules("process").EngineProcess([sys.executable, "-c", WITH_A_CHILD.format(apart=apart)])
    child = first_message(engine)["pid"]
    begun = time.monotonic()
    try:
        engine.kill()
        assert time.monotonic() - begun < 20, "it waited until the child closed the pipe"
        while not apart and alive(child) and time.monotonic() - begun < 20:
            time.sleep(0.01)  # a signal takes its time to arrive
        assert apart or not alive(child), "what belongs to the engine's own session ends with it"
    finally:
        if alive(child):
            os.kill(child, 9)


def alive(pid):
    """Whether a process is there and not yet a zombie."""
    stat_file = Path(f"/proc/{pid}/stat")
    try:
        return stat_file.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.blender
def test_kills_at_random_moments_leave_nothing_behind(tmp_path):
    take_of(np.full((30, 52), 0.3)).save(tmp_path / "talk.npz")
    engine = tmp_path / "engine"
    quick = HERE / "scripts" / "quick_engine.py"
    engine.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{quick}' '{tmp_path / 'talk.npz'}' {CAPTURE}\n")
    engine.chmod(engine.stat().st_mode | stat.S_IXUSR)
    alone = tmp_path / "alone" / "blender_addon"
    shutil.copytree(ROOT / "blender_addon", alone, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tmp").mkdir()
    said = run(tmp_path, engine)
    assert said["killed"] + said["ended"] == KILLS and said["killed"] >= KILLS / 3, said
    assert said["baked"] == 1 + KILLS // 20 and said["actions"] == 1, said
    assert not said["orphan"] and said["folders"] == [], said
    sentences = {
        text for text in said["problems"] if "signal" not in text and not text.startswith(("Baked", "Stopped"))
    }
    assert not sentences, sentences
    sys.stdout.write(f"{said}\n")


def run(folder, engine):
    """The script's answer; the stacks of all its threads where it stood still."""
    import json

    script = HERE / "scripts" / "kill_engine.py"
    rig, clip = ROOT / "examples" / "avatar.blend", ROOT / "examples" / "sample.mp4"
    command = [sys.executable, script, folder / "alone", rig, engine, clip, str(KILLS), str(SEED)]
    environment = {**os.environ, "TMPDIR": str(folder / "tmp")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, env=environment)
    answers = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert answers, done.stdout[-2000:] + done.stderr[-6000:]
    return json.loads(answers[-1].removeprefix("RESULT "))
