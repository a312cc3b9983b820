# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a scene, as the panel shows them. They are saved with the .blend and undone with it."""

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from . import mapping_list


def _has_keys(_settings, obj) -> bool:
    return obj.type in {"MESH", "ARMATURE", "EMPTY"}


def _mute_whole_channel(item, context) -> None:
    """A channel is muted as a whole, on all the keys that it drives."""
    for other in context.scene.mmface.mapping:
        if other.channel == item.channel and other.mute != item.mute:
            other["mute"] = item.mute
    mapping_list.changed(context)


def _changed(_item, context) -> None:
    mapping_list.changed(context)


class MMFACE_PG_target(bpy.types.PropertyGroup):
    """One line of the mapping: a channel drives a shape key."""

    channel: StringProperty(
        name="Channel", description="ARKit's name of the movement, such as jawOpen", update=_changed
    )
    object: StringProperty(name="Object", description="The mesh that has the shape key", update=_changed)
    key: StringProperty(name="Shape Key", description="The shape key that the channel drives", update=_changed)
    gain: FloatProperty(
        name="Gain",
        description="How strongly the channel drives the key: 1 is as captured, 2 twice as much, 0 not at all",
        default=1.0,
        soft_min=0.0,
        soft_max=2.0,
        step=5,
        update=_changed,
    )
    min: FloatProperty(name="Min", description="The key never goes below this", default=0.0, step=5, update=_changed)
    max: FloatProperty(name="Max", description="The key never goes above this", default=1.0, step=5, update=_changed)
    mute: BoolProperty(
        name="Mute", description="Leave this channel out, on all keys that it drives", update=_mute_whole_channel
    )
    raw_channel: StringProperty(options={"HIDDEN"})  # the entries of the file, unknown ones included
    raw_target: StringProperty(options={"HIDDEN"})


def _parts_changed(settings, context) -> None:
    """A face needs a part that moves; a live rig follows at once."""
    from .session import session
    from .tasks import engine_settings

    if not settings.parts:
        settings["parts"] = 0b1111
    if session.follows:
        session.tell(settings=engine_settings(settings))


def _strength(part: str):
    return FloatProperty(
        name=part.capitalize(),
        description=f"Smoothing of the {part} over time. 0 leaves it out",
        default=0.4,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )


