"""Works with the add-on's session while the engine is a stub, whose every word the scenarios choose.

    python use_session.py FOLDER_WITH_ADDON RIG.blend FOLDER

Each scenario begins with the rig as its file has it. Says RESULT and one JSON: what each scenario found, or the last
line of its traceback. The files that are made lie in FOLDER.
"""

import json
import os
import shutil
import sys
from array import array

import bpy
from scenarios import play

sys.path.insert(0, sys.argv[1])
RIG, FOLDER = sys.argv[2:4]
os.environ["MMFACE_PYTHON"] = sys.executable  # found, never started

import blender_addon  # noqa: E402

blender_addon.register()
from blender_addon import session as session_module  # noqa: E402
from blender_addon.session import session  # noqa: E402

OWN = ("Walk",)  # the rig's own actions
MAPPING = {
    "schema": "mmface-mapping/1",
    "channels": [
        {"channel": "jawOpen", "targets": [{"object": "Head", "key": "jaw_open"}]},
        {"channel": "mouthPucker", "targets": [{"object": "Head", "key": "mouth_pucker"}]},
    ],
}


class StubEngine:
    """Stands in for `EngineProcess`: remembers what it is asked, and hands on what `say` gives it."""

    log, pid = "", 0

    def __init__(self, command):
        self.sent, self.arriving, self.gone = [], [], False

    def ended(self):
        return None

    def silent_for(self):
        return 0.0

    def send(self, do, **entries):
        self.sent.append((do, entries))
        return len(self.sent)

    def drain(self):
        messages, self.arriving = self.arriving, []
        return messages

    def close(self):
        self.gone = True

    kill = close


session_module.EngineProcess = StubEngine


def say(event, **entries):
    """The engine says something of the request that runs."""
    session.engine.arriving.append({"id": session.task.number, "event": event, **entries})
    session.step()


def asked():
    """What the engine was asked for, in order."""
    return [do for do, _ in session.engine.sent]


def settings():
    return bpy.context.scene.mmface


def key(name="jaw_open"):
    return bpy.data.objects["Head"].data.shape_keys.key_blocks[name]


def map_the_rig():
    say("done", result={"mapping": MAPPING, "health": "2 of 52 channels", "notes": []})


def channels(*keys):
    say("channels", keys=[{"object": "Head", "key": name} for name in keys], turns=[])


def frame(time, *values):
    facts = {"latency": 1.0, "rate": 30.0, "seen": True, "quaternions": [], "locations": []}
    say("frame", time=time, values=list(values), **facts)


def go_live(**how):
    """Live, with two keys that have moved."""
    settings().source = "WEBCAM"
    bpy.ops.mmface.live_start()
    map_the_rig()
    channels("jaw_open", "mouth_pucker")
    frame(0.0, 0.7, 0.2)


def record(*times):
    bpy.ops.mmface.live_record()
    for time in times:
        frame(time, 0.7, 0.2)


def own_action():
    """An action of the artist's own on the head's keys."""
    key("jaw_open").keyframe_insert("value", frame=1)
    return key().id_data.animation_data


def problem():
    return session.problem.sentence if session.problem else None


def state(animation):
    """What must be as before once live is over: the rig plays, and nothing is under way."""
    return [animation.action is not None, animation.use_nla, session.live is None, session.recording is None]


def a_mute_while_recording():
    animation = own_action()
    go_live()
    record(1.0, 1.1)
    sent = len(asked())
    settings().mapping[0].mute = True
    told = asked()[sent:]
    frame(1.2, 0.7, 0.2)
    bpy.ops.mmface.live_record()
    say("cancelled")
    return {"told": told, "problem": problem(), "notice": session.notice, "state": state(animation)}


def channels_that_come_after_recording_began():
    """Asked for before: a mute, then at once Record."""
    animation = own_action()
    go_live()
    settings().mapping[0].mute = True
    record(1.0, 1.1)
    channels("mouth_pucker")
    for time in (1.2, 1.3, 1.4):
        frame(time, 0.4)
    bpy.ops.mmface.live_record()
    say("cancelled")
    compat = sys.modules["blender_addon.compat"]
    curves = compat.curves_of(animation.action, animation.id_data)
    return {
        "problem": problem(),
        "notice": session.notice,
        "state": state(animation),
        "rested": key().value,
        "keyed": {c.data_path.split('"')[1]: len(c.keyframe_points) for c in curves},
    }


