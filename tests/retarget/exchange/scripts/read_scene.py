"""Says what shape-key animation Blender finds in the .fbx and .usd files given; run by a Python with bpy."""

import json
import os
import sys

import bpy


def read(path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if path.endswith(".fbx"):
        bpy.ops.import_scene.fbx(filepath=path, anim_offset=0.0)
    else:
        bpy.ops.wm.usd_import(filepath=path, import_blendshapes=True)
    said = {"meshes": {}, "fps": bpy.context.scene.render.fps / bpy.context.scene.render.fps_base}
    for obj in bpy.data.objects:
        keys = obj.data.shape_keys if obj.type == "MESH" else None
        if not keys or not keys.animation_data or not keys.animation_data.action:
            continue
        curves = {}
        for layer in keys.animation_data.action.layers:
            for strip in layer.strips:
                for curve in strip.channelbag(keys.animation_data.action_slot).fcurves:
                    key = curve.data_path.split('"')[1]
                    points = curve.keyframe_points
                    curves[key] = [[p.co.x for p in points], [p.co.y for p in points]]
        said["meshes"][obj.name] = curves
    return said


sys.stdout.write("RESULT " + json.dumps({os.path.basename(path): read(path) for path in sys.argv[1:]}) + "\n")
sys.stdout.flush()
os._exit(0)
