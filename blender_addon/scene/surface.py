# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the surfaces of the open scene's meshes, keys or none, in their rest pose.

Schema "mmface-surface/1"; `retarget/registration/surface.py` reads it. Rest pose: armatures at rest, the reference key
of each mesh, no modifiers. Only there do the offsets of shape keys, which act before skinning, mean what one sees.
"""

from array import array

from .parts import shape_keys
from .places import world_positions
from .read_rig import face_scene

SCHEMA = "mmface-surface/1"


def read_surfaces(arrays_path: str) -> dict:
    """Describe each mesh object; write world positions (float32) and triangles (int32) to `arrays_path`.

    Both kinds of numbers take 4 bytes; "offset" and "count" are in numbers. Leaves the scene in its rest pose.
    """
    scene = face_scene()
    to_rest_pose(scene)
    rows = []
    with open(arrays_path, "wb") as file:
        place = 0
        for obj in scene.objects:
            if obj.type != "MESH" or not len(obj.data.vertices):
                continue
            positions, triangles = _world_positions(obj), _triangles(obj.data)
            row = {
                "object": obj.name,
                "visible": obj.visible_get(view_layer=scene.view_layers[0]) and not obj.hide_render,
                "linked": obj.library is not None or obj.data.library is not None,
                "keyed": obj.data.shape_keys is not None,
                "datablock": obj.data.name,
                "world": [list(r) for r in obj.matrix_world],
            }
            for name, values in (("positions", positions), ("triangles", triangles)):
                row[name] = {"offset": place, "count": len(values)}
                values.tofile(file)
                place += len(values)
            rows.append(row)
    return {"schema": SCHEMA, "unit_scale": scene.unit_settings.scale_length, "meshes": rows}


def to_rest_pose(scene) -> None:
    """Armatures at rest and every shape key at 0. The scene is not saved after this."""
    for obj in scene.objects:
        if obj.type == "ARMATURE":
            obj.data.pose_position = "REST"
        keys = shape_keys(obj)
        if keys:
            obj.show_only_shape_key = False
            if keys.animation_data:  # or the next update brings the animated values back
                keys.animation_data_clear()
            for block in keys.key_blocks:
                block.value = 0.0
    scene.view_layers[0].update()


def _world_positions(obj) -> array:
    """The reference shape in the world, 3 N floats."""
    keys = shape_keys(obj)
    source = keys.reference_key.data if keys else obj.data.vertices
    return world_positions(source, obj.matrix_world)


def _triangles(data) -> array:
    data.calc_loop_triangles()
    corners = array("i", bytes(12 * len(data.loop_triangles)))
    data.loop_triangles.foreach_get("vertices", corners)
    return corners
