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
        if animation.action != action:  # else it plays the action already, and more curves come into it
            keep_for_undo(animation.action)
            animation.action = action
            if HAS_SLOTS:
                animation.action_slot = action.slots.new(id_type=datablock.id_type, name=datablock.name)
        self._action = action
        self._groups = {}
        self._bag = None
        if HAS_SLOTS:
            slot = datablock.animation_data.action_slot
            layer = action.layers[0] if action.layers else action.layers.new("Layer")
            strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
            self._bag = strip.channelbag(slot, ensure=True)

    def write(self, path: str, index: int, frames, values, group: str) -> None:
        """Add the curve of property `path`[index]: linear keys of `values` (T floats) at `frames` (T floats)."""
        curve = self._new_curve(path, index, group)
        count = len(frames)
        curve.keyframe_points.add(count)
        interleaved = array("f", bytes(8 * count))
        interleaved[0::2], interleaved[1::2] = _floats(frames), _floats(values)
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


def _floats(values):
    return values if isinstance(values, array) and values.typecode == "f" else array("f", values)


def merge_keys(action, datablock, path: str, index: int, frames, values, group: str) -> None:
    """Put keys into a curve that `action` may already have for the data-block, in place of those between the first and
    the last of `frames`; the others stay. The action must be the data-block's own.
    """
    curve = next((c for c in curves_of(action, datablock) if c.data_path == path and c.array_index == index), None)
    if curve is None:
        CurveWriter(action, datablock).write(path, index, frames, values, group)
        return
    first, last = frames[0] - 0.5, frames[-1] + 0.5
    points = curve.keyframe_points
    for place in reversed(range(len(points))):
        if first < points[place].co.x < last:
            points.remove(points[place], fast=True)
    # What stays is never written to: its handles and its easing belong to the key, not to its place in the row.
    kept = len(points)
    points.add(len(frames))
    for place, (frame, value) in enumerate(zip(frames, values, strict=True), kept):
        points[place].co = (frame, value)
        points[place].interpolation = "LINEAR"
    curve.update()  # which also brings them into order


def new_action_for(name: str, datablock):
    """A new, empty action that the data-block plays."""
    action = bpy.data.actions.new(name)
    CurveWriter(action, datablock)
    return action


def active_action(datablock):
    """(action, slot) that a data-block plays, apart from its NLA; slot None before 4.4."""
    animation = datablock.animation_data
    if animation is None or animation.action is None:
        return None, None
    return animation.action, (animation.action_slot if HAS_SLOTS else None)


def slot_of(action, identifier):
    """The slot of that name; None before 4.4 and where it is gone."""
    return action.slots.get(identifier) if HAS_SLOTS and identifier else None


def shared_action(made: dict, name: str, datablock):
    """A new action that the data-block plays; from 4.4 on the one that is in `made` already, with a slot more."""
    if HAS_SLOTS and name in made:
        action = made[name]
    else:
        action = bpy.data.actions.new(name if not made else f"{name}.{datablock.name}")
        made.setdefault(name, action)
    CurveWriter(action, datablock)
    return action


def set_active_action(datablock, action, slot) -> None:
    """Make a data-block play what `active_action` gave."""
    animation = datablock.animation_data or datablock.animation_data_create()
    animation.action = action
    if HAS_SLOTS and action is not None and slot is not None:
        animation.action_slot = slot


def draw_progress(layout, factor: float) -> None:
    """A bar of progress; since 4.0 Blender has one of its own."""
    if hasattr(layout, "progress"):
        layout.progress(factor=factor, text=f"{100 * factor:.0f} %", type="BAR")
    else:
        layout.prop(bpy.context.window_manager, "mmface_progress", text="", slider=True)


class OwnAnimation:
    """What animates a data-block before anything is laid over it. Make it before a `CurveWriter` for the data-block."""

    def __init__(self, datablock) -> None:
        animation = datablock.animation_data
        self._datablock = datablock
        self._action = animation.action if animation else None
        self._slot = animation.action_slot if HAS_SLOTS and self._action else None
        self.paths = {curve.data_path for curve in curves_of(self._action, datablock)} if self._action else set()
        for track in animation.nla_tracks if animation else ():
            for strip in track.strips:
                if strip.action:
                    self.paths |= {curve.data_path for curve in _strip_curves(strip)}

    def lay_over(self, action, name: str) -> None:
        """Turn the data-block's active action, which is `action`, into an additive NLA strip over what was there.

        The artist's own action, if it was the active one, becomes a strip on a track below, which looks the same.
        """
        animation = self._datablock.animation_data
        slot = animation.action_slot if HAS_SLOTS else None
        animation.action = None
        if self._action is not None:
            blend, extrapolation = animation.action_blend_type, animation.action_extrapolation
            own = self._push_down(self._action, self._slot, self._action.name)
            own.blend_type, own.extrapolation = blend, extrapolation
            own.influence = animation.action_influence
        strip = self._push_down(action, slot, name)
        strip.blend_type = "COMBINE"  # adds values, and multiplies quaternions
        strip.extrapolation = "NOTHING"

    def _push_down(self, action, slot, name: str):
        animation = self._datablock.animation_data
        track = animation.nla_tracks.new()
        track.name = name
        # The strip starts where the action's first key is; the call wants a whole frame.
        strip = track.strips.new(name, int(action.frame_range[0]), action)
        if slot is not None:
            strip.action_slot = slot
        strip.action_frame_start, strip.action_frame_end = action.frame_range
        strip.frame_start, strip.frame_end = action.frame_range
        strip.use_sync_length = False
        return strip


