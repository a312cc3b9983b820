# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes on while Blender is open: the engine, the one task that it works on, and what the panel should say.

A task is a generator: it yields requests to the engine and is sent their results, so that a long job reads from top to
bottom. `step` moves everything on and never blocks; a timer calls it, and so do tests, since timers do not fire in
background mode.
"""

import atexit
import os
import time
import traceback
from collections import namedtuple

import bpy

from . import compat
from .engine import find
from .engine.process import PROTOCOL, SILENCE_LIMIT, EngineError, EngineProcess, how_it_ended
from .engine.setup import Setup
from .errors import SceneError
from .paths import absolute

CANCEL_WITHIN = 5.0  # seconds that an engine has to stop a request before it is ended
BUSY_TICK, LIVE_TICK = 0.1, 1 / 100  # seconds
# While busy our panel is drawn this often; while live, together with the rig. In software OpenGL a drawing of a window
# takes a tenth of a second from the engine.
PANEL_TICK = 0.5  # seconds

# do: what to ask for; entries: with what; on_event: called with every other event of the request.
Request = namedtuple("Request", "do entries on_event", defaults=(None,))

# What the panel shows in red, and what Copy Details adds.
Problem = namedtuple("Problem", "sentence details")


def _our_fault(error: Exception) -> Problem:
    """While an exception that nobody foresaw is handled: what the panel shows."""
    return Problem(f"The add-on failed ({error!r}). Please report it.", traceback.format_exc())


class Cancelled(Exception):
    """Sent into a task that the person stopped."""


class Task:
    """A job under way."""

    def __init__(self, title: str, steps) -> None:
        self.title, self.steps = title, steps
        self.number = None  # of the request that is being answered
        self.on_event = None
        self.stage, self.done, self.total, self.left = "", 0, 0, None
        self.picture = None
        self.started = time.monotonic()
        self.cancelled_at = None

    @property
    def fraction(self) -> float:
        return min(1.0, self.done / self.total) if self.total else 0.0

    def describe(self) -> str:
        """One line for the panel and the status bar."""
        if self.cancelled_at is not None:
            return "Stopping"
        words = {
            "loading": "Loading the engine's network",
            "curves": "Making curves",
            "shapes": "Comparing shapes",
            "starting": "Starting the engine",
        }
        if self.stage != "frames":
            return words.get(self.stage, self.title)
        text = f"Frame {self.done} of {self.total}" if self.total else f"Frame {self.done}"
        return f"{text}, {_in_words(self.left)} left" if self.left is not None else text


def _in_words(seconds: float) -> str:
    seconds = int(seconds + 0.5)
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min {seconds % 60:02d} s"


class Session:
    """The state of one Blender: never saved, never undone."""

    def __init__(self) -> None:
        self.engine = None
        self.greeting = None  # what the engine said in its handshake
        self.task = None
        self.setup = None
        self.problem = None
        self.notice = ""  # what the last task achieved
        self.checked = ""
        self.live = None  # live.LiveDriver while live
        self.recording = None  # the LiveDriver whose recording is being keyed
        self.last_take = None  # (what was captured, as a key; path of the take)
        self.rates = {}  # pictures a second of the clips that were captured and the takes that were baked, by file
        self._temporary = None
        self._greeting_number = None
        self._status_shown = False

    def folder(self) -> str:
        """A private folder for this run of Blender; it goes when Blender does."""
        if self._temporary is None or not os.path.isdir(self._temporary):
            self._temporary = os.path.join(absolute(bpy.app.tempdir), f"mmface-{os.getpid()}")
            os.makedirs(self._temporary, exist_ok=True)
        return self._temporary

    # The engine.

    def found(self):
        """Which Python runs the engine; None while there is none."""
        return find.find_engine(engine_preference("engine_python"), private_folder())

    def start_engine(self) -> None:
        """Start the engine unless it runs. Raises EngineError."""
        if self.engine is not None and self.engine.ended() is None:
            return
        self.stop_engine()
        found = self.found()
        if found is None:
            raise EngineError("The engine is not set up yet: press Set Up Engine.", kind="missing")
        self.engine = EngineProcess(find.command_of(found.python))
        self._greeting_number = self.engine.send("hello", protocol=PROTOCOL)
        self.greeting = None

    def stop_engine(self, at_once: bool = False) -> None:
        """End the engine, if it runs."""
        engine, self.engine, self.greeting = self.engine, None, None
        if engine is not None:
            engine.kill() if at_once else engine.close()

    # Tasks.

    @property
    def busy(self) -> bool:
        return self.task is not None or self.setup is not None

    def begin(self, task: Task) -> None:
        """Start a task. The panel shows what becomes of it. Raises EngineError where the engine cannot be started."""
        self.problem, self.notice = None, ""
        self.task = task
        try:
            self.start_engine()
            task.stage = "starting"
            self._advance(lambda: next(task.steps))
        except EngineError as error:
            self.fail(error)
        wake()

    def cancel(self) -> None:
        """Stop whatever is under way."""
        if self.setup is not None:
            self.setup.cancel()
            self._end_setup()
        self.cancel_task()

    def cancel_task(self) -> None:
        """Ask the task to stop; an engine that does not listen is ended."""
        task = self.task
        if task is None or task.cancelled_at is not None:
            return
        task.cancelled_at = time.monotonic()
        if task.number is None or self.engine is None:
            self._advance(lambda: task.steps.throw(Cancelled()))
        else:
            self.engine.send("cancel", to=task.number)

    @property
    def follows(self) -> bool:
        """Whether a live rig takes up changed settings at once; while it records, its channels stay what they are."""
        return self.live is not None and self.live.recording_since is None

    def tell(self, **entries) -> None:
        """Hand something to the request that runs."""
        if self.task is not None and self.task.number is not None and self.engine is not None:
            self.engine.send("tell", to=self.task.number, **entries)

    def fail(self, error: Exception) -> None:
        """Show an error in the panel and end the task."""
        details = getattr(error, "details", "")
        if self.engine is not None and self.engine.log:
            details += "\nThe engine's log:\n" + self.engine.log
        self.problem = Problem(str(error), details)
        self._end_task()

    def _advance(self, move) -> None:
        task = self.task
        try:
            request = move()
            task.number = self.engine.send(request.do, **request.entries)
            task.on_event = request.on_event
        except StopIteration as done:
            self.notice = done.value or ""
            self._end_task()
        except Cancelled:
            self.notice = "Stopped; nothing was changed."
            self._end_task()
        except (SceneError, EngineError) as error:
            self.fail(error)
        except Exception as error:
            self.problem = _our_fault(error)
            self._end_task()

    def _end_task(self) -> None:
        task, self.task = self.task, None
        if task is None:
            return
        try:
            task.steps.close()
        except Exception as error:  # whoever ends a task has more to end: a Blender that quits, its engine
            self.problem = self.problem or _our_fault(error)

    def step(self) -> bool:
        """Move everything on; returns whether something is still under way."""
        if self.setup is not None and not self.setup.step():
            self._end_setup()
        if self.engine is not None:
            for message in self.engine.drain():
                self._hear(message)
            self._watch()
        if self.live is not None:
            try:
                self.live.apply()
            except SceneError as error:
                self._give_up(error)
        return self.busy

    def _hear(self, message: dict) -> None:
        task, number, event = self.task, message.get("id"), message.get("event")
        if number is not None and number == self._greeting_number:
            if event == "done":
                self.greeting = message["result"]
            elif event == "error":
                self._refused(message["error"])
            return
        if task is None or number is None or number != task.number:
            return
        ended = event in ("done", "error", "cancelled")
        if ended:
            task.number = None
        if event == "cancelled" or (ended and task.cancelled_at is not None):
            # An answer that was under way when the person stopped is none any more.
            self._advance(lambda: task.steps.throw(Cancelled()))
        elif event == "done":
            self._advance(lambda: task.steps.send(message.get("result") or {}))
        elif event == "error":
            wrong = message.get("error") or {}
            error = EngineError(wrong.get("sentence", "?"), wrong.get("details", ""), wrong.get("kind", "fault"))
            self._advance(lambda: task.steps.throw(error))
        elif event == "progress":
            task.stage, task.done, task.total = (
                message.get("stage", ""),
                message.get("done", 0),
                message.get("total", 0),
            )
            task.left = message.get("left")
            task.picture = message.get("picture") or task.picture
        if task.on_event is not None and task.cancelled_at is None and not ended:
            try:
                task.on_event(message)
            except (SceneError, ReferenceError, RuntimeError) as error:
                self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """The task cannot go on, and the engine need not."""
        if self.task.number is not None and self.engine is not None:
            self.engine.send("cancel", to=self.task.number)
        self.fail(error)

    def _refused(self, wrong: dict) -> None:
        self.fail(EngineError(wrong.get("sentence", "?"), wrong.get("details", "")))
        self.stop_engine(at_once=True)

    def _watch(self) -> None:
        """Notice an engine that died, hangs, or does not stop."""
        task, engine = self.task, self.engine
        status = engine.ended()
        if status is not None:
            for message in engine.drain():  # its last words
                self._hear(message)
            task = self.task
            self.engine = None
            engine.kill()
            if task is not None:
                self._end_abruptly(task, engine, f"The engine ended unexpectedly ({how_it_ended(status)}).")
        elif task is not None and task.cancelled_at and time.monotonic() - task.cancelled_at > CANCEL_WITHIN:
            self.stop_engine(at_once=True)
            task.number = None
            self._advance(lambda: task.steps.throw(Cancelled()))
        elif task is not None and task.number is not None and engine.silent_for() > SILENCE_LIMIT:
            self.engine = None
            engine.kill()
            self._end_abruptly(task, engine, f"The engine was silent for {SILENCE_LIMIT:.0f} seconds and was stopped.")

    def _end_abruptly(self, task: Task, engine: EngineProcess, sentence: str) -> None:
        task.number = None
        if "No module named" in engine.log:
            sentence = "That Python has no mmface engine in it: press Set Up Engine, or choose another Python."
        else:
            sentence += " Try again; it starts anew by itself."
        error = EngineError(sentence, "The engine's log:\n" + engine.log)
        if task.cancelled_at is not None:
            self._advance(lambda: task.steps.throw(Cancelled()))
        else:
            self._advance(lambda: task.steps.throw(error))

    # Setting the engine up.

    def begin_setup(self, setup: Setup) -> None:
        self.problem, self.notice, self.checked = None, "", ""
        self.stop_engine()
        self.setup = setup
        wake()

    def _end_setup(self) -> None:
        setup, self.setup = self.setup, None
        if setup.error:
            self.problem = Problem(setup.error, "\n".join(setup.log[-120:]))
        else:
            self.notice = "The engine is ready."

    def close(self) -> None:
        """End everything: Blender quits, or the add-on is disabled."""
        if self.setup is not None:
            self.setup.cancel()
            self.setup = None
        if self.live is not None:
            self.live.recording_since = None  # the operator that would key it is gone, or will be
        self._end_task()  # which ends live as well
        self.stop_engine(at_once=True)


session = Session()


def engine_preference(name: str) -> str:
    """A preference of the add-on; "" where there is none, as in a script that only registers it."""
    addon = bpy.context.preferences.addons.get(__package__)
    return bpy.path.abspath(getattr(addon.preferences, name, "")) if addon and addon.preferences else ""


def private_folder() -> str:
    """Where Set Up Engine puts the engine: in the user's own Blender folder."""
    return os.path.join(bpy.utils.user_resource("DATAFILES", path="mmface"), "engine")


