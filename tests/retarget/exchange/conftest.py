"""A performance to send out and back, and readers of each format that are none of ours."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from mmface_core.conventions import euler_to_rotation
from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES
from mmface_core.model.face_model import FaceModel

SCRIPTS = Path(__file__).parent / "scripts"


def lively(make_take, fps=25.0, count=60, gap=None):
    """Every unit moves by itself, and the head turns."""
    t = np.arange(count)[:, None] / fps
    phase = np.arange(52)
    values = 0.5 + 0.45 * np.sin(2 * np.pi * (0.5 + 0.03 * phase) * t + phase)
    angles = np.stack([0.6 * np.sin(3 * t[:, 0]), 0.3 * np.cos(2 * t[:, 0]), 0.2 * np.sin(5 * t[:, 0])], axis=1)
    present = np.ones(count, bool)
    if gap is not None:
        present[gap] = False
    rotation = np.stack([euler_to_rotation(*a) for a in angles]).astype(np.float32)
    rotation[~present] = np.eye(3)
    units = {name: np.where(present, values[:, i], 0.0) for i, name in enumerate(ARKIT_NAMES)}
    confidence = present.astype(np.float32)
    return make_take(units, rotation=rotation, fps=fps, count=count, present=present, confidence=confidence)


@pytest.fixture(scope="session")
def lively_take(make_take):
    return lambda **options: lively(make_take, **options)


def read_live_link_face(path):
    """(seconds, {unit: values}) by the csv module and the timecode's own definition at 60 frames a second."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["BlendShapeCount"] != "0"]
    times = []
    for row in rows:
        hours, minutes, seconds, frames = row["Timecode"].split(":")
        times.append(3600 * int(hours) + 60 * int(minutes) + int(seconds) + float(frames) / 60)
    return np.array(times), {n: np.array([float(row[n[0].upper() + n[1:]]) for row in rows]) for n in ARKIT_NAMES}


def read_face_cap(path):
    lines = [line.split(",") for line in path.read_text().splitlines()]
    names = next(line[1:] for line in lines if line[0] == "bs")
    frames = np.array([[float(cell) for cell in line[1:]] for line in lines if line[0] == "k"])
    spelt = {n.replace("_L", "Left").replace("_R", "Right"): i for i, n in enumerate(names)}
    return frames[:, 0] / 1000, {n: frames[:, 11 + spelt[n]] for n in ARKIT_NAMES}


def read_table(path):
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["jawOpen"]]
    return np.array([float(r["time"]) for r in rows]), {n: np.array([float(r[n]) for r in rows]) for n in ARKIT_NAMES}


def read_json(path):
    data = json.loads(path.read_text())
    frames = [frame for frame in data["frames"] if frame["weights"] is not None]
    values = np.array([frame["weights"] for frame in frames])
    return np.array([frame["time"] for frame in frames]), {n: values[:, i] for i, n in enumerate(data["names"])}


def read_npz(path):
    with np.load(path) as file:
        shown = file["present"]
        return file["time"][shown], {str(n): file["weights"][shown, i] for i, n in enumerate(file["weight_names"])}


def read_meshes(path):
    """Weights by least squares from the vertices that trimesh reads."""
    import trimesh

    model = FaceModel.load(parts=None)
    basis = model.expression_basis.numpy()[[model.expression_names.index(n) for n in ARKIT_NAMES]].reshape(52, -1).T
    rest = model.mean.numpy().reshape(-1)
    chosen = np.arange(0, len(basis), 3)  # every third number is enough, and quicker
    times, weights = [], []
    for file in sorted(path.parent.glob(f"{path.stem}.*{path.suffix}")):
        times.append(float(next(line for line in file.read_bytes().split(b"\n") if b"time" in line).split()[-3]))
        mesh = trimesh.load(file, process=False, maintain_order=True)
        offset = (np.asarray(mesh.vertices).reshape(-1) - rest)[chosen]
        weights.append(lsq_linear(basis[chosen], offset, (0, 1)).x)
    return np.array(times), {n: np.array(weights)[:, i] for i, n in enumerate(ARKIT_NAMES)}


def read_glb(path):
    """(seconds, {mesh: {key: values}}) by pygltflib."""
    from pygltflib import GLTF2

    gltf = GLTF2().load(str(path))
    blob = gltf.binary_blob()

    def numbers(index):
        accessor = gltf.accessors[index]
        view = gltf.bufferViews[accessor.bufferView]
        start = (view.byteOffset or 0) + (accessor.byteOffset or 0)
        return np.frombuffer(blob, "<f4", accessor.count, start)

    assert len(gltf.animations) == 1
    meshes, times = {}, None
    for channel in gltf.animations[0].channels:
        if channel.target.path == "weights":
            sampler = gltf.animations[0].samplers[channel.sampler]
            node = gltf.nodes[channel.target.node]
            names = gltf.meshes[node.mesh].extras["targetNames"]
            times = numbers(sampler.input)
            values = numbers(sampler.output).reshape(len(times), len(names))
            meshes[node.name] = {name: values[:, i] for i, name in enumerate(names)}
    return times, meshes


def read_scenes(*paths):
    """{file name: {"fps", mesh: {key: [frames, values]}}} as Blender imports them."""
    command = [sys.executable, str(SCRIPTS / "read_scene.py"), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    answers = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert answers, done.stdout + done.stderr
    return json.loads(answers[-1].removeprefix("RESULT "))


@pytest.fixture(scope="session")
def readers():
    return {
        "livelink": read_live_link_face,
        "facecap": read_face_cap,
        "csv": read_table,
        "json": read_json,
        "take": read_npz,
        "mesh": read_meshes,
        "glb": read_glb,
        "scenes": read_scenes,
        "index": ARKIT_INDEX,
    }
