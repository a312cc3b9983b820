# SPDX-License-Identifier: GPL-3.0-or-later
"""MMFace inside Blender: drives a rig from an image, a video or a webcam, and is the part of mmface that opens, bakes
and renders .blend files.

Needs nothing but Blender itself (3.4 or later) and what Blender bundles; the engine is a process of its own.
"""

import importlib

VERSION = (0, 1, 0)

bl_info = {
    "name": "MMFace",
    "author": "The mmface developers",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "3D Viewport > Sidebar > MMFace; File > Import > MMFace motion (.json)",
    "description": "Drives the shape keys and the head of a rig from an image, a video or a webcam",
    "category": "Animation",
}

# In the order in which they are registered; unregistered in the other. Imported only by a Blender that enables us.
_PARTS = (
    "properties",
    "pictures",
    "session",
    "operators",
    "presets",
    "panels",
    "preferences",
    "handlers",
    "translations",
)


def register() -> None:
    """Called by Blender when the add-on is enabled."""
    for name in _PARTS:
        importlib.import_module(f".{name}", __package__).register()


def unregister() -> None:
    """Called by Blender when the add-on is disabled; undoes all of `register`."""
    for name in reversed(_PARTS):
        importlib.import_module(f".{name}", __package__).unregister()
