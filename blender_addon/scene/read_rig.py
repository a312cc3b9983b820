# SPDX-License-Identifier: GPL-3.0-or-later
"""Describes the rig in the open scene as plain JSON, with the long arrays beside it in a raw float32 file.

World coordinates are Blender's (z up), in the file's own unit. Matrices are lists of 4 rows of 4 numbers.
Schema "mmface-rig/1"; `retarget/rig.py` reads it, `docs/rig_formats.md` explains it.
"""

from array import array
from contextlib import contextmanager

import bpy

from .parts import bone_path, key_path, shape_keys
from .places import box_around, world_positions
from .rest import at_rest

SCHEMA = "mmface-rig/1"


def describe(source: str, arrays_path: str, scene=None, objects=None) -> dict:
    """Describe meshes, shape keys, armatures and bones; write the long arrays to `arrays_path`.

    scene: by default the one with the face. objects: which of its objects belong to the rig; all by default. The scene
    is left as it was.
    """
    scene = scene or face_scene()
    chosen = list(scene.objects) if objects is None else list(objects)
    view_layer = scene.view_layers[0]
    with open(arrays_path, "wb") as file, at_rest(chosen, view_layer), _only_skinning(chosen, view_layer):
        arrays = _ArrayFile(file)
        depsgraph = view_layer.depsgraph
        objects = [_describe_object(o, view_layer) for o in chosen]
        meshes = [_describe_mesh(o, depsgraph, arrays) for o in chosen if o.type == "MESH"]
        armatures = [_describe_armature(o) for o in chosen if o.type == "ARMATURE"]
    return {
        "schema": SCHEMA,
        "source": source,
        "blender": bpy.app.version_string,
        "scene": {
            "name": scene.name,
            "fps": scene.render.fps / scene.render.fps_base,
            "unit_scale": scene.unit_settings.scale_length,
        },
        "objects": objects,
        "meshes": meshes,
        "armatures": armatures,
        "actions": [action.name for action in bpy.data.actions],
    }


def face_scene():
    """The scene with the most shape keys; the active one where they tie."""
    scenes = sorted(bpy.data.scenes, key=lambda scene: scene != bpy.context.scene)
    return max(scenes, key=lambda s: sum(len(_key_blocks(o)) for o in s.objects))


class _ArrayFile:
    """Appends float32 arrays to one file and says where they lie."""

    def __init__(self, file) -> None:
        self._file = file
        self._count = 0

    def add(self, values: array) -> dict:
        """Write `values`; return {"offset", "count"}, both in numbers of 4 bytes, little-endian."""
        place = {"offset": self._count, "count": len(values)}
        values.tofile(self._file)
        self._count += len(values)
        return place


def _describe_object(obj, view_layer) -> dict:
    modifiers = [m.object.name for m in obj.modifiers if m.type == "ARMATURE" and m.object is not None]
    return {
        "name": obj.name,
        "type": obj.type,
        "parent": obj.parent.name if obj.parent else None,
        "parent_bone": obj.parent_bone if obj.parent and obj.parent_type == "BONE" else None,
        "armatures": modifiers,
        "visible": obj.visible_get(view_layer=view_layer) and not obj.hide_render,
        "linked": obj.library is not None,
        "rotation_mode": obj.rotation_mode,
        "world": _rows(obj.matrix_world),
        "basis": _rows(obj.matrix_basis),
        "rotation": _own_rotation(obj),
        "box": _box(obj),
        "action": _action_name(obj),
        "driven_rotation": _is_driven(obj, "rotation"),
        "constraints": [c.type for c in obj.constraints if not c.mute],
    }


def _describe_mesh(obj, depsgraph, arrays: _ArrayFile) -> dict:
    keys = shape_keys(obj)
    mesh = {
        "object": obj.name,
        "vertices": len(obj.data.vertices),
        "keys_name": keys.name if keys else None,
        "relative": bool(keys.use_relative) if keys else True,
        "linked": bool(obj.data.library) or bool(keys and keys.library),
        "pinned": bool(obj.show_only_shape_key),
        "action": _action_name(keys) if keys else None,
        "positions": None,
        "keys": [],
        "skin": {},
    }
    mesh["skin"] = _describe_skin(obj, arrays)
    if keys or mesh["skin"]:
        mesh["positions"] = arrays.add(_world_positions(obj, depsgraph))
    if not keys:
        return mesh
    coordinates = {block.name: _coordinates(block) for block in keys.key_blocks}
    for block in keys.key_blocks:
        base = block.relative_key or keys.reference_key
        if block == keys.reference_key or block == base:
            continue
        moved = coordinates[block.name] != coordinates[base.name]  # most keys of most meshes move nothing
        mesh["keys"].append(
            {
                "name": block.name,
                "base": base.name,
                "value": block.value,
                "min": block.slider_min,
                "max": block.slider_max,
                "muted": block.mute,
                "locked": bool(getattr(block, "lock_shape", False)),  # since 4.2
                "driven": _is_driven(keys, key_path(block.name)),
                "masked_by": block.vertex_group or None,
                "delta": arrays.add(_difference(coordinates[block.name], coordinates[base.name])) if moved else None,
            }
        )
    return mesh


