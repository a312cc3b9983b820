"""Reads requests, does them one after another, and ends with the program that started it."""

import inspect
import os
import queue
import reprlib
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any, BinaryIO

from retarget.worker.protocol import (
    LONGEST_LINE,
    PROTOCOL,
    Cancelled,
    Job,
    Message,
    ProtocolError,
    Writer,
    error_entry,
    read_message,
)
from retarget.worker.requests import State, request_named
from retarget.worker.settings import fits

ALIVE_EVERY = 2.0  # seconds between two signs of life while a request is worked on
LAST_WORDS = 2.0  # seconds that a reader has to take them


class Worker:
    """One engine process. `source` and `sink` are its ends of the pipes."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._writer = Writer(sink)
        self._waiting: queue.Queue[tuple[Job, Message] | None] = queue.Queue()
        self._jobs: dict[Any, Job] = {}
        self._greeted = False
        self._busy = threading.Event()
        self.state = State(Path(tempfile.mkdtemp(prefix="mmface-worker-")))

    def serve(self) -> None:
        """Work until asked to shut down. When the pipe closes, the process ends wherever it is."""
        threading.Thread(target=self._read, name="requests", daemon=True).start()
        threading.Thread(target=self._show_life, name="alive", daemon=True).start()
        try:
            while (item := self._waiting.get()) is not None:
                job, message = item
                self._busy.set()
                self._do(job, message)
                self._busy.clear()
                self._jobs.pop(job.number, None)
        except OSError:
            pass  # nobody reads our answers any more
        finally:
            self._writer.close(LAST_WORDS)
            shutil.rmtree(self.state.folder, ignore_errors=True)

    def _read(self) -> None:
        while line := self._source.readline(LONGEST_LINE):
            try:
                if self._take(line):
                    return
            except OSError:
                break
        # Whoever started us is gone, and whatever we are doing is of no use to anybody.
        shutil.rmtree(self.state.folder, ignore_errors=True)
        os._exit(0)

    def _take(self, line: bytes) -> bool:
        """Accept one line; return whether it was the last."""
        try:
            message = read_message(line)
        except ProtocolError as error:
            self._writer.send({"id": None, "event": "error", "error": error_entry(error)})
            return False
        number, do = message.get("id"), message["do"]
        if do == "shutdown":
            for job in list(self._jobs.values()):
                job.cancel()
            self._waiting.put(None)
            return True
        if do in ("cancel", "tell"):
            running = self._jobs.get(message.get("to"))
            if running is not None:
                running.cancel() if do == "cancel" else running.tell(message)
            return False
        job = Job(number, self._writer)
        self._jobs[number] = job
        self._waiting.put((job, message))
        return False

    def _do(self, job: Job, message: Message) -> None:
        try:
            job.check()
            job.say("done", result=self._answer(job, message))
        except Cancelled:
            job.say("cancelled")
        except OSError as error:
            # An error of a file is an answer; a broken pipe fails again here and ends the process.
            job.say("error", error=error_entry(error))
        except Exception as error:
            job.say("error", error=error_entry(error))

    def _answer(self, job: Job, message: Message) -> dict[str, Any]:
        arguments = {name: value for name, value in message.items() if name not in ("id", "do")}
        if not self._greeted:
            if message["do"] != "hello":
                raise ProtocolError("The first request must be hello.")
            self._greeted = arguments.pop("protocol", None) == PROTOCOL
            if not self._greeted:
                raise ProtocolError(
                    f"The add-on speaks {message.get('protocol')} and the engine {PROTOCOL}: they are of different "
                    "versions. Press Set Up Engine again."
                )
        elif message["do"] == "hello":
            arguments.pop("protocol", None)
        function = request_named(message["do"])
        if function is None:
            raise ProtocolError(f"The engine knows no request {message['do']}; it is older than the add-on.")
        signature = inspect.signature(function)
        try:
            signature.bind(self.state, job, **arguments)
        except TypeError as error:
            raise ProtocolError(f"The request {message['do']} is wrong: {error}.") from error
        for name, value in arguments.items():
            if not fits(value, signature.parameters[name].annotation):
                raise ProtocolError(f"The request {message['do']} is wrong: {name} cannot be {reprlib.repr(value)}.")
        return function(self.state, job, **arguments)

    def _show_life(self) -> None:
        pause = threading.Event()
        while not pause.wait(ALIVE_EVERY):
            if self._busy.is_set():
                try:
                    self._writer.send({"event": "alive"})
                except (OSError, ValueError):
                    return
