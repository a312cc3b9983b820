"""Writes small rigs into the folder given: run by a Python with bpy."""

import json
import math
import os
import sys

import bpy
from mathutils import Vector

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", ".."))
from mmface_core.model.arkit import ARKIT_NAMES

# Where the units move a ball of radius 1 that faces -y: offset to the character's left, depth, height.
PLACES = {
    "eye": (0.35, -0.85, 0.3),
    "brow": (0.35, -0.8, 0.5),
    "cheek": (0.5, -0.8, 0.0),
    "nose": (0.15, -0.95, 0.0),
    "mouth": (0.2, -0.9, -0.4),
    "jaw": (0.2, -0.7, -0.6),
    "tongue": (0.0, -0.9, -0.4),
}


def snake(name):
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def ball(name, keys, dead=()):
    """A ball facing -y with one key for each ARKit unit of `keys` (key name -> unit)."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=24, ring_count=16)
    obj = bpy.context.object
    obj.name = name
    obj.shape_key_add(name="Basis")
    for key, unit in keys.items():
        block = obj.shape_key_add(name=key)
        block.value = 0.0
        if key in dead:
            continue
        x, y, z = PLACES[next(p for p in PLACES if unit.startswith(p))]
        sides = {"Left": (1,), "Right": (-1,), None: (1, -1)}[_side(unit)]
        for point, vertex in zip(block.data, obj.data.vertices, strict=True):
            for side in sides:
                away = math.dist(vertex.co, (side * x, y, z))
                point.co.z -= 0.2 * math.exp(-((away / 0.3) ** 2))
    return obj


def _side(unit):
    return next((side for side in ("Left", "Right") if unit.endswith(side)), None)


def armature(*meshes):
    """A neck and a head bone of odd roll, in an armature that is turned, moved and scaled; the meshes are skinned to
    it.
    """
    data = bpy.data.armatures.new("Bones")
    rig = bpy.data.objects.new("Rig", data)
    bpy.context.collection.objects.link(rig)
    rig.rotation_euler = (0.3, 0.2, 0.5)
    rig.scale = (2.0, 2.0, 2.0)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for name, low, high, parent in (("Neck", -2, -1, None), ("Head", -1, 1, "Neck")):
        bone = data.edit_bones.new(name)
        bone.head, bone.tail, bone.roll = (0, 0.2, low), (0.1, 0, high), 0.7
        bone.parent = data.edit_bones[parent] if parent else None
    bpy.ops.object.mode_set(mode="OBJECT")
    for mesh in meshes:
        # As things stand the mesh faces -y, whatever the armature's own axes.
        mesh.parent = rig
        mesh.matrix_parent_inverse = rig.matrix_basis.inverted()
        mesh.vertex_groups.new(name="Head").add(range(len(mesh.data.vertices)), 1.0, "REPLACE")
        mesh.modifiers.new("Skin", "ARMATURE").object = rig
    rig.pose.bones["Head"].rotation_mode = "XYZ"
    return rig


def bony_face():
    """A ball of radius 1 that faces -y, without keys, on bones of odd rolls; its armature is turned, moved and scaled.

    The jaw may turn by 0.1 about each of its own axes at most; the right brow is locked along its own length.
    """
    bpy.ops.mesh.primitive_uv_sphere_add(segments=24, ring_count=16)
    face = bpy.context.object
    face.name = "Face"
    data = bpy.data.armatures.new("Bones")
    rig = bpy.data.objects.new("Rig", data)
    bpy.context.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bones = {
        "Neck": ((0, 0.2, -2), (0, 0.2, -1), None),
        "Head": ((0, 0.2, -1), (0, 0.2, 1), "Neck"),
        "jaw": ((0, 0.1, -0.2), (0, -0.7, -0.6), "Head"),
        "eye.L": ((0.35, -0.6, 0.3), (0.35, -0.9, 0.3), "Head"),
        "eye.R": ((-0.35, -0.6, 0.3), (-0.35, -0.9, 0.3), "Head"),
        "upper_lid.L": ((0.35, -0.6, 0.3), (0.35, -0.9, 0.35), "Head"),
        "upper_lid.R": ((-0.35, -0.6, 0.3), (-0.35, -0.9, 0.35), "Head"),
        "brow.L": ((0.35, -0.8, 0.5), (0.35, -0.8, 0.6), "Head"),
        "brow.R": ((-0.35, -0.8, 0.5), (-0.35, -0.8, 0.6), "Head"),
    }
    for number, (name, (base, tip, parent)) in enumerate(bones.items()):
        bone = data.edit_bones.new(name)
        bone.head, bone.tail, bone.roll = base, tip, 0.9 * number
        bone.parent = data.edit_bones[parent] if parent else None
    bpy.ops.object.mode_set(mode="OBJECT")
    groups = {name: face.vertex_groups.new(name=name) for name in bones}
    for vertex in face.data.vertices:
        near = {name: (vertex.co - Vector(tip)).length for name, (_, tip, _) in bones.items()}
        name = min(near, key=near.get)
        # The face lies in front; the rest of the ball is the head's.
        groups[name if near[name] < 0.4 and vertex.co.y < 0 else "Head"].add([vertex.index], 1.0, "REPLACE")
    face.parent = rig
    face.modifiers.new("Skin", "ARMATURE").object = rig
    rig.rotation_euler = (0.0, 0.0, 0.0)
    rig.scale = (0.1, 0.1, 0.1)
    rig.location = (3.0, -2.0, 1.0)
    limit = rig.pose.bones["jaw"].constraints.new("LIMIT_ROTATION")
    limit.owner_space = "LOCAL"
    rig.pose.bones["jaw"].rotation_mode = "XYZ"
    for axis in "xyz":
        setattr(limit, f"use_limit_{axis}", True)
        setattr(limit, f"min_{axis}", -0.1)
        setattr(limit, f"max_{axis}", 0.1)
    rig.pose.bones["brow.R"].lock_location = (False, True, False)
    return rig


def save(folder, name):
    bpy.ops.wm.save_as_mainfile(filepath=os.path.join(folder, name))
    bpy.ops.wm.read_factory_settings(use_empty=True)


def main():
    folder = sys.argv[1]
    bpy.ops.wm.read_factory_settings(use_empty=True)

    head = ball("Head", {snake(n): n for n in ARKIT_NAMES}, dead=("cheek_puff",))
    teeth = ball("Teeth", {"JawOpen": "jawOpen", "Jaw_L": "jawLeft"})
    rig = armature(head, teeth)
    # An animation of the artist's own must not get lost.
    rig.location.x = 0.0
    rig.keyframe_insert("location", frame=1)
    rig.animation_data.action.name = "Walk"
    save(folder, "skinned.blend")

    ball("Head", {n: n for n in ARKIT_NAMES if n != "mouthClose"})
    ball("Lashes", {"eyeBlink": "eyeBlinkLeft"})
    bpy.ops.mesh.primitive_cube_add(size=0.2)
    bpy.context.object.name = "Eyes"
    save(folder, "loose.blend")

    driven = ball("Head", {n: n for n in ("jawOpen", "mouthSmileLeft", "mouthSmileRight")})
    curve = driven.data.shape_keys.key_blocks["jawOpen"].driver_add("value")
    curve.driver.type = "SCRIPTED"
    curve.driver.expression = "frame * 0.01 + len(str(frame)) * 0"
    driven.data.shape_keys.key_blocks["mouthSmileLeft"].mute = True
    driven.show_only_shape_key = True
    save(folder, "driven.blend")

    bpy.ops.mesh.primitive_cube_add()
    save(folder, "plain.blend")

    ball("Head", {"Key 1": "jawOpen", "Key 2": "browInnerUp"})
    save(folder, "unnamed.blend")

    bony_face()
    save(folder, "bony.blend")

    sys.stdout.write("RESULT " + json.dumps(sorted(os.listdir(folder))) + "\n")
    sys.stdout.flush()
    os._exit(0)


main()
