# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths as another process understands them: the engine works in a folder of its own, and knows no open .blend."""

import os

import bpy


def absolute(path: str) -> str:
    """A path of the person's in full, "//" being the open file's folder; "" stays what it is."""
    return os.path.abspath(bpy.path.abspath(path)) if path else ""
