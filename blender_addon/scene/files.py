# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens people's rig files, whatever their kind, and saves the result without leaving half a file behind."""

import os
import re
import struct

import bpy

from .. import compat
from ..errors import SceneError

KINDS = (".blend", ".glb", ".gltf", ".fbx")


def open_rig(path: str) -> list:
    """Replace the open scene by the file's; return warnings as sentences.

    A .blend is opened with its scripts off. Raises SceneError (kind "unreadable") with the reason in a sentence.
    """
    kind = os.path.splitext(path)[1].lower()
    if kind not in KINDS:
        raise SceneError("unreadable", f"{path} is not a rig: give a .blend, .glb, .gltf or .fbx file.")
    if not os.path.isfile(path):
        raise SceneError("unreadable", f"There is no file {path}.")
    if kind == ".blend":
        return _open_blend(path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    _refuse_meshopt(path, kind)
    try:
        if kind == ".fbx":
            compat.import_fbx(path)
        else:
            compat.import_gltf(path)
    except Exception as error:  # the importers are Python programs: a broken file may raise anything
        raise SceneError(
            "unreadable", f"{path} could not be imported; is it complete? Blender says: {_last_line(error)}"
        ) from error
    if not bpy.data.objects:
        raise SceneError("unreadable", f"{path} could not be imported: there is nothing in it.")
    return []


def save_blend(path: str) -> None:
    """Save a copy of the scene as the .blend `path`. Raises SceneError (kind "unwritable").

    Whoever wants it whole or not at all gives the name of a temporary file in the same folder and renames it.
    """
    bpy.context.preferences.filepaths.save_version = 0
    try:
        bpy.ops.wm.save_as_mainfile(filepath=path, copy=True, check_existing=False, relative_remap=True)
    except RuntimeError as error:
        raise SceneError("unwritable", f"{path} could not be written: {_last_line(error)}") from error


def _saved_by(path: str):
    """The Blender version (major, minor) that saved a .blend; None where the file is compressed or something else."""
    with open(path, "rb") as file:
        head = file.read(17)
    old = re.match(rb"BLENDER[-_][vV](\d)(\d\d)", head)
    new = re.match(rb"BLENDER\d\d-\d\d[vV](\d\d)(\d\d)", head)  # since 5.0
    found = old or new
    return (int(found[1]), int(found[2])) if found else None


def _open_blend(path: str) -> list:
    warnings = []
    saved_by = _saved_by(path)
    if saved_by and saved_by > bpy.app.version[:2]:
        theirs, ours = (f"Blender {version[0]}.{version[1]}" for version in (saved_by, bpy.app.version))
        if bpy.app.version < (4, 2, 0):  # opening it would crash
            raise SceneError("unreadable", f"{path} was saved by {theirs}, and this is {ours}: use a newer one.")
        warnings.append(f"The file was saved by {theirs} and opened with {ours}; look whether all is there.")
    try:
        bpy.ops.wm.open_mainfile(filepath=path, use_scripts=False, load_ui=False)
    except RuntimeError as error:
        reason = str(error)
        if "Missing DNA" in reason or "incomplete" in reason or "truncated" in reason.lower():
            sentence = f"{path} is cut short: part of the file is missing. Copy or download it again."
        elif "not supported" in reason or "not a blend" in reason.lower() or "unrecognized" in reason.lower():
            sentence = f"{path} is not a Blender file, in spite of its name."
        else:
            sentence = f"{path} could not be opened. Blender says: {_last_line(error)}"
        raise SceneError("unreadable", sentence) from error
    missing = [library.filepath for library in bpy.data.libraries if getattr(library, "is_missing", False)]
    warnings += [f"The linked library {name} is missing; what it holds is not animated." for name in missing]
    if bpy.app.autoexec_fail:
        warnings.append(
            f"The file wants to run a script ({bpy.app.autoexec_fail_message}); scripts stay off, so what it drives "
            "rests."
        )
    return warnings


def _refuse_meshopt(path: str, kind: str) -> None:
    """Blender's glTF importer fails on meshopt compression with a message that helps nobody."""
    if kind not in (".glb", ".gltf"):
        return
    if b"EXT_meshopt_compression" in _gltf_json(path, kind):
        raise SceneError(
            "unreadable",
            f"{path} is compressed with EXT_meshopt_compression, which Blender cannot import. "
            "Decode it first, for example with: npx @gltf-transform/cli copy IN.glb OUT.glb",
        )


def _gltf_json(path: str, kind: str) -> bytes:
    with open(path, "rb") as file:
        if kind == ".gltf":
            return file.read()
        head = file.read(20)
        if len(head) < 20 or head[:4] != b"glTF":
            raise SceneError("unreadable", f"{path} is not a GLB file, in spite of its name.")
        total, length = struct.unpack("<I", head[8:12])[0], struct.unpack("<I", head[12:16])[0]
        if os.path.getsize(path) < total:
            raise SceneError(
                "unreadable", f"{path} is cut short: part of the file is missing. Copy or download it again."
            )
        return file.read(length)


def _last_line(error: BaseException) -> str:
    """The line of an importer's message that says what went wrong; the rest is its traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line for line in lines if "Error: " in line]
    plain = [line for line in lines if not line.startswith(("Location:", "File "))]
    return (named or plain or [type(error).__name__])[-1]
