# SPDX-License-Identifier: GPL-3.0-or-later
"""The small picture of the frame that is being tracked, as an icon for the panel."""

import os

import bpy.utils.previews

_collection = None
_shown = ("", 0)


def icon_of(path) -> int:
    """The icon of a picture file; 0 where there is none. Only the newest is kept."""
    global _shown
    if not path or _collection is None:
        return 0
    if path != _shown[0] and os.path.exists(path):
        _collection.clear()
        picture = _collection.load(path, path, "IMAGE", True)
        # Asking for the sizes reads the file now. Else Blender reads it in a job of its own, as long as
        # which it draws all windows anew, ten times a second.
        read = all((*picture.image_size, *picture.icon_size))
        _shown = (path, picture.icon_id if read else 0)
    return _shown[1]


def register() -> None:
    global _collection, _shown
    _collection, _shown = bpy.utils.previews.new(), ("", 0)


def unregister() -> None:
    global _collection
    bpy.utils.previews.remove(_collection)
    _collection = None
