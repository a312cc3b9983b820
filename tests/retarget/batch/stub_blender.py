"""A Blender that is none: it does the steps of a job with plain files, quickly and always the same.

STUB_SECONDS in its environment is how long each step takes.
"""

import json
import os
import struct
import sys
import threading
import time
import zlib
from pathlib import Path

NAMES = ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthSmileRight", "browInnerUp")
UNIT = [[float(i == j) for j in range(4)] for i in range(4)]


def describe(source: str, arrays: str) -> dict:
    corners = [float(x) for i in range(8) for x in (i & 1, i >> 1 & 1, i >> 2 & 1)]
    moved = [0.01 * (i % 3 == 2) for i in range(24)]
    Path(arrays).write_bytes(struct.pack("<48f", *corners, *moved))
    places = {"offset": 0, "count": 24}
    key = {"min": 0.0, "max": 1.0, "value": 0.0, "muted": False, "locked": False, "driven": False}
    keys = [{"name": name, **key, "delta": {"offset": 24, "count": 24}} for name in NAMES]
    mesh = {"object": "Head", "vertices": 8, "relative": True, "linked": False, "pinned": False, "action": None}
    obj = {"name": "Head", "type": "MESH", "parent": None, "parent_bone": None, "armatures": [], "visible": True}
    obj |= {"linked": False, "rotation_mode": "XYZ", "world": UNIT, "basis": UNIT, "action": None, "constraints": []}
    return {
        "schema": "mmface-rig/1",
        "source": source,
        "blender": "stub",
        "scene": {"fps": 24.0, "unit_scale": 1.0},
        "objects": [{**obj, "rotation": [row[:3] for row in UNIT[:3]], "box": [[0, 0, 0], [1, 1, 1]]}],
        "meshes": [{**mesh, "positions": places, "keys": keys, "skin": {}, "keys_name": "Key"}],
        "armatures": [],
        "actions": [],
    }


def picture(frame: int, motion: bytes) -> bytes:
    """A grey PNG of 8 x 8 that depends on frame and motion."""
    row = b"\0" + bytes([(frame * 7 + zlib.crc32(motion)) % 256]) * 8

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(row * 8)) + chunk(b"IEND", b"")


class Scene:
    """What has been opened and baked."""

    def __init__(self) -> None:
        self.rig = self.motion = b""

    def do(self, step: dict) -> dict:
        time.sleep(float(os.environ.get("STUB_SECONDS", "0")))
        return getattr(self, f"do_{step['do']}")(step) or {}

    def do_open(self, step: dict) -> dict:
        self.rig = Path(step["path"]).read_bytes()
        return {"warnings": []}

    def do_describe(self, step: dict) -> dict:
        return describe(step["source"], step["arrays"])

    def do_bake(self, step: dict) -> dict:
        path = Path(step["motion"])
        data = json.loads(path.read_text())
        self.motion = path.with_name(data.pop("curves_file")).read_bytes() + json.dumps(data).encode()
        return {"action": data["name"], "keyed": len(data["keys"]), "warnings": []}

    def do_save(self, step: dict) -> None:
        # Slowly, so that a kill may come in between.
        with open(step["path"], "wb") as file:
            for part in (self.rig, b"\n", self.motion):
                file.write(part)
                file.flush()
                time.sleep(float(os.environ.get("STUB_SECONDS", "0")))

    def do_export(self, step: dict) -> dict:
        Path(step["path"]).write_bytes(self.rig + b"\nexported\n" + self.motion)
        return {"warnings": ["a modifier was left out"]}

    def do_stills(self, step: dict) -> None:
        for number, frame in enumerate(step["frames"], 1):
            path = Path(step["folder"], f"{frame:06d}.png")
            unfinished = path.with_name(f".unfinished-{os.getpid()}-{path.name}")
            unfinished.write_bytes(picture(frame, self.motion))
            unfinished.replace(path)
            sys.stdout.write(f"MMFACE progress render {number} {len(step['frames'])}\n")
            sys.stdout.flush()

    def do_encode(self, step: dict) -> dict:
        names = sorted(Path(step["folder"]).glob(f"*{step['kind']}"))
        Path(step["path"]).write_bytes(b"".join(name.read_bytes() for name in names))
        return {"sound": False}


def end_with_parent() -> None:
    def wait() -> None:
        while os.read(0, 4096):
            pass
        os._exit(3)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    end_with_parent()
    job = json.loads(Path(sys.argv[-1]).read_text())
    scene = Scene()
    answer = {"schema": "mmface-job-answer/1", "results": []}
    try:
        for step in job["steps"]:
            answer["results"].append(scene.do(step))
    except OSError as error:
        answer["error"] = {"kind": "unreadable", "sentence": str(error), "traceback": ""}
    Path(job["answer"]).write_text(json.dumps(answer))
    os._exit(0)


if __name__ == "__main__":
    main()