def layer_zero_of_keys() -> float:
    """The value by which an additive NLA strip adds nothing to a shape key: the property's default, 1.0 since 5.0."""
    return bpy.types.ShapeKey.bl_rna.properties["value"].default


def _strip_curves(strip) -> list:
    if not HAS_SLOTS:
        return list(strip.action.fcurves)
    curves = []
    for layer in strip.action.layers:
        for part in layer.strips:
            bag = part.channelbag(strip.action_slot) if strip.action_slot is not None else None
            curves.extend(bag.fcurves if bag is not None else ())
    return curves


def keep_for_undo(action) -> None:
    """Keep the artist's own action in the file although nothing plays it any more."""
    if action is not None:
        action.use_fake_user = True


def action_names(name: str, datablocks) -> list:
    """What the data-blocks' actions are to be called: one shared from 4.4 on, one each before, all after the clip."""
    return [name if HAS_SLOTS or i == 0 else f"{name}.{block.name}" for i, block in enumerate(datablocks)]


def actions_for(names: list) -> list:
    """A new action for each of `action_names`, the same for equal ones. Blender numbers those whose name is taken."""
    made = {name: bpy.data.actions.new(name) for name in dict.fromkeys(names)}
    return [made[name] for name in names]


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


def export_gltf(path: str) -> None:
    """Write a .glb with one animation of everything that moves, NLA strips and drivers included.

    The frames are sampled: of actions in NLA tracks alone the exporter forgets shape keys.
    """
    _call(
        bpy.ops.export_scene.gltf,
        filepath=path,
        export_format="GLB",
        export_animations=True,
        export_animation_mode="SCENE",
        export_anim_scene_split_object=False,
        export_anim_slide_to_zero=True,
        export_frame_range=True,
        export_force_sampling=True,
        export_optimize_animation_size=False,
        export_bake_animation=False,
        export_morph=True,
        export_morph_animation=True,
        export_morph_normal=False,
        export_yup=True,
        export_apply=False,
    )


def export_fbx(path: str) -> None:
    """Write a .fbx; only so does it keep the animation of shape keys, and at the scene's own frames."""
    _call(
        bpy.ops.export_scene.fbx,
        filepath=path,
        bake_anim=True,
        bake_anim_use_all_actions=False,
        bake_anim_use_nla_strips=False,
        bake_anim_force_startend_keying=True,
        bake_anim_step=1.0,
        bake_anim_simplify_factor=0.0,
        use_mesh_modifiers=False,  # applying them would drop the keys
        add_leaf_bones=False,
        path_mode="AUTO",
    )


def export_usd(path: str) -> None:
    """Write a .usd, .usda, .usdc or .usdz with blend shapes sampled at the scene's frames.

    Raises RuntimeError where this Blender's exporter knows no blend shapes.
    """
    try:
        known = bpy.ops.wm.usd_export.get_rna_type().properties
    except KeyError:  # built without USD, as Debian's is
        raise RuntimeError(f"Blender {bpy.app.version_string} was built without USD; use another one.") from None
    if "export_shapekeys" not in known:
        raise RuntimeError(f"Blender {bpy.app.version_string} writes no shape keys to USD; use a newer one (4.1).")
    _call(
        bpy.ops.wm.usd_export,
        filepath=path,
        export_animation=True,
        export_shapekeys=True,
        export_armatures=True,
        export_textures_mode="NEW",  # pictures packed into the .blend are written beside the file
        convert_world_material=False,
    )


def _call(operator, **options) -> None:
    """Call an operator with those of the options that it has in this version."""
    known = {prop.identifier for prop in operator.get_rna_type().properties}
    operator(**{name: value for name, value in options.items() if name in known})


def import_gltf(path: str) -> None:
    """Import a .glb or .gltf file."""
    try:
        import numpy

        if not hasattr(numpy, "bool"):  # 3.4's importer uses it; distributions pair 3.4 with a NumPy that dropped it
            numpy.bool = bool
    except ImportError:
        pass  # the importer says so itself
    bpy.ops.import_scene.gltf(filepath=path)


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


def set_status(window, text) -> None:
    """Show a line in the status bar; None gives it back to Blender."""
    window.workspace.status_text_set(text)


def own_program():
    """The path of this Blender; None where bpy is a module of a Python."""
    return None if getattr(bpy.app, "module", False) else (bpy.app.binary_path or None)


def override(**members):
    """A context in which operators find these members."""
    return bpy.context.temp_override(**members)
