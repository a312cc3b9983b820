# SPDX-License-Identifier: GPL-3.0-or-later
"""The properties that live values go to, written without telling Blender, which would draw at each of them.

A slow graphics card draws a window in longer than a camera takes for a picture. So the values are written as they come,
and `show` tells Blender about them when there is time to draw.
"""

import bpy
from mathutils import Quaternion

from .errors import SceneError
from .scene import bake as baking
from .scene import rest
from .scene.parts import bone_path, key_path, pose_bone, shape_keys


def present(name: str):
    """The object of that name. Raises SceneError where it is gone."""
    obj = bpy.data.objects.get(name)
    if obj is None:
        raise SceneError("rig", f"The object {name} is gone, so live stopped.")
    return obj


class Channel:
    """A property of a data-block that live values go to; found by name anew, since undo replaces what it points to.

    kind: "key", "turn" (a rotation, in `mode`) or "place" (a location). part: name of the shape key or bone; "" where
    the object itself moves.
    """

    def __init__(self, kind: str, name: str, part: str, mode: str = "") -> None:
        self.kind, self.name, self.part, self.mode = kind, name, part, mode
        self.attribute = {"key": "value", "place": "location"}.get(kind) or baking.rotation_property(mode)
        self.path = key_path(part) if kind == "key" else bone_path(part, self.attribute)

    def datablock(self):
        """What has the property: the shape keys, or the object. Raises SceneError where there is none any more."""
        obj = present(self.name)
        if self.kind == "key":
            keys = shape_keys(obj)
            if keys is not None and self.part in keys.key_blocks:
                return keys
        elif not self.part or pose_bone(obj, self.part) is not None:
            return obj
        raise SceneError("rig", f"{self.name} has no {self.part} any more, so live stopped.")

    def in_its_mode(self, value):
        """A value as the property takes it: a quaternion becomes what the rotation mode wants."""
        if self.kind != "turn" or self.mode == "QUATERNION":
            return value
        if self.mode == "AXIS_ANGLE":
            axis, angle = value.to_axis_angle()
            return (angle, *axis)
        return value.to_euler(self.mode)


def write(channels: list, values: list) -> None:
    """Put values (None: leave alone) into the channels' properties; Blender does not know yet."""
    for (name, attribute), members in _groups(channels, values).items():
        collection = _collection(members[0][0])
        if collection is None:  # an object's own property cannot be written unseen; `show` does it
            continue
        places = {key: index for index, key in enumerate(collection.keys())}
        width = _WIDTHS.get(attribute, 1)
        flat = [0.0] * (width * len(collection))
        collection.foreach_get(attribute, flat)
        for channel, value in members:
            start = places.get(channel.part)
            if start is None:
                raise SceneError("rig", f"{name} has no {channel.part} any more, so live stopped.")
            flat[width * start : width * (start + 1)] = [value] if width == 1 else value
        collection.foreach_set(attribute, flat)


def show(channels: list, values: list) -> None:
    """Have Blender work out the rig anew with what `write` wrote.

    Only the data-blocks are tagged: setting properties in the usual way would draw outliner and timeline as well.
    """
    for members in _groups(channels, values).values():
        if _collection(members[0][0]) is not None:
            members[0][0].datablock().update_tag()
            continue
        for channel, value in members:
            rest.set_value(channel.datablock(), channel.path, value)


_WIDTHS = {"location": 3, "rotation_euler": 3, "rotation_quaternion": 4, "rotation_axis_angle": 4}


def _groups(channels: list, values: list) -> dict:
    """(object, property) -> [(channel, value in its mode)]: what one call can write."""
    groups = {}
    for channel, value in zip(channels, values, strict=True):
        if value is not None:
            entry = (channel, channel.in_its_mode(value))
            groups.setdefault((channel.name, channel.attribute), []).append(entry)
    return groups


def _collection(channel: Channel):
    """The keys or bones among which the channel's is; None for an object's own property."""
    datablock = channel.datablock()
    if channel.kind == "key":
        return datablock.key_blocks
    return datablock.pose.bones if channel.part else None


def copied(value):
    """A value that no longer changes with the original."""
    return value.copy() if isinstance(value, Quaternion) else (list(value) if isinstance(value, list) else value)


def between(a, b, share: float):
    """The value that lies `share` of the way from a to b; None where either is missing."""
    if a is None or b is None:
        return None
    if isinstance(a, Quaternion):
        return a.slerp(b, share)
    if isinstance(a, list):
        return [x + share * (y - x) for x, y in zip(a, b, strict=True)]
    return a + share * (b - a)
