# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders still pictures of the rig from given places, by parallel projection, so that pixels lead back to the mesh."""

import os

import bpy

from ..errors import SceneError
from .read_rig import face_scene
from .render import _dress, placed
from .surface import to_rest_pose


def render_portraits(folder: str, views, size: int, hide=(), progress=lambda done, total: None) -> None:
    """Write `folder`/NAME.jpg for each view, size x size pixels, of the rig in its rest pose.

    views: {"name", "centre", "front", "up", "height", "keys"}: a parallel camera that looks against `front` at `centre`
    (world), with `height` (world length) filling the picture; keys: {shape key name: value} set on every mesh for this
    picture. hide: objects to leave out. Never save the scene afterwards.
    """
    scene = face_scene()
    bpy.context.window.scene = scene
    to_rest_pose(scene)
    for name in hide:
        scene.objects[name].hide_render = True
    _dress(scene, (size, size), True)
    os.makedirs(folder, exist_ok=True)
    camera = bpy.data.cameras.new("portrait")
    camera.type = "ORTHO"
    camera.sensor_fit = "VERTICAL"
    obj = bpy.data.objects.new("portrait", camera)
    scene.collection.objects.link(obj)
    scene.camera = obj
    for number, view in enumerate(views, 1):
        _place(obj, view)
        blocks = [b for o in scene.objects if o.type == "MESH" and o.data.shape_keys for b in _sliders(o)]
        for block in blocks:
            value = view.get("keys", {}).get(block.name, 0.0)
            block.slider_min, block.slider_max = min(block.slider_min, value), max(block.slider_max, value)
            block.value = value
        scene.render.filepath = os.path.join(folder, view["name"] + ".jpg")
        bpy.ops.render.render(write_still=True, scene=scene.name)
        if not os.path.isfile(scene.render.filepath):
            raise SceneError("unwritable", f"Blender could not write {scene.render.filepath}; is the disk full?")
        progress(number, len(views))


def _sliders(obj):
    return obj.data.shape_keys.key_blocks[1:]


def _place(obj, view: dict) -> None:
    distance = 4.0 * view["height"]
    obj.matrix_world = placed(view, distance)
    obj.data.ortho_scale = view["height"]
    obj.data.clip_start, obj.data.clip_end = 0.001 * distance, 3.0 * distance