def a_recording_that_cannot_be_keyed():
    animation = own_action()
    go_live()
    record(1.0, 1.1)
    session.live.recorded[1] = (0.1, [0.5])  # whatever goes wrong
    bpy.ops.mmface.live_record()
    say("cancelled")
    return {"problem": problem(), "state": state(animation), "rested": key("mouth_pucker").value}


def begin_bake(take):
    """A bake of a take that waits for its curves."""
    settings().source, settings().take = "TAKE", take
    bpy.ops.mmface.capture_and_bake()
    map_the_rig()
    say("done", result={"fps": 25.0})


def curves():
    """The answer with a motion of one key, which lies in FOLDER."""
    path = os.path.join(FOLDER, "motion.json")
    motion = {"schema": "mmface-motion/1", "name": "talk", "start": 1, "frame_count": 2, "fps": 25, "fps_base": 1.0}
    motion |= {"keys": [{"object": "Head", "key": "jaw_open", "offset": 0}], "rotations": [], "curves_file": "m.f32"}
    with open(path, "w") as file:
        json.dump(motion, file)
    with open(os.path.join(FOLDER, "m.f32"), "wb") as file:
        array("f", [0.0, 1.0]).tofile(file)
    # `bake_now` reads what the engine was asked to write.
    shutil.copy(path, session.engine.sent[-1][1]["path"])
    shutil.copy(os.path.join(FOLDER, "m.f32"), session.folder())
    return {"motion": path, "source": "talk.mp4", "frame_count": 2, "fps": 25.0}


def an_answer_after_cancel():
    begin_bake(RIG)
    answer = curves()
    bpy.ops.mmface.cancel()
    say("done", result=answer)
    return {"actions": actions(), "problem": problem(), "notice": session.notice, "busy": session.busy}


def an_error_after_cancel():
    begin_bake(RIG)
    bpy.ops.mmface.cancel()
    say("error", error={"sentence": "The disk is full."})
    return {"actions": actions(), "problem": problem(), "notice": session.notice, "busy": session.busy}


def an_answer_in_another_file():
    begin_bake(RIG)
    answer = curves()
    bpy.ops.wm.open_mainfile(filepath=RIG, use_scripts=False)
    say("done", result=answer)
    return {"actions": actions(), "problem": problem(), "busy": session.busy}


def an_answer_in_time():
    begin_bake(RIG)
    say("done", result=curves())
    return {"actions": actions(), "problem": problem(), "notice": session.notice, "busy": session.busy}


def a_file_opened_while_live():
    """The same rig, whose keys and head stand elsewhere there; the engine has not heard of it yet."""
    path = os.path.join(FOLDER, "other.blend")
    other = {"jaw_open": 0.25, "mouth_pucker": 0.5}
    for name, value in other.items():
        key(name).value = value
    own_action().use_nla = False
    bpy.ops.wm.save_as_mainfile(filepath=path, copy=True)
    bpy.ops.wm.open_mainfile(filepath=RIG, use_scripts=False)
    own_action()
    go_live()
    record(1.0, 1.1)
    bpy.ops.wm.open_mainfile(filepath=path, use_scripts=False)
    frame(1.2, 0.7, 0.2)
    channels("jaw_open", "mouth_pucker")
    say("cancelled")
    animation = key().id_data.animation_data
    return {
        "values": [round(key(name).value, 3) for name in other],
        "plays": [animation.action is not None, animation.use_nla],
        "problem": problem(),
        "busy": session.busy,
    }


def neutral_on(number):
    """What is stored, or why nothing is, when this frame is said to be neutral."""
    bpy.context.scene.frame_set(number)
    try:
        bpy.ops.mmface.neutral_here()
    except RuntimeError as error:
        return str(error)
    return settings().neutral


def a_neutral_frame_at_the_scenes_rate():
    """Of a clip of 60 pictures a second in a scene of 24 frames a second, before and after it is captured."""
    clip = os.path.join(FOLDER, "sixty.mp4")
    open(clip, "wb").close()
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = 24, 1.0
    settings().source, settings().video, settings().rate = "VIDEO", clip, "SCENE"
    found = [neutral_on(25)]
    bpy.ops.mmface.capture_and_bake()
    map_the_rig()
    say("done", result={"take": os.path.join(FOLDER, "sixty.npz"), "fps": 60.0})
    say("done", result=curves())
    found += [neutral_on(25), neutral_on(0)]
    settings().rate = "CLIP"
    return [*found, neutral_on(25), problem()]


