"""Says what is in a .blend's meshes, keys, bones and pictures: describe_avatar.py FILE."""

import json
import os
import sys

import bpy

bpy.ops.wm.open_mainfile(filepath=sys.argv[-1])
meshes = {}
for obj in bpy.data.objects:
    if obj.type == "MESH":
        keys = obj.data.shape_keys.key_blocks if obj.data.shape_keys else []
        rest = [tuple(v.co) for v in obj.data.vertices]
        reach = {
            key.name: max(
                max(abs(a - b) for a, b in zip(p.co, r, strict=True)) for p, r in zip(key.data, rest, strict=True)
            )
            for key in list(keys)[1:]
        }
        meshes[obj.name] = {
            "keys": reach,
            "values": [key.value for key in list(keys)[1:]],
            "groups": [group.name for group in obj.vertex_groups],
            "low": [min(p[axis] for p in rest) for axis in range(3)],
            "high": [max(p[axis] for p in rest) for axis in range(3)],
        }
rigs = [obj for obj in bpy.data.objects if obj.type == "ARMATURE"]
answer = {
    "meshes": meshes,
    "bones": {bone.name: bone.parent.name if bone.parent else None for bone in rigs[0].data.bones},
    "images": {image.name: [bool(image.packed_file), list(image.size)] for image in bpy.data.images if image.users},
    "libraries": len(bpy.data.libraries),
}
sys.stdout.write("RESULT " + json.dumps(answer) + "\n")
sys.stdout.flush()
os._exit(0)
