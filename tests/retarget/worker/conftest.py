"""A worker process and a client of a few lines, without Blender."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from mmface_core.model.arkit import ARKIT_NAMES
from tests.takes import take_of

ROOT = Path(__file__).resolve().parents[3]


class Client:
    """Starts a worker; `ask` waits for the end of a request and returns all that was said about it."""

    def __init__(self, greet=True):
        self.child = subprocess.Popen(
            [sys.executable, "-m", "retarget.worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self.said = queue.Queue()
        self.count = 0
        threading.Thread(target=self._read, daemon=True).start()
        self.hello = self.ask("hello", protocol="mmface-worker/1")[-1]["result"] if greet else None

    def _read(self):
        for line in self.child.stdout:
            self.said.put(json.loads(line))
        self.said.put(None)

    def raw(self, line: bytes):
        self.child.stdin.write(line)
        self.child.stdin.flush()

    def send(self, do, **entries):
        self.count += 1
        self.raw(json.dumps({"id": self.count, "do": do, **entries}).encode() + b"\n")
        return self.count

    def next(self, timeout=60):
        message = self.said.get(timeout=timeout)
        assert message is not None, "the worker is gone"
        return message

    def until_end(self, number):
        messages = []
        while not messages or messages[-1]["event"] not in ("done", "error", "cancelled"):
            message = self.next()
            if message.get("id") == number:
                messages.append(message)
        return messages

    def ask(self, do, **entries):
        return self.until_end(self.send(do, **entries))

    def error(self, do, **entries):
        last = self.ask(do, **entries)[-1]
        assert last["event"] == "error", last
        return last["error"]

    def ends(self, within=10):
        until = time.monotonic() + within
        while self.child.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        return self.child.poll()

    def close(self):
        for pipe in (self.child.stdin, self.child.stdout):
            pipe.close()
        if self.ends() is None:
            self.child.kill()
        self.child.wait()


@pytest.fixture
def client():
    made = Client()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared_client():
    """One worker for tests that leave it as they found it."""
    made = Client()
    yield made
    made.close()


@pytest.fixture(scope="session")
def take(tmp_path_factory) -> Path:
    """Two seconds at 30 frames a second: the jaw opens, the head turns."""
    count = 60
    weights = np.zeros((count, 52), np.float32)
    weights[:, ARKIT_NAMES.index("jawOpen")] = np.linspace(0, 1, count)
    path = tmp_path_factory.mktemp("take") / "clip.npz"
    take_of(weights, image_size=np.array([64, 64], np.int32)).save(path)
    return path


def _rows(matrix):
    return [list(map(float, row)) for row in matrix]


@pytest.fixture(scope="session")
def rig(tmp_path_factory) -> Path:
    """The description of a head with three keys, as the add-on writes it."""
    path = tmp_path_factory.mktemp("rig") / "rig.json"
    positions = np.random.default_rng(1).normal(size=(20, 3)).astype("<f4")
    deltas = {"jawOpen": (0, 0, -0.3), "eyeBlinkLeft": (0, 0, -0.1), "eyeBlinkRight": (0, 0, -0.1)}
    arrays, keys = [positions], []
    offset = positions.size
    for name, delta in deltas.items():
        moved = np.tile(np.array(delta, "<f4"), (20, 1))
        arrays.append(moved)
        keys.append(
            {
                "name": name,
                "min": 0.0,
                "max": 1.0,
                "value": 0.0,
                "muted": False,
                "locked": False,
                "driven": False,
                "delta": {"offset": offset, "count": moved.size},
            }
        )
        offset += moved.size
    np.concatenate([a.reshape(-1) for a in arrays]).tofile(path.with_suffix(".f32"))
    eye = _rows(np.eye(4))
    head = {
        "name": "Head",
        "type": "MESH",
        "parent": None,
        "parent_bone": None,
        "armatures": [],
        "visible": True,
        "linked": False,
        "rotation_mode": "XYZ",
        "world": eye,
        "basis": eye,
        "rotation": _rows(np.eye(3)),
        "box": [[-1, -1, -1], [1, 1, 1]],
        "action": None,
        "constraints": [],
    }
    mesh = {
        "object": "Head",
        "vertices": 20,
        "keys_name": "Key",
        "relative": True,
        "linked": False,
        "pinned": False,
        "action": None,
        "positions": {"offset": 0, "count": positions.size},
        "keys": keys,
        "skin": {},
    }
    data = {
        "schema": "mmface-rig/1",
        "source": "scene",
        "blender": "4.5",
        "scene": {"fps": 24.0, "unit_scale": 1.0},
        "objects": [head],
        "meshes": [mesh],
        "armatures": [],
        "actions": [],
    }
    path.write_text(json.dumps(data))
    return path
