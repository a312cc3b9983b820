# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects of a scene are one character's rig."""

import bpy

from ..errors import SceneError
from .parts import shape_keys
from .places import box_around, middle_of


def chosen_rig(scene, rig, active):
    """The object that stands for the rig: the one that was picked, else the active one if it has a face, else the
    scene's object with the most shape keys. None where the scene has no shape keys at all.
    """
    if rig is not None and rig.name in scene.objects:
        return rig
    if active is not None and active.name in scene.objects and _keys_of(rig_objects(scene, active)):
        return active
    most = max(scene.objects, key=_key_count, default=None)
    return most if most is not None and _key_count(most) else None


def rig_objects(scene, chosen) -> list:
    """The objects that belong together with `chosen`: its family, what its armatures deform, and loose pieces inside.

    Family is everything below the topmost parent. A loose piece (teeth, lashes, eyes without any parent) counts where
    the middle of its box lies within the family's box.
    """
    found = {_top(chosen)}
    while True:
        grown = set(found)
        for obj in scene.objects:
            if (
                _top(obj) in found
                or obj.parent in found
                or any(m.type == "ARMATURE" and m.object in found for m in obj.modifiers)
            ):
                grown.add(obj)
                grown.add(_top(obj))
        for obj in found:
            grown |= {m.object for m in obj.modifiers if m.type == "ARMATURE" and m.object is not None}
        if grown == found:
            break
        found = grown
    found = {obj for obj in found if obj.name in scene.objects}
    box = box_around([obj for obj in found if obj.type == "MESH"])
    if box:
        # Asking each object for its children looks through the whole file each time, and panels ask at every redraw.
        parents = {obj.parent for obj in bpy.data.objects}
        for obj in scene.objects:
            if (
                obj not in found
                and obj.type == "MESH"
                and obj.parent is None
                and obj not in parents
                and _inside(obj, box)
            ):
                found.add(obj)
    return [obj for obj in scene.objects if obj in found]


def require_rig(scene, rig, active):
    """`chosen_rig` with a sentence where there is none."""
    chosen = chosen_rig(scene, rig, active)
    if chosen is None:
        raise SceneError("rig", "This scene has no mesh with shape keys; open or import a face rig first.")
    return chosen


def _top(obj):
    while obj.parent is not None:
        obj = obj.parent
    return obj


def _key_count(obj) -> int:
    keys = shape_keys(obj)
    return len(keys.key_blocks) if keys else 0


def _keys_of(objects) -> int:
    return sum(map(_key_count, objects))


def _inside(obj, box) -> bool:
    """Whether the middle of the object's box lies within `box`."""
    return all(low <= value <= high for low, value, high in zip(box[0], middle_of(obj), box[1], strict=True))