def paths_beside_the_file():
    """What the engine is asked to read and write for relative paths, in a file that lies in FOLDER."""
    bpy.ops.wm.save_as_mainfile(filepath=os.path.join(FOLDER, "saved.blend"))
    os.chdir(FOLDER)
    open(os.path.join(FOLDER, "rel.npz"), "wb").close()
    said = []
    for path in ("//rel.json", "rel.json"):
        bpy.ops.mmface.mapping_load(filepath=path)
        said.append(session.engine.sent[-1][1]["path"])
        say("done", result={"mapping": MAPPING})
        bpy.ops.mmface.mapping_save(filepath=path)
        said.append(session.engine.sent[-1][1]["path"])
        say("done", result={"path": path})
        settings().source, settings().take = "TAKE", path.replace("json", "npz")
        bpy.ops.mmface.save_motion(filepath=path)
        said.append(session.engine.sent[-1][1]["take"])
        say("done", result={"fps": 25.0})
        said.append(session.engine.sent[-1][1]["path"])
        say("done", result={"frame_count": 1})
    return {"folders": sorted({os.path.dirname(path) for path in said}), "problem": problem(), "count": len(said)}


def live_without_its_video():
    """The clip goes while the rig is being read."""
    clip = os.path.join(FOLDER, "clip.mp4")
    open(clip, "wb").close()
    drivers = []
    tasks = sys.modules["blender_addon.tasks"]
    make = tasks.LiveDriver
    tasks.LiveDriver = lambda *arguments: drivers.append(arguments) or make(*arguments)
    settings().source, settings().video = "VIDEO", clip
    bpy.ops.mmface.live_start()
    os.remove(clip)
    map_the_rig()
    tasks.LiveDriver = make
    return {"problem": problem(), "drivers": len(drivers)}


def a_new_file_during_set_up():
    class Setup:
        cancelled, error, log = False, None, ()

        def step(self):
            return True

        def cancel(self):
            self.cancelled = True

    setup = Setup()
    session.begin_setup(setup)
    bpy.ops.wm.read_homefile(use_empty=True)
    found = {"cancelled": setup.cancelled, "going_on": session.step()}
    session.cancel()
    return {**found, "cancel": setup.cancelled, "busy": session.busy}


def an_object_deleted_while_live():
    go_live()
    bpy.data.objects.remove(bpy.data.objects["Head"])
    session.step()
    return {
        "problem": problem(),
        "asked": asked()[-1],
        "engine_gone": session.engine is None or session.engine.gone,
        "busy": session.busy,
        "live": session.live is not None,
    }


def mapping_anew():
    """Of a mapping that was edited: the request is cancelled, fails, and is done."""
    settings().source = "TAKE"
    mapping_list = sys.modules["blender_addon.mapping_list"]
    mapping_list.fill(settings(), MAPPING, "Head", by_hand=True)
    found = []
    for event in ("cancelled", "error", "done"):
        bpy.ops.mmface.map_rig()
        say(event, result={"mapping": MAPPING, "health": "", "notes": []}, error={"sentence": "No."})
        found.append(settings().mapping_by_hand)
    return found


def a_task_that_cannot_be_ended():
    """Its clean-up fails."""

    def steps():
        try:
            yield session_module.Request("check", {})
        finally:
            raise ValueError("not tidy")

    session.begin(session_module.Task("Untidy", steps()))
    engine = session.engine
    session.close()
    return {"problem": problem(), "busy": session.busy, "engine_gone": engine.gone}


def disabled_while_recording():
    animation = own_action()
    go_live()
    record(1.0, 1.1)
    engine = session.engine
    blender_addon.unregister()
    return {
        "left": hasattr(bpy.types.Scene, "mmface"),
        "timer": bpy.app.timers.is_registered(session_module._tick),
        "engine_gone": engine.gone,
        "state": state(animation),
        "rested": key("mouth_pucker").value,
        "problem": problem(),
    }


def actions():
    return sorted(action.name for action in bpy.data.actions if action.name not in OWN)


def forget():
    """What the scenario before left in the session."""
    session.close()
    session.problem, session.notice, session.recording = None, "", None


SCENARIOS = (
    a_mute_while_recording,
    channels_that_come_after_recording_began,
    a_recording_that_cannot_be_keyed,
    an_answer_in_time,
    an_answer_after_cancel,
    an_error_after_cancel,
    an_answer_in_another_file,
    a_file_opened_while_live,
    a_neutral_frame_at_the_scenes_rate,
    paths_beside_the_file,
    live_without_its_video,
    a_new_file_during_set_up,
    an_object_deleted_while_live,
    mapping_anew,
    a_task_that_cannot_be_ended,
    disabled_while_recording,  # the last one
)
play(SCENARIOS, RIG, forget)
