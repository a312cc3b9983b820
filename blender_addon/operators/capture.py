# SPDX-License-Identifier: GPL-3.0-or-later
"""The large button and what belongs to it."""

import bpy
from bpy.props import StringProperty

from .. import tasks
from ..errors import SceneError
from ..session import Problem, session
from .common import begin, free, registrar, report, with_engine


class MMFACE_OT_capture_and_bake(bpy.types.Operator):
    """Capture the face in the source and bake it onto the rig. Blender stays usable meanwhile"""

    bl_idname = "mmface.capture_and_bake"
    bl_label = "Capture and Bake"

    @classmethod
    def poll(cls, context):
        if not with_engine(cls):
            return False
        settings = context.scene.mmface
        if settings.source != "WEBCAM" and not getattr(settings, settings.source.lower()):
            cls.poll_message_set(f"Choose {tasks.a_file(settings.source)} first")
            return False
        if context.mode not in {"OBJECT", "POSE"}:
            cls.poll_message_set("Leave edit mode first")
            return False
        return True

    def execute(self, context):
        return begin(self, "Capture", tasks.capture_and_bake(context))


class MMFACE_OT_bake(bpy.types.Operator):
    """Put a motion that was just made onto the rig, as the settings say"""

    bl_idname = "mmface.bake"
    bl_label = "Bake Face Motion"
    bl_options = {"INTERNAL", "UNDO"}  # noqa: RUF012  Blender reads it as it is

    filepath: StringProperty()
    source: StringProperty()
    scene: StringProperty()  # by name: meanwhile the window may show another one

    def execute(self, context):
        try:
            session.notice = tasks.bake_now(tasks.scene_named(self.scene), self.filepath, self.source)
        except SceneError as error:
            session.problem = Problem(str(error), "")
            return {"CANCELLED"}
        self.report({"INFO"}, session.notice)
        return {"FINISHED"}


class MMFACE_OT_cancel(bpy.types.Operator):
    """Stop what MMFace is doing. Nothing is changed in the scene"""

    bl_idname = "mmface.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context):
        if not session.busy:
            cls.poll_message_set("Nothing is under way")
        return session.busy

    def execute(self, context):
        session.cancel()
        return {"FINISHED"}


class MMFACE_OT_finish(bpy.types.Operator):
    """End the recording of the camera now and bake what there is"""

    bl_idname = "mmface.finish"
    bl_label = "Stop and Bake"

    @classmethod
    def poll(cls, context):
        if session.task is None or session.task.stage != "frames":
            cls.poll_message_set("No camera is being recorded")
            return False
        return True

    def execute(self, context):
        session.tell(finish=True)
        return {"FINISHED"}


class MMFACE_OT_neutral_here(bpy.types.Operator):
    """Take the face on the scene's current frame as the resting face"""

    bl_idname = "mmface.neutral_here"
    bl_label = "Current Frame Is Neutral"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context):
        return free(cls)

    def execute(self, context):
        scene = context.scene
        try:
            scene.mmface.neutral = tasks.picture_at(scene, scene.frame_current)
        except SceneError as error:
            return report(self, error)
        scene.mmface.rest = "frame"
        return {"FINISHED"}


class MMFACE_OT_dismiss(bpy.types.Operator):
    """Take the message away"""

    bl_idname = "mmface.dismiss"
    bl_label = "Dismiss"

    def execute(self, context):
        session.problem, session.notice = None, ""
        return {"FINISHED"}


class MMFACE_OT_copy_details(bpy.types.Operator):
    """Copy the message with the versions of everything, for a bug report"""

    bl_idname = "mmface.copy_details"
    bl_label = "Copy Details"

    @classmethod
    def poll(cls, context):
        if session.problem is None:
            cls.poll_message_set("There is no error to copy")
        return session.problem is not None

    def execute(self, context):
        from ..details import details

        context.window_manager.clipboard = details()
        self.report({"INFO"}, "Copied")
        return {"FINISHED"}


register, unregister = registrar(
    MMFACE_OT_capture_and_bake,
    MMFACE_OT_bake,
    MMFACE_OT_cancel,
    MMFACE_OT_finish,
    MMFACE_OT_neutral_here,
    MMFACE_OT_dismiss,
    MMFACE_OT_copy_details,
)
