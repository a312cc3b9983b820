"""Enables the add-on, loads a motion with its operator, and disables it again."""

import json
import os
import sys

import bpy

sys.path.insert(0, sys.argv[1])  # a folder that holds nothing but the add-on
rig, motion = sys.argv[2:4]

import blender_addon  # noqa: E402

bpy.ops.wm.open_mainfile(filepath=rig, use_scripts=False)
said = {"modules": sorted(n for n in sys.modules if n.split(".")[0] in ("mmface_core", "retarget", "torch"))}
blender_addon.register()
said["registered"] = hasattr(bpy.types, "MMFACE_PT_motion") and hasattr(bpy.types, "MMFACE_OT_load_motion")
said["result"] = sorted(bpy.ops.mmface.load_motion(filepath=motion))
keys = bpy.data.objects["Head"].data.shape_keys
said["action"] = keys.animation_data.action.name
said["fps"] = bpy.context.scene.render.fps
try:
    bpy.ops.mmface.load_motion(filepath=rig)
except RuntimeError as error:
    said["refusal"] = str(error)
blender_addon.unregister()
said["left"] = hasattr(bpy.types, "MMFACE_PT_motion") or hasattr(bpy.types, "MMFACE_OT_load_motion")
blender_addon.register()
blender_addon.unregister()
sys.stdout.write("RESULT " + json.dumps(said) + "\n")
sys.stdout.flush()
os._exit(0)
