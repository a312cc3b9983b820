# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operators share: why one is greyed out, and how a task is begun."""

import bpy

from ..errors import SceneError
from ..session import Task, session


def free(cls) -> bool:
    """For poll: whether nothing is under way."""
    if session.live is not None:
        cls.poll_message_set("Live is running: stop it first")
        return False
    if session.busy:
        cls.poll_message_set("MMFace is busy: wait, or press Cancel")
        return False
    return True


def with_engine(cls) -> bool:
    """For poll: whether nothing is under way and there is an engine."""
    if not free(cls):
        return False
    if session.found() is None:
        cls.poll_message_set("The engine is not set up yet: press Set Up Engine")
        return False
    return True


def begin(operator, title: str, steps) -> set:
    """Begin a task; what goes wrong at once is reported where the person clicked."""
    session.begin(Task(title, steps))
    if session.problem is not None:
        operator.report({"ERROR"}, session.problem.sentence)
        return {"CANCELLED"}
    return {"FINISHED"}


def report(operator, error: SceneError) -> set:
    operator.report({"ERROR"}, str(error))
    return {"CANCELLED"}


def registrar(*classes):
    """(register, unregister) that mirror each other."""

    def register() -> None:
        for cls in classes:
            bpy.utils.register_class(cls)

    def unregister() -> None:
        for cls in reversed(classes):
            bpy.utils.unregister_class(cls)

    return register, unregister
