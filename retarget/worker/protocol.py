"""JSON lines over pipes: how a request is read and an answer written, and what a running request can be told."""

import json
import queue
import threading
import traceback
from collections import deque
from typing import Any, BinaryIO

from mmface_core.errors import UserError

PROTOCOL = "mmface-worker/1"
LONGEST_LINE = 16 << 20  # bytes; a mapping has some 50 kB, so a longer line is garbage

Message = dict[str, Any]


class Cancelled(Exception):
    """The request is not wanted any more."""


class ProtocolError(UserError):
    """A line that is no request."""


def read_message(line: bytes) -> Message:
    """The request in a line. Raises ProtocolError where it is none."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"The engine was sent a line that is not JSON: {line[:60]!r}.") from error
    if not isinstance(message, dict) or not isinstance(message.get("do"), str):
        raise ProtocolError(f"The engine was sent a line that is no request: {line[:60]!r}.")
    # Requests are kept by their numbers, and answers carry them.
    if not all(isinstance(message.get(name), int | str | None) for name in ("id", "to")):
        raise ProtocolError(f"The engine was sent a request with a wrong number: {line[:60]!r}.")
    return message


class Writer:
    """Writes messages to one pipe from several threads, each message whole.

    Nobody waits for the reader: Blender looks into its pipe between two drawings, and of the pictures of a camera that
    come meanwhile none must be lost.
    """

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._broken: OSError | None = None
        self._thread = threading.Thread(target=self._write, name="answers", daemon=True)
        self._thread.start()

    def send(self, message: Message) -> None:
        """Write one line, soon. Raises OSError once it was found that nobody reads any more."""
        if self._broken is not None:
            raise self._broken
        self._lines.put(json.dumps(message, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace") + b"\n")

    def close(self, patience: float) -> None:
        """Write what is left, for so many seconds at most."""
        self._lines.put(None)
        self._thread.join(patience)

    def _write(self) -> None:
        try:
            while (line := self._lines.get()) is not None:
                self._pipe.write(line)
                self._pipe.flush()
        except OSError as error:
            self._broken = error


class Job:
    """A request that is being worked on: it reports progress, may be cancelled, and may be told things meanwhile."""

    def __init__(self, number: Any, writer: Writer) -> None:
        self.number = number
        self._writer = writer
        self._cancelled = threading.Event()
        self._told: deque[Message] = deque()

    def cancel(self) -> None:
        """Ask the request to end; called from another thread."""
        self._cancelled.set()

    def check(self) -> None:
        """Raises Cancelled if the request is not wanted any more."""
        if self._cancelled.is_set():
            raise Cancelled

    def tell(self, message: Message) -> None:
        """Hand something to the request; called from another thread."""
        self._told.append(message)

    def told(self) -> list[Message]:
        """What the request was handed since the last call."""
        messages = []
        while self._told:
            messages.append(self._told.popleft())
        return messages

    def say(self, event: str, **entries: Any) -> None:
        """Send an event of this request."""
        self._writer.send({"id": self.number, "event": event, **entries})

    def progress(self, stage: str, done: int = 0, total: int = 0, **entries: Any) -> None:
        """Say how far the request is. total: 0 where unknown."""
        self.say("progress", stage=stage, done=done, total=total, **entries)


def error_entry(error: BaseException) -> dict[str, str]:
    """What the person is told (`sentence`), and what goes into a bug report (`details`)."""
    details = "".join(traceback.format_exception(error))
    if isinstance(error, ProtocolError):
        return {"kind": "protocol", "sentence": str(error), "details": details}
    if isinstance(error, UserError):
        return {"kind": "user", "sentence": str(error), "details": details}
    if isinstance(error, MemoryError):
        return {"kind": "fault", "sentence": "The engine ran out of memory; close other programs.", "details": details}
    reason = f"{type(error).__name__}: {error}"
    return {"kind": "fault", "sentence": f"The engine failed ({reason}). Please report it.", "details": details}
