# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's long jobs, each a generator that asks the engine (see `session`) and works on the scene in between."""

import json
import os
import time

import bpy

from . import compat, mapping_list
from .errors import SceneError
from .live import LiveDriver
from .paths import absolute
from .scene import bake as baking
from .scene import onto_rig, read_rig
from .scene.rig_objects import require_rig, rig_objects
from .session import Cancelled, Request, session

PARTS = ("mouth", "eyes", "brows", "head")  # of a face, as the engine and the settings call them


def capture_and_bake(context):
    """Source to curves on the rig. What was captured before is not captured again."""
    scene = context.scene.name
    source_path(context.scene.mmface)  # what is missing is said at once
    rig, mapping = yield from _mapped_rig(context)
    take = yield from take_of_source(scene_named(scene).mmface)
    return (yield from _bake(scene, rig, mapping, take))


def map_rig(context, how: str = "names"):
    """Read the rig and make its mapping anew, by names or also by how its keys move the face ("both", "geometry")."""
    scene = context.scene.name
    yield from _mapped_rig(context, anew=True, how=how)
    return scene_named(scene).mmface.health


def check_engine():
    """Load all that a capture needs."""
    result = yield Request("check", {})
    session.checked = f"mmface {result['mmface']}, Python {result['python']}. {result['description']}"
    return "The engine works."


def load_mapping(context, path: str):
    """Fill the list from a file."""
    scene, path = context.scene.name, absolute(path)
    result = yield Request("read_mapping", {"path": path})
    settings = scene_named(scene).mmface
    chosen = require_rig(scene_named(scene), settings.rig, context.view_layer.objects.active)
    mapping_list.fill(settings, result["mapping"], chosen.name, by_hand=True)
    settings.health = f"{len({item.channel for item in settings.mapping})} channels, from {os.path.basename(path)}"
    return f"Loaded {os.path.basename(path)}"


def save_mapping(context, path: str):
    """Write the list to a file."""
    path = absolute(path)
    yield Request("write_mapping", {"path": path, "mapping": mapping_list.read(context.scene.mmface)})
    return f"Wrote {path}"


def save_motion(context, path: str):
    """Capture if need be, and write the rig's curves to a file of the person's."""
    scene, path = context.scene.name, absolute(path)
    rig, mapping = yield from _mapped_rig(context)
    take = yield from take_of_source(scene_named(scene).mmface)
    result = yield _motion_request(scene_named(scene), rig, mapping, take, path)
    return f"Wrote {result['frame_count']} frames to {path}"


def live(context):
    """Drive the rig until the person stops, or the clip ends."""
    name = context.scene.name
    rig, mapping = yield from _mapped_rig(context)
    scene = scene_named(name)
    settings = scene.mmface
    source = str(settings.camera) if settings.source == "WEBCAM" else source_path(settings)
    entries = {
        "source": source,
        "rig": rig,
        "mapping": mapping,
        "settings": engine_settings(settings),
        "head": settings.head,
        "pictures": os.path.join(session.folder(), "pictures"),
        "loop": settings.live_loop and settings.source == "VIDEO",
    }

    def hear(message):
        if message.get("picture"):
            session.task.picture = message["picture"]
        driver.hear(message)

    # The last of all: from now on the viewports are drawn otherwise, and something must end that.
    driver = session.live = LiveDriver(scene, settings.live_quick)
    try:
        result = yield Request("live", entries, hear)
        notice = result["ended"]
    except Cancelled:
        notice = "Live stopped."
    finally:
        session.live = None
        kept = _end_live(driver)
    return f"{notice} {kept or 'The rig rests as before.'}"


def _end_live(driver: LiveDriver) -> str:
    """Keep a recording that was still running; put everything else back, whatever becomes of it."""
    try:
        return finish_recording(driver) if driver.recording_since is not None and len(driver.recorded) > 1 else ""
    finally:
        driver.stop()


def finish_recording(driver: LiveDriver) -> str:
    """Key what was recorded, as one undo step."""
    session.recording = driver
    try:
        with _in_a_window():
            bpy.ops.mmface.live_keep("EXEC_DEFAULT", True)
    finally:
        session.recording = None
    return session.notice


