"""Starts a child Blender, hands it a job, reads its answer, and turns whatever goes wrong into a sentence.

The child is this Python if it can import bpy, otherwise a Blender program. It runs `blender_addon/scene/job.py`, with
scripts of the opened file off and without the user's own settings and add-ons.
"""

import importlib.util
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmface_core.errors import UserError

JOB_SCHEMA = "mmface-job/1"
ANSWER_SCHEMA = "mmface-job-answer/1"
RENDERING = ("render", "stills", "portraits")  # steps that need OpenGL, or Cycles
DEFAULT_LIMIT = 300.0  # seconds of silence after which a child counts as hung

Progress = Callable[[str, int, int], None]

INSTALL = (
    'Rigs are opened with Blender, which is not installed: run `pip install ".[blender]"` in the checkout of mmface, '
    "or name a Blender program with --blender."
)


class BlenderError(UserError):
    """Blender refused or failed. `kind` tells why in one word; `log` holds the child's last lines, for --debug."""

    def __init__(self, kind: str, sentence: str, log: str = "") -> None:
        super().__init__(sentence)
        self.kind, self.log = kind, log
        if log:
            self.add_note(log)


@dataclass(frozen=True)
class Blender:
    """How to start a child. program None: this Python with bpy. limit: seconds without a word from it."""

    program: str | None = None
    limit: float = DEFAULT_LIMIT

    def run(self, steps: list[dict[str, Any]], about: str, progress: Progress | None = None) -> list[dict[str, Any]]:
        """Do the steps of `blender_addon/scene/job.py` in one child; return one result for each.

        about: what the job is about, for sentences ("rig.blend"). progress is told (step, done, total).
        Raises BlenderError; the child is gone when this returns or raises, also at Ctrl-C.
        """
        with tempfile.TemporaryDirectory(prefix="mmface-job-") as folder:
            answer_path = Path(folder, "answer.json")
            job_path = Path(folder, "job.json")
            job = {"schema": JOB_SCHEMA, "answer": str(answer_path), "end_with_parent": True, "steps": steps}
            job_path.write_text(json.dumps(job))
            status, log = self._watch([*self._command(), str(job_path)], about, progress)
            if not answer_path.is_file():
                raise _crash(status, log, about, rendering=any(step["do"] in RENDERING for step in steps))
            answer = json.loads(answer_path.read_text(encoding="utf-8"))
        if error := answer.get("error"):
            if error["kind"] == "fault":
                sentence = f"Blender failed on {about}: {error['sentence']}. Run again with --debug for the details."
                raise BlenderError("fault", sentence, error["traceback"])
            raise BlenderError(error["kind"], error["sentence"], error["traceback"])
        return answer["results"]

    def _command(self) -> list[str]:
        script = str(_addon_folder() / "scene" / "job.py")
        if self.program is None and importlib.util.find_spec("bpy") is not None:
            return [sys.executable, script]
        program = shutil.which(self.program or "blender")
        if program is None and self.program:
            raise BlenderError("missing", f"There is no Blender program {self.program}.")
        if program is None:
            raise BlenderError("missing", INSTALL)
        return [program, "--background", "--factory-startup", "--disable-autoexec", "--python", script, "--"]

    def _watch(self, command: list[str], about: str, progress: Progress | None) -> tuple[int, str]:
        """Run the command to its end; return its exit status and its last lines."""
        try:
            # A session of its own: Ctrl-C reaches us alone, and we end the child with all that it started.
            child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # closes when we end, however we end, and the child with it
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise BlenderError("missing", f"{command[0]} could not be started: {error.strerror or error}.") from error
        lines: queue.Queue[str | None] = queue.Queue()
        reader = threading.Thread(target=_read_lines, args=(child, lines), daemon=True)
        reader.start()
        last: deque[str] = deque(maxlen=60)
        try:
            while True:
                line = lines.get(timeout=self.limit)
                if line is None:
                    break
                if line.startswith("MMFACE progress ") and progress:
                    _, _, step, done, total = line.split()
                    progress(step, int(done), int(total))
                elif not line.startswith("MMFACE "):
                    last.append(line.rstrip())
            return child.wait(timeout=self.limit), "\n".join(last)
        except (queue.Empty, subprocess.TimeoutExpired):
            sentence = (
                f"Blender did nothing for {self.limit:.0f} seconds on {about} and was stopped; "
                "raise --timeout if it needs longer."
            )
            raise BlenderError("timeout", sentence, "\n".join(last)) from None
        finally:
            _end(child)
            reader.join(timeout=5)


def _read_lines(child: "subprocess.Popen[str]", lines: "queue.Queue[str | None]") -> None:
    assert child.stdout is not None
    for line in child.stdout:
        lines.put(line)
    lines.put(None)


def _end(child: "subprocess.Popen[str]") -> None:
    if child.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
        child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe:
            pipe.close()


def _addon_folder() -> Path:
    """Where `blender_addon` lies: found, not imported, since its code may run in Blender alone."""
    spec = importlib.util.find_spec("blender_addon")
    if spec is None or not spec.submodule_search_locations:
        raise BlenderError("missing", "The folder blender_addon is missing; reinstall mmface.")
    return Path(next(iter(spec.submodule_search_locations)))


def _crash(status: int, log: str, about: str, rendering: bool) -> BlenderError:
    """The sentence for a child that ended without an answer."""
    library = next((line for line in log.splitlines() if "cannot open shared object file" in line), None)
    if library:
        name = library.split("ImportError:")[-1].split(":")[0].strip()
        return BlenderError(
            "library", f"Blender's Python module needs the system library {name}; install it (docs: Setup).", log
        )
    signals = {-int(s): s.name for s in signal.Signals}
    how = signals.get(status) or signals.get(128 - status) or f"exit status {status}"
    if rendering and how in ("SIGABRT", "SIGSEGV") and ("GL" in log or "EGL" in log or "GPU" in log):
        return BlenderError(
            "opengl",
            "Blender found no OpenGL to render with; install it (Debian, Ubuntu: apt-get install libegl1 "
            "libgl1-mesa-dri), render with --engine cycles, or leave --preview out.",
            log,
        )
    return BlenderError(
        "crash",
        f"Blender crashed ({how}) on {about}. Open the file in Blender and save it again, or try another Blender with "
        "--blender.",
        log,
    )