class MMFACE_PG_settings(bpy.types.PropertyGroup):
    """All that MMFace keeps with a scene."""

    source: EnumProperty(
        name="Source",
        description="Where the performance comes from",
        items=(
            ("VIDEO", "Video", "A video file", "FILE_MOVIE", 0),
            ("IMAGE", "Image", "A photo: poses the rig on the current frame", "FILE_IMAGE", 1),
            ("WEBCAM", "Webcam", "A camera, recorded for a while or live", "OUTLINER_OB_CAMERA", 2),
            ("TAKE", "Take", "A capture that was saved before (.npz)", "FILE", 3),
        ),
    )
    video: StringProperty(name="Video", description="The video file to capture", subtype="FILE_PATH")
    image: StringProperty(name="Image", description="The photo to take the pose from", subtype="FILE_PATH")
    take: StringProperty(name="Take", description="The take (.npz) to bake", subtype="FILE_PATH")
    camera: IntProperty(name="Camera", description="The camera's number, from 0", min=0, max=63)
    seconds: FloatProperty(
        name="Seconds",
        description="How long the camera is recorded",
        default=10.0,
        min=0.5,
        soft_max=120.0,
        subtype="NONE",
    )
    face: IntProperty(
        name="Face", description="Which face, where there are several: 0 is the largest, 1 the first that appears",
        min=0, max=99,
    )  # fmt: skip
    rig: PointerProperty(
        name="Rig",
        description="Any object of the character. Empty: the active object's rig, or else the only one",
        type=bpy.types.Object,
        poll=_has_keys,
    )

    head: EnumProperty(
        name="Head",
        description="How the head's rotation is used",
        items=(
            ("absolute", "As Filmed", "Facing the camera is the rig's rest"),
            (
                "relative",
                "Around the Mean",
                "The clip's mean direction is the rig's rest, for a person filmed from the side",
            ),
            ("off", "Still", "The head does not turn"),
        ),
    )
    rest: EnumProperty(
        name="Rest",
        description="Which face of the clip is the rig's rest",
        items=(
            ("auto", "Found", "What the person's face shows most of the time, without an expression"),
            ("frame", "In a Frame", "The face in a frame of the clip that you choose"),
            ("off", "As Captured", "The face is not compared with a resting one"),
        ),
    )
    neutral: IntProperty(
        name="Frame", description="Number of the clip's picture, from 0, in which the face rests", min=0
    )
    full_range: BoolProperty(
        name="Full Range",
        description="The person's own largest movements move the rig fully: for a face that moves little",
    )
    parts: EnumProperty(
        name="Parts",
        description="The parts of the face that are driven; the others stay as they are",
        options={"ENUM_FLAG"},
        items=tuple((part.lower(), part, f"Drive the {part.lower()}") for part in ("Mouth", "Eyes", "Brows", "Head")),
        default={"mouth", "eyes", "brows", "head"},
        update=_parts_changed,
    )
    smooth: FloatProperty(
        name="Smoothing",
        description="Smoothing over time, without delay. 0 leaves it out",
        default=0.4,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )
    smooth_apart: BoolProperty(name="Each Part", description="Smooth each part of the face with a strength of its own")
    smooth_mouth: _strength("mouth")
    smooth_eyes: _strength("eyes")
    smooth_brows: _strength("brows")
    smooth_head: _strength("head")
    clean_outliers: BoolProperty(
        name="Jumps", description="Bridge single frames in which the tracking jumped away", default=True
    )
    clean_blinks: BoolProperty(name="Blinks", description="Closed lids close fully and quickly", default=True)
    clean_lips: BoolProperty(name="Lips", description="Lips that close for p, b and m meet", default=True)
    clean_pairs: BoolProperty(
        name="Opposites",
        description="Opposite movements, such as jaw left and right, never show together",
        default=True,
    )
    symmetry: FloatProperty(
        name="Symmetry",
        description="How readily small differences between left and right are evened out. 0 leaves them",
        default=0.5,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )
    lost: EnumProperty(
        name="When Lost",
        description="What the rig does while the face is not seen",
        items=(
            ("ease", "Ease to Rest", "Hold the last pose for a moment, then ease to rest"),
            ("hold", "Hold", "Hold the last pose"),
        ),
    )
    bridge: FloatProperty(
        name="Bridge", description="Gaps up to this long are filled from both sides", default=0.35, min=0.0,
        soft_max=2.0, subtype="TIME_ABSOLUTE", unit="TIME_ABSOLUTE",
    )  # fmt: skip
    hold: FloatProperty(
        name="Hold", description="In longer gaps the last pose stays this long", default=0.3, min=0.0, soft_max=2.0,
        subtype="TIME_ABSOLUTE", unit="TIME_ABSOLUTE",
    )  # fmt: skip
    ease: FloatProperty(
        name="Ease", description="Then it eases to rest within this time", default=0.6, min=0.05, soft_max=3.0,
        subtype="TIME_ABSOLUTE", unit="TIME_ABSOLUTE",
    )  # fmt: skip
    min_confidence: FloatProperty(
        name="Trust",
        description="Frames in which the face is less sure than this count as not seen",
        default=0.15,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )

    output: EnumProperty(
        name="Bake To",
        description="Where the curves go",
        items=(
            ("ACTION", "Action", "A new action; the rig's own action is kept in the file"),
            ("NLA", "NLA Layer", "A strip on an NLA track above what the rig already does"),
        ),
    )
    action_name: StringProperty(name="Name", description="Name of the action. Empty: the clip's name")
    start: IntProperty(name="Start", description="Frame on which the clip's first picture comes", default=1)
    rate: EnumProperty(
        name="Rate",
        description="Whose frame rate the curves have",
        items=(
            ("CLIP", "Of the Clip", "The scene takes the clip's frame rate; every picture is one frame"),
            ("SCENE", "Of the Scene", "The scene keeps its frame rate; the clip keeps its speed"),
        ),
    )
    set_range: BoolProperty(
        name="Set Range", description="Set the scene's start and end frame to the clip's", default=True
    )
    reduce: FloatProperty(
        name="Fewer Keys",
        description="Leave keys out where the curve stays within this of every frame's value. 0 keys every frame",
        default=0.0,
        min=0.0,
        soft_max=0.05,
        max=0.5,
        step=0.1,
        precision=3,
    )
    replace: BoolProperty(
        name="Replace Last", description="An earlier bake of the same clip goes when a new one comes", default=True
    )
    sound: BoolProperty(
        name="With Sound", description="Lay the clip's sound into the sequencer and play in time with it", default=True
    )
    key_pose: BoolProperty(
        name="Insert Keys", description="Key the photo's pose on the current frame, so that it stays", default=True
    )

    mapping: CollectionProperty(type=MMFACE_PG_target)
    mapping_index: IntProperty(name="Mapping")
    mapping_json: StringProperty(options={"HIDDEN"})  # all of the mapping but its channels
    mapped_rig: StringProperty(options={"HIDDEN"})  # the rig's object for which the mapping was made
    mapping_by_hand: BoolProperty(options={"HIDDEN"})  # a mapping that was loaded or edited is not made anew unasked
    health: StringProperty(options={"HIDDEN"})
    notes: StringProperty(options={"HIDDEN"})

    live_loop: BoolProperty(name="Loop", description="Start the video again when it ends")
    live_play: BoolProperty(
        name="Play Timeline", description="Play the timeline while recording, to act to what is there already",
        default=True,
    )  # fmt: skip
    live_quick: BoolProperty(
        name="Quick View",
        description="While live, draw viewports without anti-aliasing and overlays, for a slow graphics card. "
        "Afterwards they are as before",
    )


_CLASSES = (MMFACE_PG_target, MMFACE_PG_settings)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.mmface = PointerProperty(type=MMFACE_PG_settings)
    # Before 4.0 a bar of progress is drawn with a property; it shows the session and is never stored.
    bpy.types.WindowManager.mmface_progress = FloatProperty(
        name="Progress", subtype="PERCENTAGE", min=0.0, max=100.0, precision=0, get=_progress
    )


def _progress(_manager) -> float:
    from .session import session

    if session.setup is not None:
        return 100.0 * session.setup.fraction
    return 100.0 * session.task.fraction if session.task is not None else 0.0


def unregister() -> None:
    del bpy.types.WindowManager.mmface_progress
    del bpy.types.Scene.mmface
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
