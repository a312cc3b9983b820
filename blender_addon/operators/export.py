# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that read and write files of the person's: motions and takes."""

import os
import shutil

import bpy
from bpy.props import BoolProperty, StringProperty
from bpy_extras.io_utils import ExportHelper, ImportHelper

from .. import tasks
from ..errors import SceneError
from ..paths import absolute
from ..scene import bake, onto_rig
from ..session import session
from .common import begin, free, registrar, report, with_engine


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

    @classmethod
    def poll(cls, context):
        return free(cls)

    def execute(self, context):
        try:
            motion = bake.load_motion(absolute(self.filepath))
            done = onto_rig.put(motion, context.scene, set_rate=self.set_scene, set_range=self.set_scene)
        except SceneError as error:
            return report(self, error)
        for warning in done["warnings"]:
            self.report({"WARNING"}, warning)
        self.report({"INFO"}, f'Action "{done["action"]}" with {done["keyed"]} curves')
        return {"FINISHED"}


class MMFACE_OT_save_motion(bpy.types.Operator, ExportHelper):
    """Write the rig's curves to a file (.json), for other scenes and programs"""

    bl_idname = "mmface.save_motion"
    bl_label = "Save Motion"

    filename_ext = ".json"
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    @classmethod
    def poll(cls, context):
        return with_engine(cls)

    def execute(self, context):
        return begin(self, "Writing the motion", tasks.save_motion(context, self.filepath))


class MMFACE_OT_save_take(bpy.types.Operator, ExportHelper):
    """Keep the last capture as a take (.npz): it can be baked again, onto any rig, without capturing"""

    bl_idname = "mmface.save_take"
    bl_label = "Save Take"

    filename_ext = ".npz"
    filter_glob: StringProperty(default="*.npz", options={"HIDDEN"})

    @classmethod
    def poll(cls, context):
        if session.last_take is None or not os.path.exists(session.last_take[1]):
            cls.poll_message_set("Nothing was captured yet")
            return False
        return free(cls)

    def execute(self, context):
        path = absolute(self.filepath)
        try:
            shutil.copyfile(session.last_take[1], path)
        except OSError as error:
            return report(self, SceneError("unwritable", f"{path} cannot be written: {error.strerror}."))
        self.report({"INFO"}, f"Wrote {path}")
        return {"FINISHED"}


register, unregister = registrar(MMFACE_OT_load_motion, MMFACE_OT_save_motion, MMFACE_OT_save_take)
