"""Run by a Python with bpy: hides a rig's names and moves, turns, scales or cuts it, so that only geometry is left.

    python -m benchmarks.disguise_rig RIG OUT.blend NAMES.json SEED [scale] [turn] [move] [cut]

Keys become "Key 1".."Key n" in a shuffled order, equal names staying equal; NAMES.json tells which was which.
"""

import json
import random
import sys
from math import pi

import bpy
from mathutils import Matrix

from blender_addon.scene.files import open_rig, save_blend


def disguise(rig: str, output: str, names: str, seed: int, changes: set[str]) -> None:
    """Open `rig`, hide the names of its keys, apply the changes, save."""
    open_rig(rig)
    if "cut" in changes:
        for obj in [o for o in bpy.context.scene.objects if o.type == "MESH" and o.data.shape_keys]:
            cut_in_two(obj)
    known = hide_names(random.Random(seed))
    place = Matrix.Identity(4)
    if "turn" in changes:
        place = Matrix.Rotation(pi, 4, "Z") @ place
    if "scale" in changes:
        place = Matrix.Scale(100.0, 4) @ place
    if "move" in changes:
        size = max(max(o.dimensions) for o in bpy.context.scene.objects if o.type == "MESH") * place.to_scale().x
        place = Matrix.Translation((3.0 * size, -2.0 * size, 1.5 * size)) @ place
    if changes & {"turn", "scale", "move"}:
        above = bpy.data.objects.new("Placed", None)
        bpy.context.scene.collection.objects.link(above)
        for obj in [o for o in bpy.context.scene.objects if o.parent is None and o is not above]:
            obj.parent = above
        above.matrix_world = place
        bpy.context.view_layer.update()
    save_blend(output)
    with open(names, "w", encoding="utf-8") as file:
        json.dump(known, file)


def hide_names(chance: random.Random) -> dict[str, str]:
    """Rename all keys; return new name -> old name."""
    meshes = {o.data for o in bpy.context.scene.objects if o.type == "MESH" and o.data.shape_keys}
    old = sorted({b.name for m in meshes for b in m.shape_keys.key_blocks[1:]})
    numbers = list(range(1, len(old) + 1))
    chance.shuffle(numbers)
    hidden = {name: f"Key {number}" for name, number in zip(old, numbers, strict=True)}
    for mesh in meshes:
        blocks = list(mesh.shape_keys.key_blocks[1:])
        wanted = [hidden[block.name] for block in blocks]
        for number, block in enumerate(blocks):  # two steps, or a new name meets an old one
            block.name = f"~{number}"
        for block, name in zip(blocks, wanted, strict=True):
            block.name = name
    return {new: name for name, new in hidden.items()}


def cut_in_two(obj) -> None:
    """Separate the faces on the mesh's +x half from the others; both keep their keys."""
    bpy.context.view_layer.objects.active = obj
    middle = sum(v.co.x for v in obj.data.vertices) / len(obj.data.vertices)
    bpy.ops.object.select_all(action="DESELECT")
    obj.select_set(True)
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_mode(type="FACE")
    bpy.ops.mesh.select_all(action="DESELECT")
    bpy.ops.object.mode_set(mode="OBJECT")
    for face in obj.data.polygons:
        face.select = face.center.x > middle
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.separate(type="SELECTED")
    bpy.ops.object.mode_set(mode="OBJECT")


if __name__ == "__main__":
    disguise(*sys.argv[1:4], int(sys.argv[4]), set(sys.argv[5:]))
    sys.stdout.flush()
