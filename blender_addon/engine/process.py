# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine process: started with pipes that are looked into now and then, never waited for.

It speaks JSON lines (`retarget/worker/__init__.py` has the protocol). It ends when our end of its standard input
closes, so it cannot outlive Blender, however Blender ends.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections import deque

from .pipes import Inbox, Outbox

PROTOCOL = "mmface-worker/1"
LOG_LINES = 200
SILENCE_LIMIT = 45.0  # seconds; while it works the engine says every 2 seconds that it lives
QUIT_WITHIN = 2.0  # seconds


def clean_environment() -> dict:
    """Our environment without what Blender sets for its own Python."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP")}


def hidden_window() -> dict:
    """Arguments that keep a console window from appearing on Windows."""
    flag = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    return {"creationflags": flag} if flag else {"start_new_session": True}


def kill_all(child) -> None:
    """End a process that was started with `hidden_window`, and what it has started itself; wait for it."""
    if child.poll() is None:
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
        child.kill()
    child.wait()


class EngineError(Exception):
    """What the engine answered instead of a result, or that it is gone. `details` are for a bug report."""

    def __init__(self, sentence: str, details: str = "", kind: str = "fault") -> None:
        super().__init__(sentence)
        self.details, self.kind = details, kind


class EngineProcess:
    """One running engine. Nothing here blocks: `drain` returns what has arrived."""

    def __init__(self, command: list) -> None:
        """command: the Python to run and its arguments. Raises EngineError where it cannot be started."""
        # A folder of its own, so that no file beside us can stand in for the engine's modules.
        self.folder = tempfile.mkdtemp(prefix="mmface-addon-")
        try:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=self.folder,
                # Its temporary files lie there too, so that nothing is left of an engine that was killed at any moment.
                env={**clean_environment(), **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), self.folder)},
                **hidden_window(),
            )
        except OSError as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise EngineError(
                f"The engine could not be started with {command[0]}: {error.strerror or error}. "
                "Choose another Python in the add-on's preferences, or press Set Up Engine.",
                repr(error),
                "missing",
            ) from error
        self._answers, self._words = Inbox(self._child.stdout), Inbox(self._child.stderr)
        self._requests = Outbox(self._child.stdin)
        self._log = deque(maxlen=LOG_LINES)
        self._count = 0
        self.last_word = time.monotonic()

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def log(self) -> str:
        """The last lines that the engine wrote for people."""
        self._keep(self._words.lines())
        return "\n".join(self._log)

    def ended(self):
        """The exit status once the process is gone; None while it runs."""
        return self._child.poll()

    def silent_for(self) -> float:
        """Seconds since its last word."""
        return time.monotonic() - self.last_word

    def send(self, do: str, **entries) -> int:
        """Ask for something; return the number that its answers carry."""
        self._count += 1
        self.last_word = time.monotonic()  # silence counts from the question on
        self._requests.put(json.dumps({"id": self._count, "do": do, **entries}).encode() + b"\n")
        return self._count

    def drain(self) -> list:
        """The messages that arrived since the last call. Whoever waits for answers calls it again and again: requests
        that the engine could not take at once go out here.
        """
        self._requests.flush()
        self._keep(self._words.lines())
        messages = [message for line in self._answers.lines() if (message := self._message(line)) is not None]
        if messages:
            self.last_word = time.monotonic()
        return messages

    def close(self) -> None:
        """End the engine: politely, then not. Returns when it is gone."""
        self._requests.close()
        until = time.monotonic() + QUIT_WITHIN
        while self._child.poll() is None and time.monotonic() < until:
            self._answers.lines()  # an engine that cannot get rid of a last answer would not end
            self._keep(self._words.lines())
            time.sleep(0.01)
        self.kill()

    def kill(self) -> None:
        """End the engine at once and remove what it left."""
        kill_all(self._child)
        self._requests.close()
        self._answers.close()
        self._keep(self._words.close())
        shutil.rmtree(self.folder, ignore_errors=True)

    def _message(self, line: bytes):
        """A line of the protocol; None for anything else."""
        try:
            message = json.loads(line)
            if isinstance(message, dict):
                return message
        except ValueError:
            pass
        # A library that prints where it should not: kept for the details, else of no matter.
        self._keep([b"(not an answer) " + line[:200]])
        return None

    def _keep(self, lines: list) -> None:
        self._log.extend(line[:500].decode("utf-8", "replace").rstrip() for line in lines)


def how_it_ended(status: int) -> str:
    """In words, for a sentence: "signal 9" or "exit status 1"."""
    return f"signal {-status}" if status < 0 else f"exit status {status}"
