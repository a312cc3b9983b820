"""The worker's protocol under fire: broken lines to a whole worker, each of which must get one answer."""

import json
import threading
from io import BytesIO
from pathlib import Path
from typing import Any

# What the requests import takes seconds, which is no sign of a hanging worker.
import retarget.mapping.by_name
import retarget.motion
import retarget.pipeline  # noqa: F401
from mmface_core.errors import UserError
from retarget.worker.server import Worker
from tests.retarget.batch.stub_blender import describe

PATIENCE = 15.0  # seconds for one answer
LAST = ("done", "error", "cancelled")
FILES = ("path", "take", "rig")  # entries that name files, also such as are written
_KEY = {"object": "Head", "key": "jawOpen"}
HELLO = b'{"id": 0, "do": "hello", "protocol": "mmface-worker/1"}'


def seed_worker(path: Path) -> None:
    """Requests that a worker can do with the take, the rig and the mapping that are written beside them."""
    from tests.fuzz.readers import seed_take

    mapping = {"schema": "mmface-mapping/1", "channels": [{"channel": "jawOpen", "targets": [_KEY]}]}
    seed_take(path.with_name("good.npz"))
    path.with_name("good.map.json").write_text(json.dumps(mapping))
    described = describe("rig.blend", str(path.with_name("good.rig.f32")))
    path.with_name("good.rig.json").write_text(json.dumps(described))
    settings = {"smooth": 0.4, "gaps": {"lost": "hold"}, "layer": {"only": ["mouth"]}}
    requests: list[dict[str, Any]] = [
        {"id": 1, "do": "read_mapping", "path": "good.map.json"},
        {"id": 2, "do": "write_mapping", "path": "out.json", "mapping": mapping},
        {"id": 3, "do": "take_facts", "take": "good.npz"},
        {"id": "four", "do": "map_rig", "rig": "good.rig.json", "name": "rig", "head": "absolute"},
        {"id": 5, "do": "motion", "take": "good.npz", "rig": "good.rig.json", "mapping": mapping, "path": "out.json"},
        {"id": 6, "do": "hello"},
    ]
    requests[4] |= {"settings": settings, "fps": 24.0}
    path.write_text("\n".join(json.dumps(request) for request in requests))


class _Lines:
    """What the worker reads from: a line, then the next when that one is answered, then the end."""

    def __init__(self, lines: list[bytes], answers: "_Answers") -> None:
        self._lines, self._answers, self._given = lines, answers, 0

    def readline(self, limit: int) -> bytes:
        self._answers.wait(self._given)
        if self._given < len(self._lines):
            self._given += 1
            return self._lines[self._given - 1][:limit]
        return b'{"do": "shutdown"}\n'


class _Answers(BytesIO):
    """What the worker writes to."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[dict[str, Any]] = []
        self._change = threading.Condition()

    def write(self, line: Any) -> int:
        with self._change:
            self.messages.append(json.loads(line))
            self._change.notify()
        return len(line)

    def wait(self, count: int) -> None:
        """Until so many requests are answered; no longer than anybody would wait."""
        with self._change:
            self._change.wait_for(lambda: len(self.last()) >= count, PATIENCE)

    def last(self) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["event"] in LAST]


def _tamed(line: bytes, folder: Path) -> bytes:
    """The line, with every file that it names in `folder`: what it writes must not be dear to us."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return line
    if not isinstance(message, dict) or message.get("do") in ("shutdown", "cancel", "tell"):
        return b"{}\n"
    for name in FILES:
        if isinstance(message.get(name), str):
            message[name] = str(folder / Path(message[name]).name[:40].replace("\0", "0"))
    return json.dumps(message).encode() + b"\n"


def worker(path: Path) -> None:
    """Send the lines of a file to a worker. Raises UserError where it refused one, AssertionError where it failed."""
    lines = [_tamed(line + b"\n", path.parent) for line in path.read_bytes().split(b"\n")]
    answers = _Answers()
    server = Worker(_Lines([HELLO + b"\n", *lines], answers), answers)  # type: ignore[arg-type]
    serving = threading.Thread(target=server.serve, daemon=True)
    serving.start()
    serving.join(PATIENCE * 2)
    last = answers.last()
    assert not serving.is_alive() and len(last) == 1 + len(lines), f"{len(last)} answers to {1 + len(lines)} lines"
    errors = [message["error"] for message in last if message["event"] == "error"]
    for error in errors:
        assert error["kind"] != "fault", error["sentence"]
    if errors:
        raise UserError(errors[0]["sentence"])
