"""Twenty times in a row something dies in the middle of a batch; the results are those of an undisturbed one."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.retarget.batch.test_batch import contents

ROOT = Path(__file__).resolve().parents[3]
KILLS = int(os.environ.get("MMFACE_KILLS", "20"))
SEED = 7
pytestmark = pytest.mark.slow


def command(clips, rigs, out, blender, *more):
    mmface = [sys.executable, "-c", "from mmface_core.cli import main; main()"]
    options = ["--render", "workbench", "--size", "64x64", "--chunk", "10", "--motion", "--retries", "30", "--json"]
    return [*mmface, "batch", str(clips), "--rigs", str(rigs), "-o", str(out), "--blender", blender, *options, *more]


def start(arguments, log, seconds="0.15"):
    environment = {**os.environ, "STUB_SECONDS": seconds, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(arguments, stdout=log.open("ab"), stderr=subprocess.STDOUT, env=environment, cwd=ROOT)


def workers_of(process):
    """The Dask worker processes of a client."""
    try:
        children = psutil.Process(process.pid).children()
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    except psutil.Error:
        return []


def wait_for_tasks(process, log, seen):
    """Wait until this client has handed out tasks."""
    end = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < end:
        if log.stat().st_size > seen and b'"begin"' in log.read_bytes()[seen:]:
            return
        time.sleep(0.1)


def test_whatever_dies_whenever_the_results_are_the_same(clips, rigs, blender, tmp_path):
    rng = random.Random(SEED)
    log = tmp_path / "log"
    log.touch()
    quiet = tmp_path / "undisturbed"
    assert start(command(clips, rigs, quiet, blender, "--workers", "2"), log, "0").wait(900) == 3
    wanted = contents(quiet)
    assert len([name for name in wanted if name.endswith(".blend")]) == 6

    out = tmp_path / "out"
    counts = {"client": 0, "worker": 0}
    finished = 0
    process = None
    while sum(counts.values()) < KILLS:
        if process is None or process.poll() is not None:
            if process is not None and process.returncode == 3:  # it came to its end between two kills
                assert contents(out) == wanted
                finished += 1
                out = tmp_path / f"out{finished}"
            seen = log.stat().st_size
            process = start(command(clips, rigs, out, blender, "--workers", "2"), log)
            wait_for_tasks(process, log, seen)
        time.sleep(rng.uniform(0.1, 4.0))
        workers = workers_of(process)
        if rng.random() < 0.5 and workers:
            rng.choice(workers).send_signal(signal.SIGKILL)
            counts["worker"] += 1
        elif process.poll() is None:
            process.kill()
            process.wait()
            counts["client"] += 1
        # Not one name of a result ever holds anything but the whole result.
        for name, data in contents(out).items():
            if "unfinished" not in name and not name.endswith("render.json"):
                assert data == wanted[name], name
    if process.poll() is None:
        process.kill()
        process.wait()
    assert start(command(clips, rigs, out, blender, "--workers", "2"), log, "0").wait(900) == 3, log.read_text()
    assert contents(out) == wanted
    assert min(counts.values()) > 0
    sys.stdout.write(f"kills {counts}, batches that ended in between {finished}\n")


def test_the_same_batch_runs_on_a_scheduler_and_workers_of_their_own(clips, rigs, blender, tmp_path):
    log = tmp_path / "log"
    log.touch()
    assert start(command(clips, rigs, tmp_path / "local", blender, "--workers", "2"), log, "0").wait(900) == 3
    where = tmp_path / "scheduler.json"
    environment = {**os.environ, "STUB_SECONDS": "0", "PYTHONPATH": str(ROOT)}
    dask = [sys.executable, "-m", "dask"]
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(where)]
    worker = ["worker", "--scheduler-file", str(where), "--nthreads", "1", "--no-dashboard", "--local-directory"]
    with log.open("ab") as said:
        options = {"stdout": said, "stderr": subprocess.STDOUT, "env": environment, "cwd": ROOT}
        processes = [subprocess.Popen([*dask, *scheduler], **options)]
        try:
            for number in range(2):
                processes.append(subprocess.Popen([*dask, *worker, str(tmp_path / f"w{number}")], **options))
            end = time.monotonic() + 120
            while not where.is_file() and time.monotonic() < end:
                time.sleep(0.2)
            address = json.loads(where.read_text())["address"]
            on_cluster = command(clips, rigs, tmp_path / "cluster", blender, "--scheduler", address)
            assert start(on_cluster, log, "0").wait(900) == 3, log.read_text()
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(30)
    assert contents(tmp_path / "cluster") == contents(tmp_path / "local")


def test_a_scheduler_that_is_not_there_is_named(clips, rigs, blender, tmp_path):
    log = tmp_path / "log"
    log.touch()
    arguments = command(clips, rigs, tmp_path / "out", blender, "--scheduler", "tcp://127.0.0.1:9")
    assert start(arguments, log).wait(300) == 2
    assert "No Dask scheduler answers at tcp://127.0.0.1:9" in log.read_text()
