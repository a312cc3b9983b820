# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar tab MMFace: what to capture, onto which rig, one large button; the rest is folded below."""

import json

import bpy

from . import compat, pictures, wrap
from .presets import MMFACE_PT_presets
from .scene.rig_objects import chosen_rig
from .session import session
from .tasks import PARTS


class _Panel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "MMFace"


class MMFACE_PT_main(_Panel, bpy.types.Panel):
    bl_idname = "MMFACE_PT_main"
    bl_label = "MMFace"

    def draw_header_preset(self, context):
        MMFACE_PT_presets.draw_panel_header(self.layout)

    def draw(self, context):
        layout = self.layout
        settings = context.scene.mmface
        if session.found() is None and session.setup is None:
            _draw_welcome(layout, context)
        _draw_source(layout, settings)
        _draw_rig(layout, context, settings)
        _draw_button(layout, settings)
        _draw_messages(layout, context)


def _draw_welcome(layout, context) -> None:
    box = layout.box()
    wrap.draw(
        box,
        "The engine is not set up yet. It is downloaded once, into a private folder; Blender itself stays as it is.",
        context,
        "INFO",
    )
    row = box.row()
    row.scale_y = 1.4
    row.operator("mmface.engine_setup", icon="IMPORT")


def _draw_source(layout, settings) -> None:
    column = layout.column(align=True)
    column.enabled = session.live is None
    column.prop(settings, "source", text="")
    if settings.source == "WEBCAM":
        row = column.row(align=True)
        row.prop(settings, "camera")
        row.prop(settings, "seconds")
    else:
        column.prop(settings, settings.source.lower(), text="")


def _draw_rig(layout, context, settings) -> None:
    row = layout.row(align=True)
    row.enabled = session.live is None
    chosen = chosen_rig(context.scene, settings.rig, context.view_layer.objects.active)
    row.prop(settings, "rig", text="", icon="OUTLINER_OB_ARMATURE")
    row.operator("mmface.map_rig", text="", icon="FILE_REFRESH")
    if chosen is None:
        layout.label(text="No mesh with shape keys here", icon="ERROR")
    elif settings.mapped_rig == chosen.name and settings.health:
        line = layout.row()
        line.label(text=settings.health, icon="CHECKMARK", translate=False)
    elif settings.rig is None:
        layout.label(text=chosen.name, icon="DOT", translate=False)


def _draw_button(layout, settings) -> None:
    task, setup = session.task, session.setup
    if setup is not None:
        column = layout.column(align=True)
        column.label(text=setup.stage)
        compat.draw_progress(column, setup.fraction)
        if setup.doing:
            column.label(text=setup.doing, translate=False)
        layout.operator("mmface.cancel", icon="X")
    elif session.live is not None:
        _draw_live_state(layout, settings)
    elif task is not None:
        _draw_picture(layout, task.picture)
        column = layout.column(align=True)
        column.label(text=task.describe(), translate=False)
        compat.draw_progress(column, task.fraction)
        row = layout.row(align=True)
        if settings.source == "WEBCAM" and task.stage == "frames":
            row.operator("mmface.finish", icon="CHECKMARK")
        row.operator("mmface.cancel", icon="X")
    else:
        row = layout.row()
        row.scale_y = 1.8
        text = {"IMAGE": "Capture and Pose", "TAKE": "Bake Take"}.get(settings.source, "Capture and Bake")
        row.operator("mmface.capture_and_bake", text=text, icon="RENDER_ANIMATION")


def _draw_picture(layout, path) -> None:
    icon = pictures.icon_of(path)
    if icon:
        layout.template_icon(icon_value=icon, scale=9.0)


def _draw_messages(layout, context) -> None:
    if session.problem is not None:
        box = layout.box()
        row = box.row()
        row.alert = True
        wrap.draw(row, session.problem.sentence, context, "ERROR")
        row = box.row(align=True)
        row.operator("mmface.copy_details", icon="COPYDOWN")
        row.operator("mmface.dismiss", text="", icon="X")
    elif session.notice:
        wrap.draw(layout, session.notice, context, "INFO")


WIDE = 300  # px of the sidebar from which a line of the mapping has room for its gain


class MMFACE_UL_mapping(bpy.types.UIList):
    """Channel, the key that it drives, gain, mute. Blender's own search field looks in all names."""

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flag=0):
        row = layout.row(align=True)
        row.active = not item.mute
        wide = context.region.width > WIDE
        split = row.split(factor=0.4 if wide else 0.68)
        split.label(text=item.channel or "(choose a channel)", translate=False)
        split.label(text=_short(item), translate=False)
        if wide:
            gain = row.row()
            gain.scale_x = 0.55
            gain.prop(item, "gain", text="", emboss=False)
        row.prop(item, "mute", text="", icon="HIDE_ON" if item.mute else "HIDE_OFF", emboss=False)

    def filter_items(self, context, data, property_name):
        items = getattr(data, property_name)
        sought = self.filter_name.lower()
        flags = [self.bitflag_filter_item if _matches(item, sought) else 0 for item in items] if sought else []
        return flags, []


