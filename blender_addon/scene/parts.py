# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a rig that curves move, shape keys and bones, and the data paths of their properties."""

import bpy


def shape_keys(obj):
    """The shape keys (`bpy.types.Key`) of an object's mesh; None where it is no mesh or has none."""
    return obj.data.shape_keys if obj.type == "MESH" else None


def pose_bone(obj, name: str):
    """An armature's bone of that name; None where the object is no armature or has no such bone."""
    return obj.pose.bones.get(name) if obj.pose else None


def key_path(name: str) -> str:
    """The data path of a shape key's value, from the `Key`."""
    return f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'


def bone_path(name: str, attribute: str) -> str:
    """The data path of a bone's property, from the object; with "" for a name that of the object's own property."""
    return f'pose.bones["{bpy.utils.escape_identifier(name)}"].{attribute}' if name else attribute
