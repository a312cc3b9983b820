"""Bakes a take onto a linked rig, onto library overrides of it, and in one of two scenes; drives overrides live.

    python use_scenes.py FOLDER_WITH_ADDON RIG.blend TAKE.npz ENGINE_PYTHON

Says RESULT and one JSON.
"""

import json
import os
import sys
import time

import bpy

sys.path.insert(0, sys.argv[1])
RIG, TAKE = sys.argv[2:4]
os.environ["MMFACE_PYTHON"] = sys.argv[4]

import blender_addon  # noqa: E402

blender_addon.register()
from blender_addon.live import LiveDriver  # noqa: E402
from blender_addon.session import session  # noqa: E402

said = {"version": list(bpy.app.version)}


def start_bake():
    settings = bpy.context.scene.mmface
    settings.source, settings.take = "TAKE", TAKE
    bpy.ops.mmface.capture_and_bake()


def finish():
    """Until the task has ended: the problem's sentence, or what was achieved."""
    until = time.monotonic() + 120
    while session.step():
        assert time.monotonic() < until, "the task did not end"
        time.sleep(0.01)
    return session.problem.sentence if session.problem else session.notice


def animated(scene):
    """Objects whose keys or bones play an action."""
    blocks = {o.name: (o, o.data.shape_keys if o.type == "MESH" else None) for o in scene.objects}
    return sorted(
        name for name, pair in blocks.items() if any(b and b.animation_data and b.animation_data.action for b in pair)
    )


def link():
    """An empty scene with the rig's objects linked into it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(RIG, link=True) as (inside, wanted):
        wanted.objects = inside.objects
    for obj in wanted.objects:
        bpy.context.scene.collection.objects.link(obj)


def override():
    """What Object > Library Override > Make does: objects and their meshes become overrides."""
    scene = bpy.context.scene
    for obj in list(scene.objects):
        obj.override_create(remap_local_usages=True)
    for obj in list(scene.objects):
        if obj.type == "MESH" and obj.data.library is not None:
            obj.data.override_create(remap_local_usages=True)


def live_on(head):
    """One live update of a key: its value while live and after."""
    driver = LiveDriver(bpy.context.scene)
    key = head.data.shape_keys.key_blocks["jawOpen"]
    driver.hear(
        {
            "event": "channels",
            "keys": [{"object": head.name, "key": name} for name in ("jawOpen", "mouthClose")],
            "turns": [],
        }
    )
    frame = {"latency": 1.0, "rate": 1.0, "seen": True, "quaternions": [], "locations": [], "time": 0.0}
    driver.hear({"event": "frame", "values": [0.7, 0.1], **frame})
    driver.apply()
    moved = key.value
    driver.stop()
    return [moved, key.value]


def two_scenes():
    bpy.ops.wm.open_mainfile(filepath=RIG, use_scripts=False)
    first = bpy.context.scene
    first.render.fps = 48
    bpy.ops.scene.new(type="FULL_COPY")
    second = bpy.context.window.scene
    assert second != first
    begun = [first.frame_end, animated(first)]
    start_bake()
    bpy.context.window.scene = first  # the person looks at something else meanwhile
    said["scenes"] = finish()
    said["untouched"] = begun == [first.frame_end, animated(first)] and first.render.fps == 48
    said["second"] = [animated(second), second.render.fps, second.frame_end]
    said["shared"] = sorted({o.name for o in first.objects} & {o.name for o in second.objects})


link()
start_bake()
said["linked"], said["linked_animated"] = finish(), animated(bpy.context.scene)
override()
start_bake()
said["override"], said["override_animated"] = finish(), animated(bpy.context.scene)
path = os.path.join(os.path.dirname(TAKE), "override.blend")
bpy.ops.wm.save_as_mainfile(filepath=path)
bpy.ops.wm.open_mainfile(filepath=path)
said["override_reopened"] = animated(bpy.context.scene)
link()
override()
said["override_live"] = live_on(bpy.context.scene.objects["Head"])
two_scenes()
session.close()
sys.stdout.write("RESULT " + json.dumps(said) + "\n")
sys.stdout.flush()
os._exit(0)