# The parts.


def scene_named(name: str):
    """A task's scene and its settings are found anew after each wait: undo replaces them, and windows show others."""
    scene = bpy.data.scenes.get(name)
    if scene is None:
        raise SceneError("scene", f"The scene {name} is gone, so nothing was changed.")
    return scene


def _mapped_rig(context, anew: bool = False, how: str = "names"):
    """Describe the rig as it is now, and map it if its mapping is not the person's: (file, mapping)."""
    scene, settings = context.scene, context.scene.mmface
    chosen = require_rig(scene, settings.rig, context.view_layer.objects.active)
    path = describe(scene, chosen)
    kept = settings.mapping_by_hand and len(settings.mapping) > 0 and settings.mapped_rig == chosen.name and not anew
    if kept:
        return path, mapping_list.read(settings)
    name, scene_name = chosen.name, scene.name
    entries = {"rig": path, "name": name, "head": "absolute", "how": how}
    if how != "names":  # the engine lays its face over the rig, for which it opens a copy
        entries["file"] = _copy_of_file()
        entries["blender"] = compat.own_program()
    result = yield Request("map_rig", entries)
    settings = scene_named(scene_name).mmface
    mapping_list.fill(settings, result["mapping"], name, by_hand=False)
    settings.health, settings.notes = result["health"], json.dumps(result["notes"])
    return path, mapping_list.read(settings)


def _copy_of_file() -> str:
    path = os.path.join(session.folder(), "rig.blend")
    try:
        bpy.ops.wm.save_as_mainfile(filepath=path, copy=True, check_existing=False)
    except RuntimeError as error:
        raise SceneError("unwritable", f"The rig cannot be handed to the engine: {error}") from error
    return path


def describe(scene, chosen) -> str:
    """Write the description of the open rig into the session's folder; return the .json's path."""
    path = os.path.join(session.folder(), "rig.json")
    objects = rig_objects(scene, chosen)
    data = read_rig.describe(chosen.name, os.path.splitext(path)[0] + ".f32", scene=scene, objects=objects)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(data, file)
    return path


def source_path(settings) -> str:
    """The file that is captured; "" for a webcam. Raises SceneError where none was chosen or it is not there."""
    if settings.source == "WEBCAM":
        return ""
    path = absolute(getattr(settings, settings.source.lower()))
    if not path:
        raise SceneError("source", f"Choose {_A_FILE[settings.source]} first.")
    if not os.path.exists(path):
        raise SceneError("source", f"There is no file {path}.")
    return path


_A_FILE = {"VIDEO": "a video", "IMAGE": "an image", "TAKE": "a take"}


def take_of_source(settings):
    """The take of the chosen source: the file itself, the last capture if it is of the same, else a new capture."""
    path = source_path(settings)
    if settings.source == "TAKE":
        facts = yield Request("take_facts", {"take": path})
        session.rates[path] = facts["fps"]
        return path
    key = (settings.source, path, os.path.getmtime(path) if path else time.monotonic(), settings.face)
    if session.last_take and session.last_take[0] == key and os.path.exists(session.last_take[1]):
        return session.last_take[1]
    stem = os.path.splitext(os.path.basename(path))[0] or "webcam"
    take = os.path.join(session.folder(), f"{stem}.npz")
    entries = {
        "source": path or str(settings.camera),
        "take": take,
        "face": settings.face or "largest",
        "pictures": os.path.join(session.folder(), "pictures"),
        "seconds": settings.seconds if settings.source == "WEBCAM" else None,
    }
    result = yield Request("capture", entries)
    session.last_take, session.rates[path] = (key, result["take"]), result["fps"]
    return result["take"]


def picture_at(scene, frame: int) -> int:
    """Number, from 0, of the clip's picture that a frame of the scene shows. Raises SceneError where none is known."""
    settings = scene.mmface
    since = frame - settings.start
    if since < 0:
        raise SceneError("frame", "The current frame lies before the clip's first.")
    if settings.rate == "CLIP":  # every picture is one frame
        return since
    rate = session.rates.get(source_path(settings))
    if rate is None:
        raise SceneError("frame", "The clip's frame rate is not known yet: bake the clip once, then choose its frame.")
    return round(since * rate * scene.render.fps_base / scene.render.fps)


