# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine process: started with pipes, read by threads, never waited for.

It speaks JSON lines (`retarget/worker/__init__.py` has the protocol). It ends when our end of its standard input
closes, so it cannot outlive Blender, however Blender ends.
"""

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque

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


def close_after(thread, pipe, seconds: float) -> None:
    """Close a pipe once its thread is done with it, within `seconds`, or else leave it to the thread.

    A thread that still reads holds the pipe's lock: closing it would wait for whoever holds the other end, which may
    be a process that outlives the one that we started, and Blender would stand still as long as that lives.
    """
    thread.join(timeout=seconds)
    if not thread.is_alive():
        with contextlib.suppress(OSError, ValueError):
            pipe.close()


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
        self._arrived = queue.SimpleQueue()
        self._outgoing = queue.SimpleQueue()
        self._log = deque(maxlen=LOG_LINES)
        self._count = 0
        self._garbage = 0
        self.last_word = time.monotonic()
        self._pipes = {
            threading.Thread(target=target, name=f"mmface {name}", daemon=True): pipe
            for name, target, pipe in (
                ("answers", self._read, self._child.stdout),
                ("log", self._read_log, self._child.stderr),
                ("requests", self._write, self._child.stdin),
            )
        }
        for thread in self._pipes:
            thread.start()

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def log(self) -> str:
        """The last lines that the engine wrote for people."""
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
        self._outgoing.put(json.dumps({"id": self._count, "do": do, **entries}).encode() + b"\n")
        return self._count

    def drain(self) -> list:
        """The messages that arrived since the last call."""
        messages = []
        while True:
            try:
                message = self._arrived.get_nowait()
            except queue.Empty:
                return messages
            self.last_word = time.monotonic()
            messages.append(message)

    def close(self) -> None:
        """End the engine: politely, then not. Returns when it is gone."""
        self._outgoing.put(None)  # ends the writing thread, which closes the pipe
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(QUIT_WITHIN)
        self.kill()

    def kill(self) -> None:
        """End the engine at once and remove what it left."""
        kill_all(self._child)
        self._outgoing.put(None)
        for thread, pipe in self._pipes.items():
            close_after(thread, pipe, 1.0)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in self._child.stdout:
                try:
                    message = json.loads(line)
                    if not isinstance(message, dict):
                        raise ValueError(line)
                except ValueError:
                    # A library that prints where it should not: kept for the details, else of no matter.
                    self._log.append("(not an answer) " + line[:200].decode("utf-8", "replace").rstrip())
                    continue
                self._arrived.put(message)

    def _read_log(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in self._child.stderr:
                self._log.append(line[:500].decode("utf-8", "replace").rstrip())

    def _write(self) -> None:
        """In a thread: an engine that does not read must not stop Blender."""
        with contextlib.suppress(OSError, ValueError):
            while (line := self._outgoing.get()) is not None:
                self._child.stdin.write(line)
                self._child.stdin.flush()
        with contextlib.suppress(OSError, ValueError):
            self._child.stdin.close()


def how_it_ended(status: int) -> str:
    """In words, for a sentence: "signal 9" or "exit status 1"."""
    return f"signal {-status}" if status < 0 else f"exit status {status}"
