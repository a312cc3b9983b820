# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets the engine up in a private virtual environment: nothing of Blender's own Python is touched.

The project's wheel comes with the add-on, its libraries from the package index. Each step is a child process whose
output is the log. It can be cancelled at any moment and repeated; a mark is written when all is done.
"""

import contextlib
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time

from .find import READY, find_builder, venv_python
from .pipes import Inbox
from .process import clean_environment, hidden_window, kill_all

CPU_INDEX = "https://download.pytorch.org/whl/cpu"  # PyTorch without the graphics card's gigabytes
STEPS = ("Looking for Python", "Making the environment", "Downloading and installing", "Trying it out")


class SetupError(Exception):
    """A sentence: why the engine could not be set up."""


def wheel_in(folder: str):
    """The engine's wheel in the add-on's folder, and the file of tested versions; (None, None) without one."""
    wheels = sorted(glob.glob(os.path.join(folder, "mmface-*.whl")))
    constraints = os.path.join(folder, "constraints.txt")
    return (wheels[-1] if wheels else None), (constraints if os.path.isfile(constraints) else None)


class Setup:
    """One run of the set-up. `step` never blocks for long; it returns True while there is more to do."""

    def __init__(self, folder: str, wheel: str, constraints=None, builder: str = "", index: str = "") -> None:
        """folder: where the environment goes. index: a package index asked beside the usual one, "" for none."""
        self.folder, self._wheel, self._constraints = folder, wheel, constraints
        self._builder, self._index = builder, index
        self.log = []
        self.error = None
        self.done = False
        self.started = time.monotonic()
        self.stage = STEPS[0]
        self.doing = ""
        self._packages = 0
        self._child = self._output = None
        self._plan = self._steps()

    @property
    def fraction(self) -> float:
        """0..1, a guess: the download is most of it, and the number of packages is known only roughly."""
        if self.done:
            return 1.0
        base = (0.0, 0.02, 0.08, 0.95)[STEPS.index(self.stage)]
        return min(0.94, base + 0.022 * self._packages) if self.stage == STEPS[2] else base

    def step(self) -> bool:
        """Go on; returns whether there is more to do."""
        if self.done or self.error:
            return False
        if self._child is not None:
            ended = self._child.poll() is not None
            self._hear(self._output.close() if ended else self._output.lines())
            if not ended:
                return True
        try:
            next(self._plan)
            return True
        except StopIteration:
            self.done = True
        except SetupError as error:
            self.error = str(error)
        except OSError as error:  # of the folder: a child that cannot be started is a SetupError
            self.error = (
                f"The engine's folder {self.folder} cannot be written: {error.strerror or error}. "
                "Make room or allow it, and press Set Up Engine again."
            )
        return False

    def cancel(self) -> None:
        """Stop at once. What was downloaded stays with pip, so that repeating it is quicker."""
        self._plan.close()
        self._end_child()
        self.error = "Cancelled. Press Set Up Engine to go on."

    def _steps(self):
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(self.folder, READY))
        builder, reasons = find_builder(self._builder)
        for reason in reasons:
            self._say(f"Not used: {reason}")
        if builder is None:
            raise SetupError(
                "No Python 3.11 was found that could build the engine. Install it from python.org "
                "(Debian and Ubuntu: apt install python3.11-venv) and name it in the add-on's preferences."
            )
        self.stage = STEPS[1]
        yield
        os.makedirs(self.folder, exist_ok=True)
        yield from self._run([builder, "-E", "-m", "venv", "--clear", self.folder], "The environment cannot be made")
        self.stage = STEPS[2]
        yield
        python = venv_python(self.folder)
        install = [python, "-E", "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
        if self._constraints:
            install += ["--constraint", self._constraints]
        if self._index:
            install += ["--extra-index-url", self._index]
        yield from self._run([*install, self._wheel], "The engine's libraries cannot be installed")
        self.stage = STEPS[3]
        yield
        code = "import retarget.worker.server, mmface_core.capture.load; print('The engine starts.')"
        yield from self._run([python, "-E", "-c", code], "The engine is installed but does not start")
        with open(os.path.join(self.folder, READY), "w", encoding="utf-8") as file:
            json.dump({"wheel": os.path.basename(self._wheel), "builder": builder}, file)

    def _run(self, command: list, complaint: str):
        self._say("> " + " ".join(command))
        try:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                cwd=os.path.dirname(self.folder) or None,
                env=clean_environment(),
                **hidden_window(),
            )
        except OSError as error:
            raise SetupError(f"{complaint}: {error}.") from error
        self._output = Inbox(self._child.stdout)
        yield
        status, self._child = self._child.returncode, None
        if status:
            raise SetupError(f"{complaint}: {self._reason()}")

    def _hear(self, lines: list) -> None:
        for line in (line.decode("utf-8", "replace").rstrip() for line in lines):
            self._say(line)
            found = re.match(r"\s*(Collecting|Downloading|Installing collected packages)\s*(\S*)", line)
            if found:
                self._packages += found[1] == "Collecting"
                self.doing = f"{found[1]} {os.path.basename(found[2])[:40]}".strip(": ")

    def _reason(self) -> str:
        """The line of the log that says why, for the sentence."""
        errors = [line for line in self.log if line.upper().startswith("ERROR") or "Error: " in line]
        reason = (errors or self.log or ["no reason was given"])[-1]
        if any(
            word in "\n".join(self.log) for word in ("NewConnectionError", "getaddrinfo", "Max retries", "timed out")
        ):
            return "the package index cannot be reached; is there a connection to the internet?"
        if "No space left" in "\n".join(self.log[-20:]):
            return "the disk is full."
        return reason.strip()

    def _say(self, line: str) -> None:
        self.log.append(line)
        del self.log[:-400]

    def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        kill_all(child)
        self._hear(self._output.close())


def default_index() -> str:
    """On Linux PyTorch's usual build brings the graphics card's libraries, which the engine does not use."""
    return CPU_INDEX if sys.platform.startswith("linux") else ""


def remove(folder: str) -> None:
    """Remove a private environment."""
    shutil.rmtree(folder, ignore_errors=True)
