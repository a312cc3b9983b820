# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators of the list that says which channel drives which key."""

import bpy
from bpy.props import EnumProperty, StringProperty
from bpy_extras.io_utils import ExportHelper, ImportHelper

from .. import mapping_list, tasks
from ..scene.rig_objects import chosen_rig
from .common import begin, free, registrar, with_engine

_BY_SHAPES = (
    "Find out what the shape keys do by how they move the face, whatever they are called. Edits of the list are lost; "
    "takes up to a minute"
)


class MMFACE_OT_map_rig(bpy.types.Operator):
    """Read the rig and find out which of its shape keys are ARKit's channels. Edits of the list are lost"""

    bl_idname = "mmface.map_rig"
    bl_label = "Map Rig"

    how: EnumProperty(
        name="By",
        items=(
            ("names", "Names", "By the names of the keys"),
            ("both", "Names and Shapes", "By names, and where they say nothing by how the keys move the face"),
            ("geometry", "Shapes", "By how the keys move the face, whatever they are called. Takes up to a minute"),
        ),
        options={"SKIP_SAVE"},
    )

    @classmethod
    def description(cls, context, properties):
        return _BY_SHAPES if properties.how != "names" else cls.__doc__

    @classmethod
    def poll(cls, context):
        if not with_engine(cls):
            return False
        if chosen_rig(context.scene, context.scene.mmface.rig, context.view_layer.objects.active) is None:
            cls.poll_message_set("This scene has no mesh with shape keys")
            return False
        return True

    def execute(self, context):
        return begin(self, "Reading the rig", tasks.map_rig(context, self.how))


class MMFACE_OT_mapping_load(bpy.types.Operator, ImportHelper):
    """Fill the list from a mapping file (.json)"""

    bl_idname = "mmface.mapping_load"
    bl_label = "Load Mapping"

    filename_ext = ".json"
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    @classmethod
    def poll(cls, context):
        return with_engine(cls)

    def execute(self, context):
        return begin(self, "Reading the mapping", tasks.load_mapping(context, self.filepath))


class MMFACE_OT_mapping_save(bpy.types.Operator, ExportHelper):
    """Write the list to a mapping file (.json), for other scenes and for the command line"""

    bl_idname = "mmface.mapping_save"
    bl_label = "Save Mapping"

    filename_ext = ".json"
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    @classmethod
    def poll(cls, context):
        if not with_engine(cls):
            return False
        if not context.scene.mmface.mapping:
            cls.poll_message_set("The list is empty: press Map Rig first")
            return False
        return True

    def execute(self, context):
        return begin(self, "Writing the mapping", tasks.save_mapping(context, self.filepath))


class MMFACE_OT_mapping_add(bpy.types.Operator):
    """Add a line: choose its channel, object and key below the list"""

    bl_idname = "mmface.mapping_add"
    bl_label = "Add Line"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context):
        return free(cls)

    def execute(self, context):
        settings = context.scene.mmface
        active = settings.mapping[settings.mapping_index] if settings.mapping else None
        item = settings.mapping.add()
        if active is not None:
            item["channel"], item["object"] = active.channel, active.object
        settings.mapping_index = len(settings.mapping) - 1
        mapping_list.changed(context)
        return {"FINISHED"}


class MMFACE_OT_mapping_remove(bpy.types.Operator):
    """Remove this line: the channel no longer drives the key"""

    bl_idname = "mmface.mapping_remove"
    bl_label = "Remove Line"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context):
        if not context.scene.mmface.mapping:
            cls.poll_message_set("The list is empty")
            return False
        return free(cls)

    def execute(self, context):
        settings = context.scene.mmface
        settings.mapping.remove(settings.mapping_index)
        settings.mapping_index = max(0, min(settings.mapping_index, len(settings.mapping) - 1))
        mapping_list.changed(context)
        return {"FINISHED"}


register, unregister = registrar(
    MMFACE_OT_map_rig,
    MMFACE_OT_mapping_load,
    MMFACE_OT_mapping_save,
    MMFACE_OT_mapping_add,
    MMFACE_OT_mapping_remove,
)