def _describe_skin(obj, arrays: _ArrayFile) -> dict:
    """Vertex weights of each group that deforms something: name -> place of N float32."""
    if not any(m.type == "ARMATURE" for m in obj.modifiers):
        return {}
    count = len(obj.data.vertices)
    weights = {}
    for vertex in obj.data.vertices:
        for element in vertex.groups:
            if element.weight > 0:
                weights.setdefault(element.group, array("f", bytes(4 * count)))[vertex.index] = element.weight
    return {group.name: arrays.add(weights[group.index]) for group in obj.vertex_groups if group.index in weights}


def _describe_armature(obj) -> dict:
    return {
        "object": obj.name,
        "world": _rows(obj.matrix_world),
        "linked": obj.library is not None,
        "action": _action_name(obj),
        "bones": [_describe_bone(obj, bone) for bone in obj.pose.bones],
    }


def _describe_bone(obj, bone) -> dict:
    return {
        "name": bone.name,
        "parent": bone.parent.name if bone.parent else None,
        "deform": bone.bone.use_deform,
        "head": list(obj.matrix_world @ bone.head),
        "tail": list(obj.matrix_world @ bone.tail),
        "pose": _rows(bone.matrix),
        "rest": _rows(bone.bone.matrix_local),
        "basis": _rows(bone.matrix_basis),
        "rotation": _own_rotation(bone),
        "rotation_mode": bone.rotation_mode,
        "locked": bool(any(bone.lock_rotation)),
        "locks": {"rotation": list(bone.lock_rotation), "location": list(bone.lock_location)},
        "limits": _rotation_limits(bone),
        "inherits_rotation": bone.bone.use_inherit_rotation,
        "connected": bone.bone.use_connect,
        "driven": _is_driven(obj, bone_path(bone.name, "rotation")),
        "constraints": [c.type for c in bone.constraints if not c.mute],
    }


def _rotation_limits(bone):
    """What limits of rotation hold for the bone's own axes: for x, y, z a pair of radians, or null where it is free."""
    limits = [None, None, None]
    for limit in bone.constraints:
        if limit.type == "LIMIT_ROTATION" and not limit.mute and limit.influence > 0 and limit.owner_space == "LOCAL":
            for index, axis in enumerate("xyz"):
                if getattr(limit, f"use_limit_{axis}"):
                    limits[index] = [getattr(limit, f"min_{axis}"), getattr(limit, f"max_{axis}")]
    return limits


@contextmanager
def _only_skinning(objects, view_layer):
    """Meanwhile only skinning deforms, so that evaluated vertices are the keys' vertices."""
    switched = []
    for obj in objects:
        if obj.type == "MESH":
            for modifier in obj.modifiers:
                if modifier.type != "ARMATURE" and modifier.show_viewport:
                    modifier.show_viewport = False
                    switched.append(modifier)
    view_layer.update()
    try:
        yield
    finally:
        for modifier in switched:
            modifier.show_viewport = True


def _world_positions(obj, depsgraph) -> array:
    """The vertices (3 N floats, world) as posed by the armature."""
    evaluated = obj.evaluated_get(depsgraph)
    mesh = evaluated.data if len(evaluated.data.vertices) == len(obj.data.vertices) else obj.data
    return world_positions(mesh.vertices, obj.matrix_world)


def _coordinates(block) -> array:
    values = array("f", bytes(12 * len(block.data)))
    block.data.foreach_get("co", values)
    return values


def _difference(a: array, b: array) -> array:
    return array("f", [x - y for x, y in zip(a, b, strict=True)])


def _key_blocks(obj):
    keys = shape_keys(obj)
    return keys.key_blocks if keys else ()


def _action_name(datablock):
    animation = datablock.animation_data
    return animation.action.name if animation and animation.action else None


def _is_driven(datablock, path: str) -> bool:
    animation = datablock.animation_data
    return bool(animation) and any(driver.data_path.startswith(path) for driver in animation.drivers)


def _box(obj):
    """Lowest and highest corner of the object's bounding box in the world; None for what has no extent."""
    if obj.type not in {"MESH", "CURVE", "SURFACE", "META", "FONT"}:
        return None
    return box_around([obj])


def _own_rotation(target) -> list:
    """The rotation that an object's or bone's own properties hold, whatever its mode, as 3 rows."""
    from mathutils import Quaternion

    if target.rotation_mode == "QUATERNION":
        quaternion = target.rotation_quaternion
    elif target.rotation_mode == "AXIS_ANGLE":
        angle, *axis = target.rotation_axis_angle
        quaternion = Quaternion(axis, angle)
    else:
        quaternion = target.rotation_euler.to_quaternion()
    return _rows(quaternion.normalized().to_matrix())


def _rows(matrix) -> list:
    return [list(row) for row in matrix]
