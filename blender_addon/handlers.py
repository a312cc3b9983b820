# SPDX-License-Identifier: GPL-3.0-or-later
"""What must happen when another file is opened or this one is saved while something is under way."""

import bpy
from bpy.app.handlers import persistent

from .session import session


@persistent
def _before_load(*_):
    """The scene that a task works on goes away."""
    if session.live is not None:
        session.live.recording_since = None
        session.live.stop()
        session.live = None
    session.cancel_task()
    session.problem, session.notice = None, ""


@persistent
def _before_save(*_):
    """A file is saved with the rig at its rest and its own actions, never with a live moment."""
    if session.live is not None:
        session.live.pause()


@persistent
def _after_save(*_):
    if session.live is not None:
        session.live.go_on()


_HANDLERS = (("load_pre", _before_load), ("save_pre", _before_save), ("save_post", _after_save))


def register() -> None:
    for name, function in _HANDLERS:
        getattr(bpy.app.handlers, name).append(function)


def unregister() -> None:
    for name, function in _HANDLERS:
        handlers = getattr(bpy.app.handlers, name)
        if function in handlers:
            handlers.remove(function)
