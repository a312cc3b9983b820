# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators of live: start, record, stop."""

import bpy

from .. import tasks
from ..errors import SceneError
from ..session import Problem, session
from ..tasks import scene_named
from .common import begin, registrar, with_engine


def _running(cls) -> bool:
    if session.live is None:
        cls.poll_message_set("Live is not running")
    return session.live is not None


class MMFACE_OT_live_start(bpy.types.Operator):
    """Drive the rig from the camera, or from the video as if it were one, until stopped"""

    bl_idname = "mmface.live_start"
    bl_label = "Start Live"

    @classmethod
    def poll(cls, context):
        if not with_engine(cls):
            return False
        settings = context.scene.mmface
        if settings.source not in {"WEBCAM", "VIDEO"} or (settings.source == "VIDEO" and not settings.video):
            cls.poll_message_set("Choose a webcam or a video as the source")
            return False
        return True

    def execute(self, context):
        return begin(self, "Live", tasks.live(context))


class MMFACE_OT_live_stop(bpy.types.Operator):
    """End live. The rig goes back to its rest; what is being recorded is kept"""

    bl_idname = "mmface.live_stop"
    bl_label = "Stop Live"

    @classmethod
    def poll(cls, context):
        return _running(cls)

    def execute(self, context):
        session.cancel()
        return {"FINISHED"}


class MMFACE_OT_live_record(bpy.types.Operator):
    """Record from the current frame on. Press again to stop: the recording becomes an action, or takes the place of
    these frames in the one that was recorded before
    """

    bl_idname = "mmface.live_record"
    bl_label = "Record"

    @classmethod
    def poll(cls, context):
        return _running(cls)

    def execute(self, context):
        driver = session.live
        if driver.recording_since is None:
            driver.start_recording(context.scene.frame_current)
            _play(context, context.scene.mmface.live_play)
            return {"FINISHED"}
        _play(context, False)
        session.cancel()  # the recording is kept as live ends
        return {"FINISHED"}


class MMFACE_OT_live_keep(bpy.types.Operator):
    """Key what was recorded"""

    bl_idname = "mmface.live_keep"
    bl_label = "Record Face Motion"
    bl_options = {"INTERNAL", "UNDO"}  # noqa: RUF012

    def execute(self, context):
        driver = session.recording
        if driver is None:
            return {"CANCELLED"}
        _play(context, False)
        try:
            name = scene_named(driver.scene).mmface.action_name or "live"
            done = driver.keep(name)
        except SceneError as error:
            session.problem = Problem(str(error), "")
            return {"CANCELLED"}
        session.notice = f"Recorded frames {done['first']} to {done['last']}, {done['keyed']} curves."
        return {"FINISHED"}


class MMFACE_OT_live_neutral(bpy.types.Operator):
    """The face as it is now, and the direction it looks in, become the rig's rest"""

    bl_idname = "mmface.live_neutral"
    bl_label = "Calibrate"

    @classmethod
    def poll(cls, context):
        return _running(cls)

    def execute(self, context):
        session.tell(neutral=True)
        return {"FINISHED"}


def _play(context, wanted: bool) -> None:
    """Play or stop the timeline; in background there is none."""
    screen = context.screen
    if screen is not None and not bpy.app.background and screen.is_animation_playing != wanted:
        bpy.ops.screen.animation_play()


register, unregister = registrar(
    MMFACE_OT_live_start, MMFACE_OT_live_stop, MMFACE_OT_live_record, MMFACE_OT_live_keep, MMFACE_OT_live_neutral
)
