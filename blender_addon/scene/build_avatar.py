# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the bundled avatar together: python -m blender_addon.scene.build_avatar PARTS OUT.blend

PARTS is a folder with `avatar.json` and the raw little-endian float32/int32 arrays that it names
(tools/avatar/parts.py), in millimetres, x towards the subject's left, y up, z out of the face. The .blend is in
metres, z up, facing -y.
"""

import json
import os
import sys
from array import array

import bpy

MM = 0.001
FLOOR_MM = 175.0  # the origin of the .blend lies this far below that of the head frame


def build(folder: str, output: str) -> None:
    """Make the scene from the parts in `folder` and save it, compressed, to `output`."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with open(os.path.join(folder, "avatar.json"), encoding="utf-8") as file:
        parts = json.load(file)
    if parts["schema"] != "mmface-avatar-parts/1":
        raise SystemExit(f"{folder} holds avatar parts of another version: {parts['schema']}")
    materials = {row["name"]: _material(row, folder) for row in parts["materials"]}
    rig = _armature(parts["bones"])
    for row in parts["meshes"]:
        _mesh(row, folder, materials, rig)
    _stage()
    bpy.context.preferences.filepaths.save_version = 0
    bpy.ops.wm.save_as_mainfile(filepath=output, compress=True)


def to_blender(x: float, y: float, z: float) -> tuple:
    """A point of the head frame (mm) in the .blend's world (m)."""
    return (x * MM, -z * MM, (y + FLOOR_MM) * MM)


def _read(folder: str, name: str, kind: str) -> array:
    values = array(kind)
    with open(os.path.join(folder, name), "rb") as file:
        values.frombytes(file.read())
    if sys.byteorder == "big":
        values.byteswap()
    return values


def _points(folder: str, name: str, offsets: bool = False) -> list:
    flat = _read(folder, name, "f")
    rows = zip(flat[0::3], flat[1::3], flat[2::3], strict=True)
    if offsets:
        return [(x * MM, -z * MM, y * MM) for x, y, z in rows]
    return [to_blender(*row) for row in rows]


def _mesh(row: dict, folder: str, materials: dict, rig) -> None:
    files = row["files"]
    vertices = _points(folder, files["vertices"])
    corners = row["corners"]
    flat = _read(folder, files["faces"], "i")
    faces = [tuple(flat[i : i + corners]) for i in range(0, len(flat), corners)]
    data = bpy.data.meshes.new(row["name"])
    data.from_pydata(vertices, [], faces)
    data.polygons.foreach_set("use_smooth", [True] * len(faces))
    for name in row["materials"]:
        data.materials.append(materials[name])
    if "face_material" in files:
        data.polygons.foreach_set("material_index", _read(folder, files["face_material"], "i"))
    if "uv" in files:
        data.uv_layers.new(name="UVMap").data.foreach_set("uv", _read(folder, files["uv"], "f"))
    data.update()
    obj = bpy.data.objects.new(row["name"], data)
    bpy.context.scene.collection.objects.link(obj)
    for bone in row["bones"]:
        group = obj.vertex_groups.new(name=bone)
        for index, weight in enumerate(_read(folder, files[f"bone_{bone}"], "f")):
            if weight > 0:
                group.add([index], weight, "REPLACE")
    obj.parent = rig
    obj.modifiers.new("Armature", "ARMATURE").object = rig
    view, render = row["subdivision"]
    if render:
        smooth = obj.modifiers.new("Subdivision", "SUBSURF")
        smooth.levels, smooth.render_levels = view, render
        smooth.boundary_smooth = "PRESERVE_CORNERS"
    if row["keys"]:
        obj.shape_key_add(name="Basis", from_mix=False)
    for name in row["keys"]:
        key = obj.shape_key_add(name=name, from_mix=False)
        key.value = 0.0  # 5.0 starts keys at 1
        moved = array("f")
        for vertex, offset in zip(vertices, _points(folder, files[f"key_{name}"], offsets=True), strict=True):
            moved.extend(v + o for v, o in zip(vertex, offset, strict=True))
        key.data.foreach_set("co", moved)
    if row["keys"]:
        data.shape_keys.name = row["name"]


