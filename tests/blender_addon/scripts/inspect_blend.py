"""Says what is in a .blend: actions, curves, rate and range, and where the head's axes point at chosen frames."""

import json
import os
import sys

import bpy


def curves_of(datablock):
    animation = datablock.animation_data
    if not animation or not animation.action:
        return None
    curves = {}
    for layer in animation.action.layers:
        for strip in layer.strips:
            for curve in strip.channelbag(animation.action_slot).fcurves:
                points = curve.keyframe_points
                curves[f"{curve.data_path}[{curve.array_index}]"] = {
                    "frames": [point.co.x for point in points],
                    "values": [point.co.y for point in points],
                    "interpolation": sorted({point.interpolation for point in points}),
                }
    return {"action": animation.action.name, "curves": curves}


def main():
    path, frames = sys.argv[1], [int(text) for text in sys.argv[2:]]
    bpy.ops.wm.open_mainfile(filepath=path, use_scripts=False)
    scene = bpy.context.scene
    said = {
        "scene": {
            "fps": scene.render.fps,
            "fps_base": scene.render.fps_base,
            "start": scene.frame_start,
            "end": scene.frame_end,
            "current": scene.frame_current,
        },
        "actions": {action.name: action.use_fake_user for action in bpy.data.actions},
        "keys": {o.name: curves_of(o.data.shape_keys) for o in scene.objects if o.type == "MESH" and o.data.shape_keys},
        "objects": {o.name: curves_of(o) for o in scene.objects},
        "parents": {o.name: o.parent.name if o.parent else None for o in scene.objects},
        "pinned": [o.name for o in scene.objects if o.type == "MESH" and o.show_only_shape_key],
        "modes": {f"{o.name}/{b.name}": b.rotation_mode for o in scene.objects if o.pose for b in o.pose.bones},
        "axes": {},
        "values": {},
    }
    for frame in frames:
        scene.frame_set(frame)
        depsgraph = bpy.context.evaluated_depsgraph_get()
        said["axes"][frame] = {o.name: axes(o, depsgraph) for o in scene.objects if o.type == "MESH"}
        said["values"][frame] = {
            o.name: {b.name: b.value for b in o.data.shape_keys.key_blocks}
            for o in scene.objects
            if o.type == "MESH" and o.data.shape_keys
        }
    sys.stdout.write("RESULT " + json.dumps(said) + "\n")
    sys.stdout.flush()
    os._exit(0)


def axes(obj, depsgraph):
    """Directions in the world from the middle of the mesh to the vertices that lie to its left (x), back (y) and top
    (z).
    """
    mesh = obj.evaluated_get(depsgraph).data
    rest = obj.data.vertices
    world = [obj.matrix_world @ v.co for v in mesh.vertices]
    middle = sum(world[1:], world[0]) / len(world)
    extremes = [max(range(len(rest)), key=lambda i: rest[i].co[axis]) for axis in range(3)]
    return {"axes": [list((world[i] - middle).normalized()) for i in extremes], "middle": list(middle)}


main()
