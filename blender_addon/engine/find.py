# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python runs the engine, and which Python can build one."""

import os
import shutil
import subprocess
import sys
from collections import namedtuple

from .process import clean_environment, hidden_window

NEEDED = (3, 11)  # the engine's libraries are built for this Python

# python: path of the interpreter; by: where the choice came from, in words.
Found = namedtuple("Found", "python by")


def venv_python(folder: str) -> str:
    """The interpreter of a virtual environment."""
    return os.path.join(folder, "Scripts", "python.exe") if os.name == "nt" else os.path.join(folder, "bin", "python")


def find_engine(preferred: str, private: str):
    """The Python that has the engine: the preference, MMFACE_PYTHON, or the private environment; None without one."""
    if preferred:
        return Found(preferred, "the add-on's preferences")
    named = os.environ.get("MMFACE_PYTHON")
    if named:
        return Found(named, "the variable MMFACE_PYTHON")
    python = venv_python(private)
    if is_set_up(private):
        return Found(python, "Set Up Engine")
    return None


def is_set_up(private: str) -> bool:
    """Whether Set Up Engine has finished there; the mark is written last."""
    return os.path.isfile(os.path.join(private, READY)) and os.path.exists(venv_python(private))


READY = "mmface-ready.json"


def command_of(python: str) -> list:
    """How an engine is started with it. -P would be safer than a folder of its own, but comes with Python 3.11 only."""
    return [python, "-u", "-m", "retarget.worker"]


def find_builder(preferred: str = ""):
    """A Python 3.11 that can make a virtual environment, and why others could not: (path or None, [reasons])."""
    reasons = []
    for candidate in _candidates(preferred):
        problem = why_not(candidate)
        if problem is None:
            return candidate, reasons
        reasons.append(f"{candidate}: {problem}")
        if candidate == preferred:
            return None, reasons  # the person's own choice is not silently replaced
    return None, reasons


def _candidates(preferred: str) -> list:
    names = [preferred] if preferred else []
    names.append(sys.executable)
    names += [path for name in ("python3.11", "python3", "python") if (path := shutil.which(name))]
    home = os.path.expanduser("~")
    names += [
        "/usr/bin/python3.11",
        "/usr/local/bin/python3.11",
        "/opt/homebrew/bin/python3.11",
        "/Library/Frameworks/Python.framework/Versions/3.11/bin/python3.11",
        os.path.join(home, "AppData", "Local", "Programs", "Python", "Python311", "python.exe"),
        r"C:\Program Files\Python311\python.exe",
    ]
    # Blender itself is no Python, though sys.executable may name it.
    present = [name for name in names if name and os.path.isfile(name) and "blender" not in os.path.basename(name)]
    return list(dict.fromkeys(present))


def why_not(python: str):
    """Why this Python cannot build the engine, in words; None if it can."""
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run(
            [python, "-E", "-c", code],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=20,
            env=clean_environment(),
            **hidden_window(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not start ({error})"
    if "No module named" in done.stderr:
        missing = done.stderr.strip().rsplit(" ", 1)[-1].strip("'")
        return f"lacks the module {missing} (Debian and Ubuntu: apt install python3.11-venv)"
    if done.returncode:
        return "does not work: " + (done.stderr.strip().splitlines() or ["no message"])[-1]
    version = done.stdout.strip()
    wanted = ".".join(map(str, NEEDED))
    return None if version == wanted else f"is Python {version}, and the engine needs {wanted}"