def engine_settings(settings, start=None) -> dict:
    """The engine's settings (`retarget.performance.Settings`) as plain data."""
    data = {
        "smooth": settings.smooth,
        "start": settings.start if start is None else start,
        "gaps": {
            "lost": settings.lost,
            "bridge": settings.bridge,
            "hold": settings.hold,
            "ease": settings.ease,
            "min_confidence": settings.min_confidence,
        },
    }
    # What is left to the engine is what the take itself keeps, or what it finds.
    if settings.rest != "auto":
        data["neutral"] = settings.neutral if settings.rest == "frame" else "off"
    if settings.full_range:
        data["range"] = "auto"
    if settings.smooth_apart:
        data["regions"] = {part: getattr(settings, f"smooth_{part}") for part in PARTS}
    data["cleaning"] = {
        "outliers": settings.clean_outliers,
        "blinks": settings.clean_blinks,
        "lips": settings.clean_lips,
        "pairs": settings.clean_pairs,
        "symmetry": settings.symmetry,
    }
    data["layer"] = {"tolerance": settings.reduce}
    if set(settings.parts) != set(PARTS):
        data["layer"]["only"] = sorted(settings.parts)
    return data


def _motion_request(scene, rig: str, mapping: dict, take: str, path: str) -> Request:
    settings = scene.mmface
    still = settings.source == "IMAGE"
    name = settings.action_name or os.path.splitext(os.path.basename(take))[0]
    fps = scene.render.fps / scene.render.fps_base if settings.rate == "SCENE" and not still else None
    entries = {
        "take": take,
        "rig": rig,
        "mapping": mapping,
        "path": path,
        "name": name,
        "settings": engine_settings(settings, scene.frame_current if still else None),
        "head": settings.head,
        "fps": fps,
    }
    return Request("motion", entries)


def _bake(scene_name: str, rig: str, mapping: dict, take: str):
    path = os.path.join(session.folder(), "motion.json")
    result = yield _motion_request(scene_named(scene_name), rig, mapping, take, path)
    with _in_a_window(scene_name):
        # Through an operator, so that the whole job is one step of undo.
        bpy.ops.mmface.bake("EXEC_DEFAULT", True, filepath=path, source=result["source"], scene=scene_name)
    if session.problem is not None:
        raise SceneError("rig", session.problem.sentence)
    return session.notice


def bake_now(scene, path: str, source: str) -> str:
    """Put a motion into the scene as the settings say; the sentence for the panel."""
    settings = scene.mmface
    motion = baking.load_motion(path)
    if settings.source == "IMAGE":
        done = onto_rig.pose(motion, scene, key=settings.key_pose)
        text = f"Posed on frame {scene.frame_current}"
        if done["keyed"] and settings.key_pose:
            text += f" with {done['keyed']} keys"
    else:
        sound = source if settings.sound and settings.source == "VIDEO" and os.path.isfile(source) else None
        done = onto_rig.put(
            motion,
            scene,
            layer=settings.output == "NLA",
            set_rate=settings.rate == "CLIP",
            set_range=settings.set_range,
            replace=settings.replace,
            sound=sound,
        )
        last = motion["start"] + motion["frame_count"] - 1
        text = f'Baked "{done["action"]}": frames {motion["start"]} to {last}, {done["keyed"]} curves'
    mapping_list.settle_pivots(settings, motion)
    notes = "".join(f". {warning.rstrip('.')}" for warning in done["warnings"])
    return text + notes


def _in_a_window(scene_name=None):
    """A timer has no window of its own, and operators want one."""
    manager = bpy.context.window_manager
    windows = list(manager.windows) if manager else []
    scene = bpy.data.scenes.get(scene_name) if scene_name else None
    members = {}
    fitting = [w for w in windows if scene is None or w.scene == scene] or windows
    if fitting:
        members["window"] = fitting[0]
    if scene is not None:
        members["scene"] = scene
    return compat.override(**members)


def a_file(source: str) -> str:
    """The kind of file that a source wants, with its article."""
    return _A_FILE[source]
