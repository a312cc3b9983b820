# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's preferences: where the engine is."""

import bpy
from bpy.props import StringProperty

from .engine.setup import default_index
from .panels import draw_engine


class MMFACE_AP_preferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    engine_python: StringProperty(
        name="Engine's Python",
        description="A Python that has mmface installed, in place of the one that Set Up Engine makes",
        subtype="FILE_PATH",
    )
    builder_python: StringProperty(
        name="Python 3.11",
        description="The Python with which Set Up Engine makes its environment. Empty: the first that is found",
        subtype="FILE_PATH",
    )
    package_index: StringProperty(
        name="Extra Index",
        description="A package index that is asked beside the usual one; PyTorch's own has the small build for CPUs",
        default=default_index(),
    )

    def draw(self, context):
        layout = self.layout
        layout.use_property_split = True
        draw_engine(layout, context)
        column = layout.column()
        column.prop(self, "engine_python")
        column.prop(self, "builder_python")
        column.prop(self, "package_index")


def register() -> None:
    bpy.utils.register_class(MMFACE_AP_preferences)


def unregister() -> None:
    bpy.utils.unregister_class(MMFACE_AP_preferences)
