# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the open scene, with its animation, as a file of another program: glTF, FBX or USD."""

import os

import bpy

from .. import compat
from ..errors import SceneError

KINDS = (".glb", ".fbx", ".usd", ".usda", ".usdc", ".usdz")


def export(path: str) -> dict:
    """Write `path`, whose ending says as what, over the scene's frame range. Raises SceneError (kind "unwritable")."""
    kind = os.path.splitext(path)[1].lower()
    if kind not in KINDS:
        raise SceneError("unwritable", f"{path} cannot be written; it should end in one of {', '.join(KINDS)}.")
    write = {"gl": compat.export_gltf, "fb": compat.export_fbx, "us": compat.export_usd}[kind[1:3]]
    warnings = []
    if kind.startswith(".us"):
        warnings = _driven_keys()
    try:
        write(path)
    except Exception as error:  # the exporters are Python programs: an odd scene may raise anything
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise SceneError(
            "unwritable", f"The scene could not be written as {kind}. Blender says: {lines[-1] if lines else error!r}"
        ) from error
    if not os.path.isfile(path):
        raise SceneError("unwritable", f"The scene could not be written as {kind}; Blender wrote nothing.")
    return {"warnings": warnings}


def _driven_keys() -> list:
    """What USD cannot keep, as sentences: it samples keyed shape keys, not those that a driver moves."""
    driven = sorted(
        obj.name
        for obj in bpy.data.objects
        if obj.type == "MESH"
        and obj.data.shape_keys
        and obj.data.shape_keys.animation_data
        and obj.data.shape_keys.animation_data.drivers
    )
    return [f"Drivers move shape keys of {', '.join(driven)}; USD may keep them at rest."] if driven else []
