# SPDX-License-Identifier: GPL-3.0-or-later
"""MMFace inside Blender: loads motion files onto rigs, and is the part of mmface that opens, bakes and renders .blend
files.

Needs nothing but Blender itself (3.4 or later) and what Blender bundles.
"""

bl_info = {
    "name": "MMFace",
    "author": "The mmface developers",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "3D Viewport > Sidebar > MMFace; File > Import > MMFace motion (.json)",
    "description": "Puts face motion captured by mmface onto the shape keys and head bone of a rig",
    "category": "Animation",
}


def register() -> None:
    """Called by Blender when the add-on is enabled."""
    from . import ui

    ui.register()


def unregister() -> None:
    """Called by Blender when the add-on is disabled; undoes all of `register`."""
    from . import ui

    ui.unregister()
