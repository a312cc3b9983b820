"""Gives skinned.blend an animation of the artist's own: a jaw and a head that stay a little aside; saved as OUT."""

import os
import sys

import bpy

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", ".."))
from blender_addon import compat

rig, out, way = sys.argv[1:4]
bpy.ops.wm.open_mainfile(filepath=rig, use_scripts=False)
keys = bpy.data.objects["Head"].data.shape_keys
armature = bpy.data.objects["Rig"]
bone = armature.pose.bones[sys.argv[4]]
bone.rotation_mode = "QUATERNION"
bone.rotation_quaternion = (0.9689124, 0.0, 0.2474040, 0.0)
keys.key_blocks["jaw_open"].value = 0.2
for datablock, paths in (
    (keys, {'key_blocks["jaw_open"].value': [0.2]}),
    (armature, {f'pose.bones["{bone.name}"].rotation_quaternion': list(bone.rotation_quaternion)}),
):
    (action,) = compat.actions_for(["By hand"])
    writer = compat.CurveWriter(action, datablock)
    for path, values in paths.items():
        for index, value in enumerate(values):
            writer.write(path, index, [1.0, 100.0], [value, value], "by hand")
    if way == "strip":  # pushed down already, as artists do
        compat.OwnAnimation(datablock)  # reads it as it is
        animation = datablock.animation_data
        slot = animation.action_slot
        animation.action = None
        strip = animation.nla_tracks.new().strips.new("By hand", 1, action)
        strip.action_slot = slot
bpy.ops.wm.save_as_mainfile(filepath=out, check_existing=False)
sys.stdout.write("RESULT {}\n")
sys.stdout.flush()
os._exit(0)