def wake() -> None:
    """Have the timer call `step` until nothing is under way."""
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, persistent=True)


def _tick():
    try:
        going_on = session.step()
    except Exception as error:  # a timer that raises is never called again
        session.problem = _our_fault(error)
        session.close()
        going_on = False
    _show()
    if not going_on:
        return None
    return LIVE_TICK if session.live is not None else BUSY_TICK


_redrawn = 0.0


def _show() -> None:
    """Redraw our panels, and say in the status bar what goes on."""
    global _redrawn
    now = time.monotonic()
    live = session.live
    if session.busy and (now - _redrawn < PANEL_TICK or (live is not None and live.moving and not live.showed)):
        return
    _redrawn = now
    text = None
    if live is not None and live.moving:
        text = "MMFace: Live"
    elif session.task is not None:
        text = f"MMFace: {session.task.describe()}"
    elif session.setup is not None:
        text = f"MMFace: {session.setup.stage} {session.setup.doing}"
    manager = bpy.context.window_manager
    for window in manager.windows if manager else ():
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
        if text is not None or session._status_shown:
            compat.set_status(window, text)
    session._status_shown = text is not None


def register() -> None:
    atexit.register(session.close)


def unregister() -> None:
    atexit.unregister(session.close)
    session.close()
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    _show()
