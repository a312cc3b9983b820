"""Render a head whose modifier subdivides once in the viewport and three times in renders; say what was rendered."""

import json
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parents[3]))
from blender_addon.scene.render import render_frames

folder = Path(sys.argv[1])
VIEW = {"centre": (0, 0, 0), "height": 4.0, "front": (0, -1, 0), "up": (0, 0, 1)}
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.mesh.primitive_cube_add()
head = bpy.context.object
head.shape_key_add(name="Basis")
head.shape_key_add(name="jawOpen")
smooth = head.modifiers.new("Smooth", "SUBSURF")
smooth.levels, smooth.render_levels = 1, 3
rendered = {}
for fine in (True, False):
    render_frames(str(folder / str(fine)), [1], (32, 32), VIEW, fine)
    rendered["fine" if fine else "quick"] = smooth.render_levels
sys.stdout.write("RESULT " + json.dumps(rendered) + "\n")
