"""Runs in a Python with bpy and an empty user folder: installs the extension's zip and works with it.

    python use_extension.py PLAN.json     PLAN: {"zip", "rig", "take", "clip", "photo", "out", "engine"}

Modal operators and timers do not run in background, so `session.step` is called here. Says RESULT and one JSON.
"""

import json
import os
import signal
import sys
import time
import traceback
from array import array

import bpy

with open(sys.argv[1], encoding="utf-8") as file:
    PLAN = json.load(file)
said = {"version": list(bpy.app.version)}


def session():
    return sys.modules[said["package"] + ".session"].session


def module(name):
    return sys.modules[f"{said['package']}.{name}"]


def settings():
    return bpy.context.scene.mmface


def run(limit=120):
    """Until nothing is under way; the problem's sentence, or None."""
    until = time.monotonic() + limit
    while session().step():
        assert time.monotonic() < until, "the task did not end"
        time.sleep(0.01)
    return session().problem.sentence if session().problem else None


def refused(operator, **arguments):
    """Why an operator cannot run."""
    try:
        operator(**arguments)
    except RuntimeError as error:
        return str(error)
    return None


def install():
    bpy.ops.extensions.package_install_files(filepath=PLAN["zip"], repo="user_default", enable_on_install=True)
    said["package"] = next(name for name in sys.modules if name.endswith(".mmface") and name.startswith("bl_ext"))
    said["inherited"] = sorted(n for n in sys.modules if n.split(".")[0] in ("torch", "cv2", "retarget", "mmface_core"))


def every_poll():
    """Which operators can run before there is anything to work on, and which cannot."""
    said["polls"] = {name: bool(getattr(bpy.ops.mmface, name).poll()) for name in dir(bpy.ops.mmface)}


def curves():
    compat, found = module("compat"), {}
    for obj in bpy.context.scene.objects:
        for block in (obj, obj.data.shape_keys if obj.type == "MESH" else None):
            action = block.animation_data.action if block is not None and block.animation_data else None
            for curve in compat.curves_of(action, block) if action else ():
                values = array("f", bytes(8 * len(curve.keyframe_points)))
                curve.keyframe_points.foreach_get("co", values)
                found[f"{obj.name} {curve.data_path} {curve.array_index}"] = list(values)
    return found


def bake_take():
    s = settings()
    s.source, s.take = "TAKE", PLAN["take"]
    bpy.ops.mmface.capture_and_bake()
    problem = run()
    assert problem is None, problem + session().problem.details
    return session().notice


