# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the surfaces of the open scene's meshes, keys or none, in their rest pose.

Schema "mmface-surface/1"; `retarget/registration/surface.py` reads it. Rest pose: armatures at rest, the reference key
of each mesh, no modifiers. Only there do the offsets of shape keys, which act before skinning, mean what one sees.
"""

from array import array

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
        keys = obj.data.shape_keys if obj.type == "MESH" else None
        if keys:
            obj.show_only_shape_key = False
            if keys.animation_data:  # or the next update brings the animated values back
                keys.animation_data_clear()
            for block in keys.key_blocks:
                block.value = 0.0
    scene.view_layers[0].update()


def _world_positions(obj) -> array:
    """The reference shape in the world, 3 N floats."""
    keys = obj.data.shape_keys
    source = keys.reference_key.data if keys else obj.data.vertices
    local = array("f", bytes(12 * len(source)))
    source.foreach_get("co", local)
    (a, b, c, d), (e, f, g, h), (i, j, k, m) = (tuple(row) for row in obj.matrix_world[:3])
    xs, ys, zs = local[0::3], local[1::3], local[2::3]
    world = array("f", bytes(4 * len(local)))
    world[0::3] = array("f", [a * x + b * y + c * z + d for x, y, z in zip(xs, ys, zs, strict=True)])
    world[1::3] = array("f", [e * x + f * y + g * z + h for x, y, z in zip(xs, ys, zs, strict=True)])
    world[2::3] = array("f", [i * x + j * y + k * z + m for x, y, z in zip(xs, ys, zs, strict=True)])
    return world


def _triangles(data) -> array:
    data.calc_loop_triangles()
    corners = array("i", bytes(12 * len(data.loop_triangles)))
    data.loop_triangles.foreach_get("vertices", corners)
    return corners
