# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets of the motion and output settings, kept in Blender's own presets folder."""

import bpy
from bl_operators.presets import AddPresetBase

try:
    from bl_ui.utils import PresetPanel
except ImportError:  # in background builds without the interface
    PresetPanel = object

FOLDER = "mmface"


class MMFACE_PT_presets(PresetPanel, bpy.types.Panel):
    bl_idname = "MMFACE_PT_presets"
    bl_label = "MMFace Presets"
    bl_space_type = "VIEW_3D"
    bl_region_type = "HEADER"
    preset_subdir = FOLDER
    preset_operator = "script.execute_preset"
    preset_add_operator = "mmface.preset_add"


class MMFACE_OT_preset_add(AddPresetBase, bpy.types.Operator):
    """Keep the motion and output settings under a name"""

    bl_idname = "mmface.preset_add"
    bl_label = "Add MMFace Preset"
    preset_menu = "MMFACE_PT_presets"
    preset_subdir = FOLDER
    preset_defines = ("settings = bpy.context.scene.mmface",)
    preset_values = tuple(
        f"settings.{name}"
        for name in (
            "smooth",
            "smooth_apart",
            "smooth_mouth",
            "smooth_eyes",
            "smooth_brows",
            "smooth_head",
            "clean_outliers",
            "clean_blinks",
            "clean_lips",
            "clean_pairs",
            "symmetry",
            "rest",
            "full_range",
            "parts",
            "head",
            "lost",
            "bridge",
            "hold",
            "ease",
            "min_confidence",
            "output",
            "rate",
            "reduce",
            "set_range",
            "replace",
            "sound",
            "key_pose",
        )
    )


_CLASSES = (MMFACE_PT_presets, MMFACE_OT_preset_add)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
