# SPDX-License-Identifier: GPL-3.0-or-later
"""The pose under our motion: kept with each action that we bake, so that a rig is always read, and left, as it rested.

Without it a second bake would come on top of the pose that the first one shows.
"""

import json
from contextlib import contextmanager

from .. import compat
from .parts import shape_keys

MARK = "mmface"  # custom property of an action: JSON {"clip": name, "rest": {data path: value or [values]}}


def mark(action, clip: str, rest: dict) -> None:
    """Note on an action which clip it is, and how its data-blocks rest: "datablock\\npath" -> value or list."""
    action[MARK] = json.dumps({"clip": clip, "rest": rest})


def marked(action):
    """What `mark` noted; None where the action is not ours."""
    try:
        return json.loads(action[MARK]) if action is not None and MARK in action else None
    except (TypeError, ValueError):
        return None


def place(datablock, path: str) -> str:
    """How a property is called in a mark."""
    return f"{type(datablock).__name__} {datablock.name_full}\n{path}"


def value_at(datablock, path: str):
    """A property's value as plain data: a number or a list of numbers."""
    value = datablock.path_resolve(path)
    return list(value) if hasattr(value, "__len__") else value


def set_value(datablock, path: str, value) -> None:
    """Set a property that `value_at` read; one that is gone or locked is left alone."""
    owner, _, name = path.rpartition(".")
    try:
        target = datablock.path_resolve(owner) if owner else datablock
        setattr(target, name, value)
    except (AttributeError, TypeError, ValueError):
        return


@contextmanager
def at_rest(objects, view_layer):
    """Meanwhile none of our motion shows on the objects; afterwards everything is as it was."""
    undo = []
    for datablock in datablocks_of(objects):
        animation = datablock.animation_data
        if animation is None:
            continue
        action, slot = compat.active_action(datablock)
        ours = marked(action)
        for track in animation.nla_tracks:
            found = next((m for strip in track.strips if (m := marked(strip.action))), None)
            if found and not track.mute:
                track.mute = True
                undo.append((_unmute, (track,)))
                _rest_values(datablock, found, undo)
        if ours:
            animation.action = None
            undo.append((compat.set_active_action, (datablock, action, slot)))
            _rest_values(datablock, ours, undo)
    if undo:
        view_layer.update()
    try:
        yield
    finally:
        for function, arguments in reversed(undo):
            function(*arguments)
        view_layer.update()


def _unmute(track) -> None:
    track.mute = False


def apply(datablock, note: dict) -> list:
    """Set what a mark notes of a data-block; returns what was there: (path, value)."""
    start = place(datablock, "")
    before = []
    for where, value in note["rest"].items():
        if where.startswith(start):
            path = where[len(start) :]
            try:
                before.append((path, value_at(datablock, path)))
            except ValueError:
                continue  # the property is gone
            set_value(datablock, path, value)
    return before


def _rest_values(datablock, note: dict, undo: list) -> None:
    undo.extend((set_value, (datablock, path, value)) for path, value in apply(datablock, note))


def datablocks_of(objects):
    """The objects and their shape keys, each once."""
    seen = {}
    for obj in objects:
        seen[obj] = None
        keys = shape_keys(obj)
        if keys is not None:
            seen[keys] = None
    return list(seen)


def rest_of(datablock, path: str):
    """How a property rests: as noted by the action of ours that moves it now, else as it is."""
    start = place(datablock, path)
    found = [marked(compat.active_action(datablock)[0])]
    animation = datablock.animation_data
    if animation is not None:
        found += [marked(strip.action) for track in animation.nla_tracks for strip in track.strips]
    for note in found:
        if note and start in note["rest"]:
            return note["rest"][start]
    return value_at(datablock, path)