def _short(item) -> str:
    return item.key if item.key != item.channel else item.object


def _matches(item, sought: str) -> bool:
    return any(sought in text.lower() for text in (item.channel, item.key, item.object))


class MMFACE_PT_mapping(_Panel, bpy.types.Panel):
    bl_label = "Mapping"
    bl_parent_id = "MMFACE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context):
        layout, settings = self.layout, context.scene.mmface
        if not settings.mapping:
            wrap.draw(layout, "The mapping is made when you first capture, or now:", context)
            layout.operator("mmface.map_rig", icon="VIEWZOOM")
            layout.operator("mmface.map_rig", text="Map by Shape", icon="MOD_SHRINKWRAP").how = "geometry"
            layout.operator("mmface.mapping_load", icon="IMPORT")
            return
        layout.enabled = session.live is None or session.follows
        column = layout.column(align=True)
        column.template_list("MMFACE_UL_mapping", "", settings, "mapping", settings, "mapping_index", rows=6)
        row = column.row(align=True)
        row.operator("mmface.mapping_add", text="", icon="ADD")
        row.operator("mmface.mapping_remove", text="", icon="REMOVE")
        row.separator()
        row.operator("mmface.mapping_load", text="Load", icon="IMPORT")
        row.operator("mmface.mapping_save", text="Save", icon="EXPORT")
        column.operator("mmface.map_rig", text="Map by Shape", icon="MOD_SHRINKWRAP").how = "geometry"
        if settings.mapping_index < len(settings.mapping):
            _draw_target(layout, context, settings.mapping[settings.mapping_index])
        for note in json.loads(settings.notes or "[]")[:6]:
            wrap.draw(layout, note, context, "DOT", most=3)


def _draw_target(layout, context, item) -> None:
    column = layout.column(align=True)
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(item, "channel")
    column.prop_search(item, "object", context.scene, "objects")
    obj = context.scene.objects.get(item.object)
    keys = obj.data.shape_keys if obj is not None and obj.type == "MESH" else None
    if keys is not None:
        column.prop_search(item, "key", keys, "key_blocks", icon="SHAPEKEY_DATA")
    else:
        column.prop(item, "key")
    column.separator()
    column.prop(item, "gain")
    column.prop(item, "min")
    column.prop(item, "max")


class MMFACE_PT_motion(_Panel, bpy.types.Panel):
    bl_label = "Motion"
    bl_parent_id = "MMFACE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context):
        layout, settings = self.layout, context.scene.mmface
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "head")
        if settings.source in {"VIDEO", "IMAGE"}:
            layout.prop(settings, "face")
        grid = layout.grid_flow(columns=2, even_columns=True, align=True)
        grid.use_property_split = False  # four buttons need the panel's whole width
        grid.enabled = session.live is None or session.follows
        grid.prop(settings, "parts")
        if settings.source in {"VIDEO", "TAKE"}:
            column = layout.column(align=True)
            column.prop(settings, "rest")
            if settings.rest == "frame":
                row = column.row(align=True)
                row.prop(settings, "neutral")
                row.operator("mmface.neutral_here", text="", icon="TIME")
            layout.prop(settings, "full_range")
        column = layout.column(align=True)
        column.prop(settings, "lost")
        column.prop(settings, "bridge")
        if settings.lost == "ease":
            column.prop(settings, "hold")
            column.prop(settings, "ease")
        column.prop(settings, "min_confidence", slider=True)


class MMFACE_PT_cleaning(_Panel, bpy.types.Panel):
    bl_label = "Cleaning"
    bl_parent_id = "MMFACE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context):
        layout, settings = self.layout, context.scene.mmface
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column(align=True)
        if settings.smooth_apart:
            for part in PARTS:
                column.prop(settings, f"smooth_{part}", slider=True)
        else:
            column.prop(settings, "smooth", slider=True)
        column.prop(settings, "smooth_apart")
        column = layout.column(heading="Repair")
        for name in ("clean_outliers", "clean_blinks", "clean_lips", "clean_pairs"):
            column.prop(settings, name)
        layout.prop(settings, "symmetry", slider=True)


