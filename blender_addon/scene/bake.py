# SPDX-License-Identifier: GPL-3.0-or-later
"""Bakes a motion onto the rig in the open scene: one action named after the clip, keys at the clip's own frames.

A motion is what `retarget/motion.py` writes (schema "mmface-motion/1"): a JSON with the channels, and beside it a raw
little-endian float32 file with one curve after another.
"""

import json
import os
import sys
from array import array
from itertools import pairwise

import bpy
from mathutils import Matrix, Quaternion

from .. import compat
from ..errors import SceneError
from .parts import bone_path, key_path, pose_bone, shape_keys
from .read_rig import face_scene
from .reduce_keys import kept

SCHEMA = "mmface-motion/1"

# Into how many parts an angle's tolerance is divided among a rotation's curves, so that their errors together stay
# below it: three angles add up; a quaternion's four numbers count double each; an axis counts double, its angle once.
_SHARES = {"rotation_euler": 3.0, "rotation_quaternion": 8.0, "rotation_axis_angle": 7.0}


def load_motion(path: str) -> dict:
    """Read a motion; its curves become `array('f')`s. Raises SceneError (kind "motion") where the file is not one."""
    try:
        with open(path, encoding="utf-8") as file:
            motion = json.load(file)
        schema = motion["schema"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SceneError("motion", f"{path} is not a motion file of mmface: {error}.") from error
    if schema != SCHEMA:
        raise SceneError("motion", f"{path} has the version {schema}; this add-on reads {SCHEMA}.")
    values = array("f")
    try:
        name = motion["curves_file"]
        if os.path.basename(name) != name or name in ("", ".", ".."):
            raise ValueError(f"{name!r} does not lie beside it")
        with open(os.path.join(os.path.dirname(path), name), "rb") as file:
            values.frombytes(file.read())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SceneError("motion", f"The curves that belong to {path} cannot be read: {error}.") from error
    if sys.byteorder == "big":
        values.byteswap()
    try:
        frames = motion["frame_count"]
        for channel in motion["keys"]:
            channel["values"] = _curves(values, channel["offset"], frames, path)
        for channel in motion["rotations"]:
            channel["values"] = _curves(values, channel["offset"], 4 * frames, path)
            if "location_offset" in channel:
                channel["locations"] = _curves(values, channel["location_offset"], 3 * frames, path)
    except (KeyError, TypeError) as error:
        raise SceneError("motion", f"The motion file {path} is wrong: {error!r}.") from error
    return motion


def _curves(values, offset: int, count: int, path: str):
    if not 0 <= offset <= offset + count <= len(values):
        raise SceneError("motion", f"The curves that belong to {path} are cut short; write the motion again.")
    return values[offset : offset + count]


def bake(motion: dict, set_scene: bool = True, scene=None) -> dict:
    """Put the motion (of `load_motion`) onto the objects and bones of `scene`, by default the one with the face.

    set_scene: also set the scene's frame rate, range and current frame to the clip's. Returns {"action": name,
    "actions": {name: the one that was wanted}, "keyed": number of curves, "keys": number of keys, "warnings":
    [sentences]}. Raises SceneError (kind "rig") where the scene lacks what the motion names.
    """
    scene = scene or face_scene()
    layer = motion.get("layer", False)
    warnings = []
    by_datablock = collect(motion, scene, warnings)
    datablocks = list(by_datablock)
    own = {datablock: compat.OwnAnimation(datablock) for datablock in datablocks} if layer else {}
    wanted = compat.action_names(motion["name"], datablocks)
    actions = compat.actions_for(wanted)
    keyed, keys = 0, 0
    every = array("f", range(motion["start"], motion["start"] + motion["frame_count"]))
    for datablock, action in zip(datablocks, actions, strict=True):
        writer = compat.CurveWriter(action, datablock)
        for path, curves, tolerance, group in by_datablock[datablock]:
            if layer and path in own[datablock].paths:
                curves = _offsets(curves, path, datablock)
            frames, curves = _fewer_keys(motion, every, curves, tolerance)
            for index, values in enumerate(curves):
                writer.write(path, index, frames, values, group)
                keyed += 1
                keys += len(frames)
        if layer:
            own[datablock].lay_over(action, motion["name"])
    if set_scene:
        fit_scene(scene, motion)
    names = {action.name: name for action, name in zip(actions, wanted, strict=True)}
    return {"action": actions[0].name, "actions": names, "keyed": keyed, "keys": keys, "warnings": warnings}


def collect(motion: dict, scene, warnings: list) -> dict:
    """The motion's curves: id datablock -> list of (path, [values of index 0, 1, ...], tolerance of each, group)."""
    by_datablock = {}
    _collect_keys(motion, by_datablock, warnings)
    _collect_rotations(motion, scene, by_datablock)
    if not by_datablock:
        raise SceneError("rig", "The motion names nothing of this rig, so there is nothing to bake.")
    return by_datablock


def _fewer_keys(motion: dict, every, curves: list, tolerance: float):
    """Those of `every` frame that get keys, and the curves' values there: without the motion's cuts, and within the
    tolerance.
    """
    start, frames = motion["start"], every
    if motion.get("cuts"):
        cut = set()
        for first, last in motion["cuts"]:
            cut.update(range(first - start, last - start + 1))
        chosen = [i for i in range(len(frames)) if i not in cut]
        frames, curves = _at(frames, chosen), [_at(values, chosen) for values in curves]
    if tolerance > 0:
        chosen = kept(frames, curves, [tolerance] * len(curves))
        frames, curves = _at(frames, chosen), [_at(values, chosen) for values in curves]
    return frames, curves


def _at(values, indices: list):
    return array("f", [values[i] for i in indices])


def _offsets(curves: list, path: str, datablock) -> list:
    """What to add to the artist's own animation of a rotation, a location or a shape key.

    The curves are the whole pose, made for the pose that the file shows.
    """
    if path.endswith("rotation_quaternion"):
        rest = Quaternion(datablock.path_resolve(path)).normalized().inverted()
        turns = [rest @ Quaternion(q) for q in zip(*curves, strict=True)]
        for previous, current in pairwise(turns):
            if previous.dot(current) < 0:
                current.negate()
        return [array("f", [turn[i] for turn in turns]) for i in range(4)]
    if path.endswith(("rotation_euler", "rotation_axis_angle", "location")):
        rest = datablock.path_resolve(path)
        return [array("f", [value - rest[i] for value in values]) for i, values in enumerate(curves)]
    zero = compat.layer_zero_of_keys()
    return [array("f", [value + zero for value in values]) for values in curves] if zero else curves


def _collect_keys(motion: dict, by_datablock: dict, warnings: list) -> None:
    for channel in motion["keys"]:
        obj = _object(channel["object"])
        keys = shape_keys(obj)
        block = keys.key_blocks.get(channel["key"]) if keys else None
        if block is None:
            raise SceneError("rig", f"{channel['object']} has no shape key {channel['key']}.")
        if obj.show_only_shape_key:
            obj.show_only_shape_key = False
            warnings.append(f"{obj.name} showed only its active key; that pin is off now, or nothing would move.")
        curve = (key_path(block.name), [channel["values"]], motion.get("tolerance", 0.0), "mmface")
        by_datablock.setdefault(keys, []).append(curve)


def _collect_rotations(motion: dict, scene, by_datablock: dict) -> None:
    for channel in motion["rotations"]:
        if channel.get("pivot"):
            make_pivot(channel, scene)
        obj = _object(channel["object"])
        bone = channel["bone"] or ""
        target = pose_bone(obj, bone) if bone else obj
        if target is None:
            raise SceneError("rig", f"{channel['object']} has no bone {bone}.")
        group = bone or "Object Transforms"
        name, curves = _rotation_curves(channel["values"], target.rotation_mode)
        turn = motion.get("tolerance", 0.0) / 3  # radians
        by_datablock.setdefault(obj, []).append((bone_path(bone, name), curves, turn / _SHARES[name], group))
        if "locations" in channel:
            places = [channel["locations"][index::3] for index in range(3)]
            # A location follows the rotation exactly, so it keeps all its keys.
            by_datablock[obj].append((bone_path(bone, "location"), places, 0.0, group))


def _rotation_curves(values, mode: str):
    """Property name and curves of a rotation, given as w, x, y, z of each frame, in the target's own rotation mode.

    The mode stays as the artist chose it. Neighbouring frames stay close to each other.
    """
    quaternions = [Quaternion(values[i : i + 4]) for i in range(0, len(values), 4)]
    for previous, current in pairwise(quaternions):
        if previous.dot(current) < 0:
            current.negate()
    name = rotation_property(mode)
    if mode == "QUATERNION":
        return name, [array("f", [q[i] for q in quaternions]) for i in range(4)]
    if mode == "AXIS_ANGLE":
        pairs = [q.to_axis_angle() for q in quaternions]
        rows = [(angle, *axis) for axis, angle in pairs]
        return name, [array("f", [row[i] for row in rows]) for i in range(4)]
    eulers = []
    for quaternion in quaternions:
        eulers.append(quaternion.to_euler(mode, eulers[-1]) if eulers else quaternion.to_euler(mode))
    return name, [array("f", [e[i] for e in eulers]) for i in range(3)]


def rotation_property(mode: str) -> str:
    """The property that holds a rotation of that mode."""
    return {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}.get(mode, "rotation_euler")


def make_pivot(channel: dict, scene) -> None:
    """Make the empty about which objects without a common parent turn together, and hang them on it in place."""
    pivot = bpy.data.objects.new(channel["object"], None)
    channel["object"] = pivot.name  # Blender may have numbered it
    pivot.rotation_mode = "QUATERNION"
    pivot.empty_display_size = channel["pivot"]["size"]
    scene.collection.objects.link(pivot)
    placed = Matrix.Translation(channel["pivot"]["location"])
    pivot.matrix_world = placed
    for name in channel["pivot"]["children"]:
        child = _object(name)
        # The child's own transform, animated or not, stays what it is.
        child.parent = pivot
        child.matrix_parent_inverse = placed.inverted()


def _object(name: str):
    obj = bpy.data.objects.get(name)
    if obj is None:
        raise SceneError("rig", f"The scene has no object {name}, which the motion names.")
    return obj


def fit_scene(scene, motion: dict, rate: bool = True, span: bool = True) -> None:
    """Give the scene the clip's frame rate (a still picture has none) and its range, and show what was baked."""
    if rate and motion["fps"]:
        scene.render.fps, scene.render.fps_base = motion["fps"], motion["fps_base"]
        scene.render.frame_map_old = scene.render.frame_map_new = 100
    if span:
        scene.frame_start = motion["start"]
        scene.frame_end = motion["start"] + motion["frame_count"] - 1
        scene.use_preview_range = False
    scene.frame_set(motion["start"] if span else scene.frame_current)
