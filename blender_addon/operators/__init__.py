# SPDX-License-Identifier: GPL-3.0-or-later
"""The operators `bpy.ops.mmface.*`, a file for each part of the panel."""

from . import capture, engine, export, live, mapping

_PARTS = (capture, mapping, live, export, engine)


def register() -> None:
    for part in _PARTS:
        part.register()


def unregister() -> None:
    for part in reversed(_PARTS):
        part.unregister()
