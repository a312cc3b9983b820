"""The readers under fire. To add one: a line in READERS."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.fuzz import model_readers
from tests.fuzz.worker_reader import seed_worker, worker

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "examples" / "sample.mp4"
AVATAR = ROOT / "examples" / "avatar.blend"


@dataclass(frozen=True)
class Reader:
    """read(path): reads a file of the kind `suffix` whole. seed(path): writes a good one. slow: starts Blender. heavy:
    takes a second, so that few cases are in the fast tests.
    """

    name: str
    suffix: str
    read: Callable[[Path], Any]
    seed: Callable[[Path], Any]
    slow: bool = False
    heavy: bool = False


def take(path: Path) -> None:
    from mmface_core.take import Take
    from retarget.performance import Settings, performance_of

    performance_of(Take.load(path), Settings(smooth=0.0))


def seed_take(path: Path) -> None:
    from tests.takes import take_of

    count = 12
    weights = np.random.default_rng(1).random((count, 52)).astype(np.float32)
    take_of(
        weights,
        fps=25.0,
        image_size=np.array([64, 48], np.int32),
        landmarks=np.ones((count, 68, 3), np.float32),
        translation=np.ones((count, 2), np.float32),
    ).save(path)


def recording(path: Path) -> None:
    """What other tools recorded, by the ending."""
    from retarget.exchange.takes import open_take
    from retarget.performance import Settings, performance_of

    performance_of(open_take(path), Settings(smooth=0.0))


def seed_recording(path: Path, named: str) -> None:
    from retarget.exchange.convert import convert

    taken = path.with_name("good.npz")
    seed_take(taken)
    convert(taken, path, named=named)
    taken.unlink()


def motion(path: Path) -> None:
    from retarget.motion import load_motion

    load_motion(path)


def seed_motion(path: Path) -> None:
    from retarget.motion import KeyCurve, RigMotion, RotationCurve, save_motion
    from retarget.timing import FrameRate

    keys = (KeyCurve("Head", "jawOpen", np.linspace(0, 1, 9)),)
    turns = (RotationCurve("Rig", "head", np.tile([1.0, 0, 0, 0], (9, 1)), locations=np.zeros((9, 3))),)
    save_motion(RigMotion("clip", FrameRate(25, 1.0), 1, 9, keys, turns), path)


def mapping(path: Path) -> None:
    from mmface_core.archive import read_json
    from retarget.mapping.schema import mapping_from_json

    mapping_from_json(read_json(path, "a mapping"))


def seed_mapping(path: Path) -> None:
    from retarget.mapping.schema import Channel, KeyTarget, Mapping, TurnTarget

    channels = (Channel("jawOpen", (KeyTarget("Head", "Jaw", 0.5, -1.0, 2.0),)),)
    head = TurnTarget("Rig", None, "name", about=(0.0, 1.0, 2.0))
    path.write_text(json.dumps(Mapping(channels, head=head).to_json()))


def model(path: Path) -> None:
    from mmface_core.model.face_model import FaceModel

    FaceModel.load(path)


def seed_model(path: Path) -> None:
    from mmface_core.model.face_model import DEFAULT_MODEL_PATH

    path.write_bytes(DEFAULT_MODEL_PATH.read_bytes())


def piece(path: Path) -> None:
    from mmface_core.capture.pieces import CapturedPiece

    CapturedPiece.load(path)


def image(path: Path) -> None:
    from mmface_core.capture.sources import read_image

    read_image(path)


def seed_image(path: Path) -> None:
    picture = np.random.default_rng(2).integers(0, 255, (48, 64, 3), np.uint8)
    cv2.imwrite(str(path), cv2.GaussianBlur(picture, (9, 9), 0))


def video(path: Path) -> None:
    from mmface_core.capture.sources import open_source

    source = open_source(path)
    try:
        for frame in source.frames():
            if frame.index >= 10:
                break
    finally:
        source.close()


def seed_video(path: Path) -> None:
    if path.suffix == ".mp4":
        path.write_bytes(SAMPLE.read_bytes())
        return
    code = {".avi": "MJPG", ".mkv": "MJPG", ".webm": "VP80"}[path.suffix]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*code), 25.0, (96, 64))
    for i in range(12):
        writer.write(np.full((64, 96, 3), 20 * i, np.uint8))
    writer.release()


def pts(path: Path) -> None:
    from train.measure.annotations import read_pts

    read_pts(path)


def seed_pts(path: Path) -> None:
    rows = "\n".join(f"{i + 0.5} {2 * i}" for i in range(68))
    path.write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n")


def mat(path: Path) -> None:
    from train.measure.annotations import read_pose

    read_pose(path)


def seed_mat(path: Path) -> None:
    from scipy.io import savemat

    savemat(path, {"Pose_Para": np.array([[0.1, 0.2, 0.3, 1, 2, 3, 4]])}, do_compression=True)


def extra(path: Path) -> None:
    from train.measure.annotations import read_extra

    read_extra(path)


def seed_extra(path: Path) -> None:
    np.savez(path, pts68_reannotated=np.ones((2, 68)), pts68_3d=np.ones((3, 68)))


def jobs(path: Path) -> None:
    from retarget.batch.jobs import read_jobs

    read_jobs(path)


def seed_csv(path: Path) -> None:
    path.write_text('clip,rig,smooth,preview\na.mp4,hero.blend,0.3,yes\n"b, c.mp4",,,\n')


def seed_toml(path: Path) -> None:
    path.write_text(
        '[defaults]\nsmooth = 0.2\n[[job]]\nclip = ["a.mp4", "b.mp4"]\nrigs = ["hero.blend"]\nstart = 101\n'
    )


def rig(path: Path) -> None:
    from retarget.blender import Blender
    from retarget.pipeline import read_and_map

    read_and_map(path, blender=Blender(limit=60))


def seed_blend(path: Path) -> None:
    path.write_bytes(AVATAR.read_bytes())


def seed_plain_blend(path: Path) -> None:
    """Not compressed: of a compressed file nearly any broken byte is found before Blender looks at what is in it."""
    lines = (
        "import bpy, os",
        f"bpy.ops.wm.open_mainfile(filepath={str(AVATAR)!r})",
        f"bpy.ops.wm.save_as_mainfile(filepath={str(path)!r}, compress=False)",
        "os._exit(0)",
    )
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, capture_output=True, timeout=300)


def seed_glb(path: Path) -> None:
    """A triangle with one shape key."""
    import struct

    points = struct.pack("<18f", 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1)
    view = {"buffer": 0, "byteLength": 36}
    kind = {"componentType": 5126, "count": 3, "type": "VEC3"}
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "Head"}],
        "meshes": [
            {
                "primitives": [{"attributes": {"POSITION": 0}, "targets": [{"POSITION": 1}]}],
                "extras": {"targetNames": ["jawOpen"]},
            }
        ],
        "accessors": [
            {"bufferView": 0, **kind, "min": [0, 0, 0], "max": [1, 1, 0]},
            {"bufferView": 1, **kind, "min": [0, 0, 1], "max": [0, 0, 1]},
        ],
        "bufferViews": [view, {**view, "byteOffset": 36}],
        "buffers": [{"byteLength": len(points)}],
    }
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(points), b"BIN\0") + points
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body)


READERS = (
    Reader("take", ".npz", take, seed_take),
    Reader("live link face", ".csv", recording, partial(seed_recording, named="livelink")),
    Reader("face cap", ".txt", recording, partial(seed_recording, named="facecap")),
    Reader("weights csv", ".csv", recording, partial(seed_recording, named="csv")),
    Reader("weights json", ".json", recording, partial(seed_recording, named="json")),
    Reader("motion", ".json", motion, seed_motion),
    Reader("mapping", ".json", mapping, seed_mapping),
    Reader("face model", ".npz", model, seed_model),
    Reader("piece of a capture", ".npz", piece, seed_extra),
    Reader("jpeg", ".jpg", image, seed_image),
    Reader("png", ".png", image, seed_image),
    Reader("webp", ".webp", image, seed_image),
    Reader("tiff", ".tif", image, seed_image),
    Reader("bmp", ".bmp", image, seed_image),
    Reader("mp4", ".mp4", video, seed_video),
    Reader("avi", ".avi", video, seed_video),
    Reader("mkv", ".mkv", video, seed_video),
    Reader("pts", ".pts", pts, seed_pts),
    Reader("mat", ".mat", mat, seed_mat),
    Reader("extra npz", ".npz", extra, seed_extra),
    Reader("jobs csv", ".csv", jobs, seed_csv),
    Reader("jobs toml", ".toml", jobs, seed_toml),
    Reader("worker", ".jsonl", worker, seed_worker),
    *(
        Reader(
            form.name,
            Path(form.broken).suffix,
            partial(model_readers.read, form),
            partial(model_readers.seed, form),
            heavy=form.heavy,
        )
        for form in model_readers.FORMATS
    ),
    Reader("blend", ".blend", rig, seed_blend, slow=True),
    Reader("plain blend", ".blend", rig, seed_plain_blend, slow=True),
    Reader("glb", ".glb", rig, seed_glb, slow=True),
)
