# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives meshes new shape keys, from offsets that lie in a raw float32 file. Schema "mmface-keys/1"."""

import json
import os
import sys
from array import array

from ..errors import SceneError
from .read_rig import face_scene

SCHEMA = "mmface-keys/1"


def make_keys(path: str, replace: bool = False) -> dict:
    """Make the keys of the JSON file `path`: {"schema", "values", "meshes": [{"object", "vertices", "keys": [...]}]}.

    A key is {"name", "offset"}: 3 N numbers of the file `values` beside it, the offsets of all vertices in the object's
    own frame at value 1, or null where the mesh rests. replace: the meshes' own keys go first. Existing keys of the
    same names are an error otherwise: SceneError (kind "keys").
    """
    with open(path, encoding="utf-8") as file:
        plan = json.load(file)
    if plan.get("schema") != SCHEMA:
        raise SceneError("keys", f"This list of keys has the version {plan.get('schema')}; the add-on makes {SCHEMA}.")
    values = array("f")
    with open(os.path.join(os.path.dirname(path), plan["values"]), "rb") as file:
        values.frombytes(file.read())
    if sys.byteorder == "big":
        values.byteswap()
    scene, made = face_scene(), 0
    if replace:
        for obj in scene.objects:
            if obj.type == "MESH" and obj.data.shape_keys and obj.data.library is None:
                _rest(obj)
                obj.shape_key_clear()
    for row in plan["meshes"]:
        made += _keys_of(scene.objects[row["object"]], row, values)
    return {"made": made}


def _rest(obj) -> None:
    """Back to the reference shape, so that clearing keys leaves that and no mix of them."""
    keys = obj.data.shape_keys
    for block in keys.key_blocks:
        block.value = 0.0
    flat = array("f", bytes(12 * len(obj.data.vertices)))
    keys.reference_key.data.foreach_get("co", flat)
    obj.data.vertices.foreach_set("co", flat)


def _keys_of(obj, row: dict, values: array) -> int:
    data = obj.data
    if len(data.vertices) != row["vertices"]:
        raise SceneError("keys", f"{obj.name} has {len(data.vertices)} vertices now, not {row['vertices']} as before.")
    present = {block.name for block in data.shape_keys.key_blocks} if data.shape_keys else set()
    double = sorted(present & {key["name"] for key in row["keys"]})
    if double:
        raise SceneError(
            "keys", f"{obj.name} already has the shape keys {', '.join(double[:5])}{' ...' if len(double) > 5 else ''}."
        )
    if not data.shape_keys:
        obj.shape_key_add(name="Basis", from_mix=False)
    base = array("f", bytes(12 * len(data.vertices)))
    data.shape_keys.reference_key.data.foreach_get("co", base)
    for key in row["keys"]:
        block = obj.shape_key_add(name=key["name"], from_mix=False)
        block.value = 0.0  # 5.0 starts keys at 1
        block.relative_key = data.shape_keys.reference_key
        offset = key["offset"]
        moved = base
        if offset is not None:
            moved = array("f", [b + v for b, v in zip(base, values[offset : offset + len(base)], strict=True)])
        block.data.foreach_set("co", moved)
    return len(row["keys"])
