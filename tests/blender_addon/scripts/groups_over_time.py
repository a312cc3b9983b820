"""Says where the middle of each vertex group of a mesh is, in the world, at chosen frames: FILE OBJECT FRAME..."""

import json
import os
import sys

import bpy


def main():
    path, name, frames = sys.argv[1], sys.argv[2], [int(text) for text in sys.argv[3:]]
    bpy.ops.wm.open_mainfile(filepath=path, use_scripts=False)
    obj = bpy.data.objects[name]
    said = {}
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        depsgraph = bpy.context.evaluated_depsgraph_get()
        vertices = obj.evaluated_get(depsgraph).data.vertices
        groups = {}
        for vertex, moved in zip(obj.data.vertices, vertices, strict=True):
            for element in vertex.groups:
                groups.setdefault(obj.vertex_groups[element.group].name, []).append(obj.matrix_world @ moved.co)
        said[frame] = {group: list(sum(points[1:], points[0]) / len(points)) for group, points in groups.items()}
    sys.stdout.write("RESULT " + json.dumps(said) + "\n")
    sys.stdout.flush()
    os._exit(0)


main()
