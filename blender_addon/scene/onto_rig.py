# SPDX-License-Identifier: GPL-3.0-or-later
"""What the add-on does with a motion in the artist's own scene: bake it, put it in place of the last one, or key one
pose.
"""

import bpy

from .. import compat
from . import bake as baking
from . import rest
from .parts import bone_path, key_path, pose_bone, shape_keys
from .sound import add_sound


def put(motion: dict, scene, layer=False, set_rate=True, set_range=True, replace=True, sound=None) -> dict:
    """Bake a motion (of `bake.load_motion`) as an action, or as an NLA layer over what the rig does.

    set_rate, set_range: the scene takes the clip's. replace: an earlier bake of the same clip goes. sound: a video
    whose sound is laid beside it. Returns what `bake.bake` does.
    """
    motion["layer"] = layer
    before = _our_actions(motion, scene) if replace else []
    rested = _rest_of_channels(motion)
    for action in before:
        _take_off(action, scene)
    done = baking.bake(motion, set_scene=False, scene=scene)
    fresh = [bpy.data.actions[name] for name in done["actions"]]
    for action in fresh:
        rest.mark(action, motion["name"], rested)
    for action in before:
        if action.users == 0 or (action.users == 1 and action.use_fake_user):
            bpy.data.actions.remove(action)
    for action, name in zip(fresh, done["actions"].values(), strict=True):
        if name not in bpy.data.actions:  # the earlier bake had it
            action.name = name
    if fresh:
        done["action"] = fresh[0].name
    baking.fit_scene(scene, motion, set_rate, set_range)
    if sound:
        problem = add_sound(scene, sound, motion["start"])
        if problem:
            done["warnings"].append(problem)
    return done


def pose(motion: dict, scene, key: bool = True) -> dict:
    """Put the motion's first frame onto the rig at the scene's current frame; `key`: with keys in the action it has."""
    frame = scene.frame_current
    rested = _rest_of_channels(motion)
    warnings = []
    by_datablock = baking.collect(motion, scene, warnings)
    count = 0
    for datablock, properties in by_datablock.items():
        for path, curves, _tolerance, group in properties:
            for index, numbers in enumerate(curves):
                if key:
                    action, _ = compat.active_action(datablock)
                    if action is None:
                        action = compat.new_action_for(motion["name"], datablock)
                        rest.mark(action, motion["name"], rested)
                    compat.merge_keys(action, datablock, path, index, [frame], [numbers[0]], group)
                count += 1
            set_parts(datablock, path, {index: numbers[0] for index, numbers in enumerate(curves)})
    scene.frame_set(frame)
    return {"keyed": count, "warnings": warnings}


def set_parts(datablock, path: str, parts: dict) -> None:
    """Set a property, or some of its numbers, by its path."""
    old = rest.value_at(datablock, path)
    if isinstance(old, list):
        rest.set_value(datablock, path, [parts.get(i, number) for i, number in enumerate(old)])
    else:
        rest.set_value(datablock, path, parts[0])


def _rest_of_channels(motion: dict) -> dict:
    """How everything that the motion moves rests."""
    rested = {}
    for channel in motion["keys"]:
        obj = bpy.data.objects.get(channel["object"])
        keys = shape_keys(obj) if obj is not None else None
        if keys is None or channel["key"] not in keys.key_blocks:
            continue
        path = key_path(channel["key"])
        rested[rest.place(keys, path)] = rest.rest_of(keys, path)
    for channel in motion["rotations"]:
        obj = bpy.data.objects.get(channel["object"])
        if obj is None or channel.get("pivot"):
            continue
        bone = channel["bone"] or ""
        target = pose_bone(obj, bone) if bone else obj
        if target is None:
            continue
        names = [baking.rotation_property(target.rotation_mode)] + (["location"] if "locations" in channel else [])
        for path in (bone_path(bone, name) for name in names):
            rested[rest.place(obj, path)] = rest.rest_of(obj, path)
    return rested


def _our_actions(motion: dict, scene) -> list:
    """Actions that an earlier bake of the same clip gave to this scene's objects."""
    used = set()
    for datablock in rest.datablocks_of(scene.objects):
        animation = datablock.animation_data
        if animation is None:
            continue
        used.add(animation.action)
        used |= {strip.action for track in animation.nla_tracks for strip in track.strips}
    return [a for a in used if (note := rest.marked(a)) and note["clip"] == motion["name"]]


def _take_off(action, scene) -> None:
    """Nothing plays the action any more, and what it moved rests."""
    for datablock in rest.datablocks_of(scene.objects):
        animation = datablock.animation_data
        if animation is None:
            continue
        found = animation.action == action
        if found:
            animation.action = None
        for track in list(animation.nla_tracks):
            ours = [strip for strip in track.strips if strip.action == action]
            for strip in ours:
                track.strips.remove(strip)
                found = True
            if ours and not track.strips:
                animation.nla_tracks.remove(track)
        if found:
            rest.apply(datablock, rest.marked(action))