def _material(row: dict, folder: str):
    material = bpy.data.materials.new(row["name"])
    red, green, blue = (_linear(value) for value in row["colour"])
    material.diffuse_color = (red, green, blue, 1.0)
    material.roughness = max(0.4, row["roughness"])
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (red, green, blue, 1.0)
    shader.inputs["Roughness"].default_value = row["roughness"]
    # Names of the inputs as of Blender 4; 3.x called them otherwise and goes without.
    if row.get("subsurface") and "Subsurface Weight" in shader.inputs:
        shader.inputs["Subsurface Weight"].default_value = row["subsurface"]
        shader.inputs["Subsurface Radius"].default_value = (1.0, 0.35, 0.2)
        shader.inputs["Subsurface Scale"].default_value = 0.004
    if row.get("coat") and "Coat Weight" in shader.inputs:
        shader.inputs["Coat Weight"].default_value = row["coat"]
        shader.inputs["Coat Roughness"].default_value = 0.03
    if row.get("image"):
        image = bpy.data.images.load(os.path.join(folder, row["image"]))
        image.pack()
        image.filepath = f"//{row['image']}"
        image.filepath_raw = f"//{row['image']}"
        texture = nodes.new("ShaderNodeTexImage")
        texture.image = image
        texture.location = (shader.location.x - 320, shader.location.y)
        links.new(texture.outputs["Color"], shader.inputs["Base Color"])
        if row.get("dark_is_dull"):  # hair painted on skin does not shine
            dull = nodes.new("ShaderNodeMapRange")
            for socket, value in (
                ("From Min", 0.08),
                ("From Max", 0.35),
                ("To Min", 1.0),
                ("To Max", row["roughness"]),
            ):
                dull.inputs[socket].default_value = value
            dull.location = (shader.location.x - 320, shader.location.y - 300)
            links.new(texture.outputs["Color"], dull.inputs["Value"])
            links.new(dull.outputs["Result"], shader.inputs["Roughness"])
        nodes.active = texture  # what Workbench shows
    return material


def _linear(value: float) -> float:
    """sRGB 0..1 as a linear value."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _armature(bones: list):
    data = bpy.data.armatures.new("Rig")
    rig = bpy.data.objects.new("Rig", data)
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for row in bones:
        bone = data.edit_bones.new(row["name"])
        bone.head, bone.tail = to_blender(*row["head"]), to_blender(*row["tail"])
        if row["parent"]:
            bone.parent = data.edit_bones[row["parent"]]
            bone.use_connect = bone.head == bone.parent.tail
    bpy.ops.object.mode_set(mode="OBJECT")
    data.display_type = "STICK"
    rig.show_in_front = True
    return rig


def _stage() -> None:
    """A camera, three lights and a quiet background, so that F12 gives a portrait at once."""
    scene = bpy.context.scene
    camera = bpy.data.cameras.new("Camera")
    camera.lens = 85
    obj = bpy.data.objects.new("Camera", camera)
    obj.location, obj.rotation_euler = (0.0, -1.05, 0.185), (1.5708, 0.0, 0.0)
    scene.collection.objects.link(obj)
    scene.camera = obj
    for name, place, energy, size, colour in (
        ("Key", (0.55, -0.75, 0.65), 11.0, 0.5, (1.0, 0.96, 0.90)),
        ("Fill", (-0.75, -0.65, 0.25), 3.5, 0.8, (0.85, 0.92, 1.0)),
        ("Rim", (-0.35, 0.75, 0.6), 2.5, 0.5, (1.0, 1.0, 1.0)),
    ):
        light = bpy.data.lights.new(name, "AREA")
        light.energy, light.size, light.color = energy, size, colour
        lamp = bpy.data.objects.new(name, light)
        lamp.location = place
        # An area light shines along its -z: turn that towards the face.
        from mathutils import Vector

        lamp.rotation_euler = (Vector((0.0, 0.0, 0.17)) - Vector(place)).to_track_quat("-Z", "Y").to_euler()
        scene.collection.objects.link(lamp)
    world = bpy.data.worlds.new("World")
    world.use_nodes = True
    background = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (0.05, 0.055, 0.06, 1.0)
    scene.world = world
    scene.render.resolution_x = scene.render.resolution_y = 1024
    scene.display.shading.color_type = "TEXTURE"
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 64
    scene.view_settings.view_transform = "Standard"


if __name__ == "__main__":
    build(sys.argv[-2], sys.argv[-1])
