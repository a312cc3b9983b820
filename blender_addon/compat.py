# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Blender 3.4 to 5.0 differ from one another: to support another version, change this file only."""

from array import array

import bpy

HAS_SLOTS = hasattr(bpy.types, "ActionSlot")  # 4.4: one action animates several data-blocks, each through a slot


class CurveWriter:
    """Writes whole curves into an action for one data-block (`bpy.types.Key`, `Object`, ...).

    Assigns `action` to the data-block. From 4.4 on the data-block gets a slot of its own in it.
    """

    def __init__(self, action, datablock) -> None:
        animation = datablock.animation_data or datablock.animation_data_create()
        keep_for_undo(animation.action)
        animation.action = action
        self._action = action
        self._groups = {}
        self._bag = None
        if HAS_SLOTS:
            slot = action.slots.new(id_type=datablock.id_type, name=datablock.name)
            animation.action_slot = slot
            layer = action.layers[0] if action.layers else action.layers.new("Layer")
            strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
            self._bag = strip.channelbag(slot, ensure=True)

    def write(self, path: str, index: int, frames, values, group: str) -> None:
        """Add the curve of property `path`[index]: linear keys of `values` (T floats) at `frames` (T floats)."""
        curve = self._new_curve(path, index, group)
        count = len(frames)
        curve.keyframe_points.add(count)
        interleaved = array("f", bytes(8 * count))
        interleaved[0::2] = array("f", frames)
        interleaved[1::2] = array("f", values)
        # One call for all keys: inserting them one by one takes time that grows with the square of their number.
        curve.keyframe_points.foreach_set("co", interleaved)
        linear = bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items["LINEAR"].value
        curve.keyframe_points.foreach_set("interpolation", array("i", [linear]) * count)
        curve.update()

    def _new_curve(self, path: str, index: int, group: str):
        if self._bag is None:
            return self._action.fcurves.new(path, index=index, action_group=group)
        curve = self._bag.fcurves.new(path, index=index)
        if group not in self._groups:
            self._groups[group] = self._bag.groups.get(group) or self._bag.groups.new(group)
        curve.group = self._groups[group]
        return curve


def keep_for_undo(action) -> None:
    """Keep the artist's own action in the file although nothing plays it any more."""
    if action is not None:
        action.use_fake_user = True


def actions_for(name: str, datablocks) -> list:
    """An action for each data-block: one shared from 4.4 on, one each before, all named after the clip."""
    if HAS_SLOTS:
        action = bpy.data.actions.new(name)
        return [action] * len(datablocks)
    return [bpy.data.actions.new(name if i == 0 else f"{name}.{block.name}") for i, block in enumerate(datablocks)]


def curves_of(action, datablock) -> list:
    """The F-curves with which `action` animates `datablock` (all of the action's before 4.4)."""
    if not HAS_SLOTS:
        return list(action.fcurves)
    slot = datablock.animation_data.action_slot
    curves = []
    for layer in action.layers:
        for strip in layer.strips:
            bag = strip.channelbag(slot) if slot is not None else None
            curves.extend(bag.fcurves if bag is not None else ())
    return curves


def import_fbx(path: str) -> None:
    """Import an FBX file with the importer that works in this version."""
    if bpy.app.version >= (5, 0, 0):
        bpy.ops.wm.fbx_import(filepath=path)  # the Python importer of 5.0 fails on lights
    else:
        bpy.ops.import_scene.fbx(filepath=path)


def engine_id(engine: str) -> str:
    """Blender's name of a render engine: workbench, eevee or cycles."""
    if engine == "eevee":
        return "BLENDER_EEVEE_NEXT" if (4, 2, 0) <= bpy.app.version < (5, 0, 0) else "BLENDER_EEVEE"
    return {"workbench": "BLENDER_WORKBENCH", "cycles": "CYCLES"}[engine]


def set_video_output(scene, sound: bool = False) -> None:
    """Make the scene's render output an H.264 .mp4, with AAC sound if wanted."""
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):  # 5.0
        settings.media_type = "VIDEO"
    settings.file_format = "FFMPEG"
    ffmpeg = scene.render.ffmpeg
    ffmpeg.format = "MPEG4"
    ffmpeg.codec = "H264"
    ffmpeg.constant_rate_factor = "HIGH"
    ffmpeg.ffmpeg_preset = "GOOD"
    ffmpeg.gopsize = 12
    ffmpeg.audio_codec = "AAC" if sound else "NONE"
    ffmpeg.audio_bitrate = 192


def sequencer_strips(scene):
    """The collection of the scene's video strips, made if there is no sequence yet."""
    editor = scene.sequence_editor or scene.sequence_editor_create()
    return editor.strips if hasattr(editor, "strips") else editor.sequences  # `strips` since 4.4
