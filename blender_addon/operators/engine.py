# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators of the engine: set up, check, stop, remove."""

import os

import bpy

from .. import session as session_module
from .. import tasks
from ..engine import setup as setting_up
from ..session import engine_preference, private_folder, session
from .common import begin, free, registrar, with_engine


def wheel_folder() -> str:
    """Where the engine's wheel lies in the installed add-on."""
    return os.path.join(os.path.dirname(session_module.__file__), "wheel")


class MMFACE_OT_engine_setup(bpy.types.Operator):
    """Install the engine into a private folder of this Blender's user settings. Blender's own Python is not touched; no
    administrator rights are needed; about 1 GB is downloaded
    """

    bl_idname = "mmface.engine_setup"
    bl_label = "Set Up Engine"

    @classmethod
    def poll(cls, context):
        if not free(cls):
            return False
        if setting_up.wheel_in(wheel_folder())[0] is None:
            cls.poll_message_set("This copy of the add-on has no engine in it; install the .zip of a release")
            return False
        if hasattr(bpy.app, "online_access") and not bpy.app.online_access:
            cls.poll_message_set("Allow Online Access in the preferences (System) first: the libraries are downloaded")
            return False
        return True

    def execute(self, context):
        wheel, constraints = setting_up.wheel_in(wheel_folder())
        builder, index = engine_preference("builder_python"), package_index()
        session.begin_setup(setting_up.Setup(private_folder(), wheel, constraints, builder, index))
        return {"FINISHED"}


def package_index() -> str:
    """The index asked beside the usual one."""
    addon = bpy.context.preferences.addons.get(session_module.__package__)
    return addon.preferences.package_index if addon and addon.preferences else setting_up.default_index()


class MMFACE_OT_engine_check(bpy.types.Operator):
    """Start the engine, load all that a capture needs, and say what is wrong if something is"""

    bl_idname = "mmface.engine_check"
    bl_label = "Check Engine"

    @classmethod
    def poll(cls, context):
        return with_engine(cls)

    def execute(self, context):
        return begin(self, "Checking the engine", tasks.check_engine())


class MMFACE_OT_engine_stop(bpy.types.Operator):
    """End the engine's process and give its memory back. It starts again by itself when it is needed"""

    bl_idname = "mmface.engine_stop"
    bl_label = "Stop Engine"

    @classmethod
    def poll(cls, context):
        if session.engine is None:
            cls.poll_message_set("The engine is not running")
            return False
        return free(cls)

    def execute(self, context):
        session.stop_engine()
        return {"FINISHED"}


class MMFACE_OT_engine_remove(bpy.types.Operator):
    """Remove the engine that Set Up Engine installed, and give its disk space back"""

    bl_idname = "mmface.engine_remove"
    bl_label = "Remove Engine"

    @classmethod
    def poll(cls, context):
        if not os.path.isdir(private_folder()):
            cls.poll_message_set("Set Up Engine installed none")
            return False
        return free(cls)

    def invoke(self, context, event):
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context):
        session.stop_engine()
        setting_up.remove(private_folder())
        return {"FINISHED"}


register, unregister = registrar(
    MMFACE_OT_engine_setup, MMFACE_OT_engine_check, MMFACE_OT_engine_stop, MMFACE_OT_engine_remove
)
