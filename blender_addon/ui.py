# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar tab and the import menu: load a motion file onto the rig it was made for."""

import bpy
from bpy.props import BoolProperty, StringProperty
from bpy_extras.io_utils import ImportHelper

from .errors import SceneError
from .scene import bake


class MMFACE_OT_load_motion(bpy.types.Operator, ImportHelper):
    """Put a motion that `mmface-retarget --motion` wrote onto the keys and the head of this scene's rig, as a new
    action
    """

    bl_idname = "mmface.load_motion"
    bl_label = "Load Motion"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  Blender reads it as it is

    filename_ext = ".json"
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})
    set_scene: BoolProperty(
        name="Set Frame Rate and Range",
        description="Set the scene's frame rate and frame range to those of the clip",
        default=True,
    )

    def execute(self, context):
        try:
            done = bake.bake(bake.load_motion(self.filepath), set_scene=self.set_scene)
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        for warning in done["warnings"]:
            self.report({"WARNING"}, warning)
        self.report({"INFO"}, f'Action "{done["action"]}" with {done["keyed"]} curves')
        return {"FINISHED"}


class MMFACE_PT_motion(bpy.types.Panel):
    bl_idname = "MMFACE_PT_motion"
    bl_label = "MMFace"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "MMFace"

    def draw(self, context):
        self.layout.operator(MMFACE_OT_load_motion.bl_idname, icon="IMPORT")


def _menu(self, context):
    self.layout.operator(MMFACE_OT_load_motion.bl_idname, text="MMFace motion (.json)")


_CLASSES = (MMFACE_OT_load_motion, MMFACE_PT_motion)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.TOPBAR_MT_file_import.append(_menu)


def unregister() -> None:
    bpy.types.TOPBAR_MT_file_import.remove(_menu)
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