class MMFACE_PT_output(_Panel, bpy.types.Panel):
    bl_label = "Output"
    bl_parent_id = "MMFACE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context):
        layout, settings = self.layout, context.scene.mmface
        layout.use_property_split = True
        layout.use_property_decorate = False
        if settings.source == "IMAGE":
            layout.prop(settings, "key_pose")
            return
        column = layout.column(align=True)
        column.prop(settings, "output")
        column.prop(settings, "action_name")
        column.prop(settings, "start")
        column.prop(settings, "rate")
        column.prop(settings, "reduce")
        column = layout.column(heading="Scene")
        column.prop(settings, "set_range")
        column.prop(settings, "replace")
        if settings.source == "VIDEO":
            column.prop(settings, "sound")


class MMFACE_PT_live(_Panel, bpy.types.Panel):
    bl_label = "Live"
    bl_parent_id = "MMFACE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context):
        layout, settings = self.layout, context.scene.mmface
        if session.live is None:
            row = layout.row()
            row.scale_y = 1.3
            row.operator("mmface.live_start", icon="PLAY")
        else:
            layout.label(text="Running, see above", icon="PLAY")
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "live_play")
        row = column.row()
        row.enabled = session.live is None
        row.prop(settings, "live_quick")
        if settings.source == "VIDEO":
            column.prop(settings, "live_loop")


def _draw_live_state(layout, settings) -> None:
    driver, task = session.live, session.task
    _draw_picture(layout, task.picture if task else None)
    if driver.updates:
        column = layout.column(align=True)
        icon = "REC" if driver.recording_since is not None else "PLAY"
        drawn = f"{driver.view.drawn.value:.{0 if driver.view.drawn.value >= 2 else 1}f}"
        column.label(text=f"{driver.updates:.0f} updates/s, {drawn} drawn", icon=icon, translate=False)
        seen = f"{driver.rate:.0f} pictures/s, {driver.latency:.0f} ms" if driver.seen else "No face is seen"
        column.label(text=seen, icon="BLANK1", translate=False)
    else:
        layout.label(text=task.describe() if task else "", icon="SORTTIME", translate=False)
    row = layout.row(align=True)
    row.scale_y = 1.5
    recording = driver.recording_since is not None
    row.operator("mmface.live_record", text="Stop and Keep" if recording else "Record", icon="REC", depress=recording)
    row.operator("mmface.live_stop", text="Stop", icon="SNAP_FACE")
    layout.operator("mmface.live_neutral", icon="USER")


class MMFACE_PT_export(_Panel, bpy.types.Panel):
    bl_label = "Import and Export"
    bl_parent_id = "MMFACE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context):
        column = self.layout.column(align=True)
        column.operator("mmface.save_take", icon="EXPORT")
        column.operator("mmface.save_motion", icon="EXPORT")
        column.operator("mmface.load_motion", icon="IMPORT")


class MMFACE_PT_engine(_Panel, bpy.types.Panel):
    bl_label = "Engine"
    bl_parent_id = "MMFACE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context):
        draw_engine(self.layout, context)


def draw_engine(layout, context) -> None:
    """Where the engine is and what can be done about it; also for the preferences."""
    found = session.found()
    if found is None:
        layout.label(text="Not set up", icon="ERROR")
    else:
        wrap.draw(layout, f"From {found.by}: {found.python}", context, "CHECKMARK", most=4)
    column = layout.column(align=True)
    if session.setup is not None:
        column.label(text=f"{session.setup.stage} {session.setup.doing}", translate=False)
        column.operator("mmface.cancel", icon="X")
    else:
        column.operator("mmface.engine_setup", icon="IMPORT")
        column.operator("mmface.engine_check", icon="VIEWZOOM")
        column.operator("mmface.engine_stop", icon="PAUSE")
        column.operator("mmface.engine_remove", icon="TRASH")
    if session.checked:
        wrap.draw(layout, session.checked, context, "INFO")
    if session.problem is not None and context.area is not None and context.area.type == "PREFERENCES":
        wrap.draw(layout, session.problem.sentence, context, "ERROR")
        layout.operator("mmface.copy_details", icon="COPYDOWN")


def _import_menu(self, context):
    self.layout.operator("mmface.load_motion", text="MMFace motion (.json)")


def _object_menu(self, context):
    self.layout.separator()
    self.layout.operator("mmface.capture_and_bake", text="MMFace: Capture and Bake")


_CLASSES = (
    MMFACE_UL_mapping,
    MMFACE_PT_main,
    MMFACE_PT_live,
    MMFACE_PT_motion,
    MMFACE_PT_cleaning,
    MMFACE_PT_mapping,
    MMFACE_PT_output,
    MMFACE_PT_export,
    MMFACE_PT_engine,
)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.TOPBAR_MT_file_import.append(_import_menu)
    bpy.types.VIEW3D_MT_object_animation.append(_object_menu)


def unregister() -> None:
    bpy.types.VIEW3D_MT_object_animation.remove(_object_menu)
    bpy.types.TOPBAR_MT_file_import.remove(_import_menu)
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