def bake_and_compare():
    said["baked"] = bake_take()
    said["health"] = settings().health
    first = curves()
    with open(os.path.join(PLAN["out"], f"curves_{bpy.app.version[0]}.json"), "w") as out:
        json.dump(first, out)
    bake_take()
    second = curves()
    said["again_equal"] = max(max(map(abs, map(float.__sub__, first[k], second[k]))) for k in first)
    said["actions"] = [action.name for action in bpy.data.actions]
    path = os.path.join(PLAN["out"], "saved.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    said["reopened_equal"] = curves() == second
    settings().output = "NLA"
    bake_take()
    said["strips"] = {
        o.name: [strip.name for track in o.animation_data.nla_tracks for strip in track.strips]
        for o in bpy.context.scene.objects
        if o.animation_data and o.animation_data.nla_tracks
    }
    settings().output = "ACTION"
    settings().rate = "SCENE"
    bpy.context.scene.render.fps = 50
    bake_take()
    said["at_50_fps"] = max(values[-2] for values in curves().values())
    settings().rate = "CLIP"


def moved():
    """What the curves are of: channels of keys, and whether the head turns."""
    paths = {name.split()[-2] for name in curves()}
    return sorted(path.split('"')[1] for path in paths if path.startswith("key_blocks")), any(
        "rotation" in path for path in paths
    )


def options():
    """What the panel offers beside smoothing: parts of the face, cleaning, the resting face, fewer keys, presets."""
    s = settings()
    s.output, s.rate, s.replace = "ACTION", "CLIP", True
    usual = bake_curves()
    s.parts = {"brows"}
    for obj in bpy.context.scene.objects:
        for block in (obj, obj.data.shape_keys if obj.type == "MESH" else None):
            if block is not None and block.animation_data:
                block.animation_data_clear()
        for bone in obj.pose.bones if obj.pose else ():
            bone.matrix_basis.identity()  # without an action that knows better, the pose is the rest of the next bake
    bake_curves()
    said["only_brows"] = moved()
    s.parts = set()
    said["no_parts"] = sorted(s.parts)
    s.reduce = 0.02
    said["keys_reduced"] = [sum(map(len, found.values())) for found in (usual, bake_curves())]
    s.reduce = 0.0
    s.smooth_apart, s.smooth_mouth = True, 1.0
    said["smoother_mouth"] = differs(usual, bake_curves())
    bpy.ops.mmface.preset_add(name="soft mouth")
    s.property_unset("smooth_mouth")
    s.property_unset("smooth_apart")
    folder = bpy.utils.user_resource("SCRIPTS", path="presets/mmface")
    with open(os.path.join(folder, os.listdir(folder)[0])) as preset:
        exec(preset.read(), {})
    said["preset"] = [s.smooth_apart, round(s.smooth_mouth, 3)]
    s.property_unset("smooth_mouth")
    s.property_unset("smooth_apart")
    s.smooth, s.symmetry, s.rest = 0.0, 0.0, "off"
    for name in ("clean_outliers", "clean_blinks", "clean_lips", "clean_pairs"):
        setattr(s, name, False)
    with open(os.path.join(PLAN["out"], f"raw_{bpy.app.version[0]}.json"), "w") as out:
        json.dump(bake_curves(), out)
    for name in ("smooth", "symmetry", "rest", "clean_outliers", "clean_blinks", "clean_lips", "clean_pairs"):
        s.property_unset(name)
    s.rest, s.neutral = "frame", 5
    said["neutral_frame"] = differs(usual, bake_curves())
    s.property_unset("rest")
    said["usual_again"] = differs(usual, bake_curves())


def bake_curves():
    bake_take()
    return curves()


def differs(first, second):
    """Largest difference between two sets of curves with the same keys; the shapes that moved are the same."""
    return max(max(map(abs, map(float.__sub__, first[k], second[k]))) for k in first)


def by_shape():
    """Keys that are called nothing of the kind are found by how they move the face."""
    names = {}
    head = bpy.data.objects["Head"]
    for number, block in enumerate(head.data.shape_keys.key_blocks[1:]):
        names[f"k{number}"] = block.name
        block.name = f"k{number}"
    bpy.ops.mmface.map_rig(how="geometry")
    said["by_shape_problem"] = run(500)
    found = {i.channel: i.key for i in settings().mapping if i.object == "Head"}
    said["by_shape"] = sum(names.get(key) == channel for channel, key in found.items()), len(found)
    for number, name in names.items():
        head.data.shape_keys.key_blocks[number].name = name
    bpy.ops.mmface.map_rig()
    run()


def mapping():
    s = settings()
    bpy.ops.mmface.map_rig()
    run()
    item = next(i for i in s.mapping if i.channel == "jawOpen")
    item.gain = 0.5
    path = os.path.join(PLAN["out"], "mapping.json")
    bpy.ops.mmface.mapping_save(filepath=path)
    assert run() is None
    with open(path) as saved:
        data = json.load(saved)
    data["channels"][0]["targets"][0]["offset"] = 0.05
    data["channels"][0]["targets"][0]["gain"] = 0.123456789
    data["channels"][0]["score"] = 0.5
    with open(path, "w") as edited:
        json.dump(data, edited)
    bpy.ops.mmface.mapping_load(filepath=path)
    assert run() is None, session().problem
    back = module("mapping_list").read(s)
    said["mapping_kept"] = back == data
    count = len(s.mapping)
    bpy.ops.mmface.mapping_add()
    bpy.ops.mmface.mapping_remove()
    said["mapping_count"] = [count, len(s.mapping)]
    s.mapping[0].mute = True
    said["muted_together"] = all(i.mute for i in s.mapping if i.channel == s.mapping[0].channel)
    bpy.ops.mmface.mapping_load(filepath=PLAN["take"])
    said["bad_mapping"] = run()
    bpy.ops.mmface.copy_details()
    bpy.ops.mmface.dismiss()
    bpy.ops.mmface.map_rig()
    run()


def image():
    s = settings()
    s.source, s.image = "IMAGE", PLAN["photo"]
    bpy.context.scene.frame_set(40)
    bpy.ops.mmface.capture_and_bake()
    said["image_problem"], said["image"] = run(), session().notice
    found = curves()
    said["posed_keys"] = sum(40.0 in values[0::2] for values in found.values())


def clip_cancel_and_kill():
    s = settings()
    s.source, s.video = "VIDEO", PLAN["clip"]
    before = curves()
    for how in ("cancel", "kill"):
        bpy.ops.mmface.capture_and_bake()
        said["busy_refusal"] = refused(bpy.ops.mmface.capture_and_bake)
        while session().task is not None and session().task.done < 3:
            session().step()
            time.sleep(0.01)
        if how == "cancel":
            bpy.ops.mmface.cancel()
        else:
            os.kill(session().engine.pid, signal.SIGKILL)
        said[f"{how}_problem"] = run(20)
        said[f"{how}_changed_nothing"] = curves() == before
    s.video = "/no/such/clip.mp4"
    bpy.ops.mmface.dismiss()
    said["missing_clip"] = refused(bpy.ops.mmface.capture_and_bake)
    s.video = PLAN["clip"]


def live():
    s = settings()
    s.live_loop = True
    rest = {o.name: [b.value for b in o.data.shape_keys.key_blocks] for o in keyed()}
    bpy.ops.mmface.live_start()
    wait_for_live()
    until = time.monotonic() + 3
    while time.monotonic() < until:
        session().step()
        time.sleep(1 / 100)
    assert session().live is not None, (session().problem, session().notice)
    said["live"] = [session().live.updates, session().live.rate, session().live.latency]
    said["live_moved"] = rest != {o.name: [b.value for b in o.data.shape_keys.key_blocks] for o in keyed()}
    bpy.ops.mmface.live_neutral()
    while_live = os.path.join(PLAN["out"], "while_live.blend")
    bpy.ops.wm.save_as_mainfile(filepath=while_live, copy=True)
    bpy.ops.mmface.live_stop()
    said["live_problem"] = run(20)
    bpy.context.scene.frame_set(bpy.context.scene.frame_current)
    said["live_rested"] = rest == {o.name: [b.value for b in o.data.shape_keys.key_blocks] for o in keyed()}
    bpy.ops.mmface.live_start()
    wait_for_live()
    bpy.context.scene.frame_set(10)
    bpy.ops.mmface.live_record()
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        session().step()
        time.sleep(1 / 100)
    bpy.ops.mmface.live_record()
    said["record_problem"], said["recorded"] = run(20), session().notice
    bpy.ops.wm.open_mainfile(filepath=while_live)
    said["saved_while_live_rests"] = rest == {o.name: [b.value for b in o.data.shape_keys.key_blocks] for o in keyed()}
    said["saved_while_live_plays"] = moved()[0]


def wait_for_live():
    until = time.monotonic() + 90
    while (session().live is None or not session().live.updates) and session().busy and time.monotonic() < until:
        session().step()
        time.sleep(1 / 100)


def keyed():
    return [o for o in bpy.context.scene.objects if o.type == "MESH" and o.data.shape_keys]


def long_bake():
    """10,000 frames on every key that the rig has, from a motion that is ready."""
    count = 10_000
    motion = {"name": "long", "start": 1, "frame_count": count, "fps": 30, "fps_base": 1.0, "keys": [], "rotations": []}
    values = array("f", [(i % 30) / 30 for i in range(count)])
    for obj in keyed():
        for block in obj.data.shape_keys.key_blocks[1:]:
            motion["keys"].append({"object": obj.name, "key": block.name, "values": values})
    seconds = []
    for _ in range(5):
        begun, busy = time.monotonic(), time.process_time()
        module("scene.onto_rig").put(motion, bpy.context.scene)
        seconds.append([round(time.monotonic() - begun, 2), round(time.process_time() - busy, 2)])
    said["long_bake"] = [len(motion["keys"]), seconds]


def leave():
    pid = session().engine.pid if session().engine else None
    bpy.ops.preferences.addon_disable(module=said["package"])
    said["left"] = [n for n in dir(bpy.types) if n.startswith("MMFACE_")] + (
        ["scene"] if hasattr(bpy.types.Scene, "mmface") else []
    )
    said["engine_gone"] = pid is None or not os.path.exists(f"/proc/{pid}")
    bpy.ops.preferences.addon_enable(module=said["package"])
    said["back"] = hasattr(bpy.types.Scene, "mmface")
    bpy.ops.preferences.addon_disable(module=said["package"])


def main():
    try:
        install()
        os.environ.pop("MMFACE_PYTHON", None)
        said["without_engine"] = refused(bpy.ops.mmface.capture_and_bake)
        os.environ["MMFACE_PYTHON"] = "/bin/false"
        bpy.ops.mmface.engine_check()
        said["broken_engine"] = run(20)
        os.environ["MMFACE_PYTHON"] = PLAN["engine"]
        bpy.ops.wm.open_mainfile(filepath=PLAN["rig"])
        every_poll()
        bpy.ops.mmface.engine_check()
        said["check"] = [run(), session().checked]
        for part in (bake_and_compare, options, by_shape, mapping, image, clip_cancel_and_kill, live, long_bake):
            begun = time.monotonic()
            part()
            said.setdefault("seconds", {})[part.__name__] = round(time.monotonic() - begun, 1)
        leave()
    except BaseException:
        said["error"] = traceback.format_exc()
    sys.stdout.write("RESULT " + json.dumps(said) + "\n")
    sys.stdout.flush()
    os._exit(0)


main()
