"""Kills the add-on's engine at seeded random moments of a capture, and bakes in between.

    python kill_engine.py FOLDER_WITH_ADDON RIG.blend ENGINE_PYTHON CLIP KILLS SEED

Whatever stands still for a minute ends the process with the stacks of all threads. Says RESULT and one JSON.
"""

import faulthandler
import json
import os
import random
import signal
import sys
import time
import traceback

import bpy

sys.path.insert(0, sys.argv[1])
rig, engine, clip = sys.argv[2:5]
kills, seed = int(sys.argv[5]), int(sys.argv[6])
STANDSTILL = 60  # seconds
os.environ["MMFACE_PYTHON"] = engine

import blender_addon  # noqa: E402

bpy.ops.wm.open_mainfile(filepath=rig, use_scripts=False)
blender_addon.register()
from blender_addon.session import session  # noqa: E402

choice = random.Random(seed)
said = {"killed": 0, "ended": 0, "stage": {}, "problems": {}, "slowest": 0.0, "baked": 0}
settings = bpy.context.scene.mmface
settings.source, settings.video = "VIDEO", clip


def step():
    begun = time.monotonic()
    going_on = session.step()
    said["slowest"] = max(said["slowest"], time.monotonic() - begun)
    time.sleep(0.002)
    return going_on


def count(entry, name):
    said[entry][name] = said[entry].get(name, 0) + 1


def capture():
    session.last_take = None
    bpy.ops.mmface.capture_and_bake()


def kill_once(longest):
    """One capture whose engine is killed somewhere in it; returns whether it was under way then."""
    faulthandler.dump_traceback_later(STANDSTILL, exit=True)
    capture()
    until = time.monotonic() + choice.uniform(0, longest)
    while time.monotonic() < until and step():
        pass
    under_way = session.task is not None
    count("stage", session.task.stage or "asked" if under_way else "over")
    engine = session.engine
    if engine is not None:
        if choice.random() < 0.2:
            bpy.ops.mmface.cancel() if under_way else None
        os.kill(engine.pid, signal.SIGKILL)
    while step():
        pass
    while engine is not None and engine.ended() is None:  # the next capture is of an engine that is gone, not going
        time.sleep(0.002)
    count("problems", session.problem.sentence if session.problem else session.notice[:7])
    assert session.task is None and session.live is None
    return under_way


def bake():
    """A whole capture, which must work after any kill."""
    faulthandler.dump_traceback_later(STANDSTILL, exit=True)
    begun = time.monotonic()
    capture()
    while step():
        pass
    assert session.problem is None, session.problem
    said["baked"] += 1
    return time.monotonic() - begun


def main():
    longest = 1.1 * bake()
    while said["killed"] + said["ended"] < kills:
        said["killed" if kill_once(longest) else "ended"] += 1
        if (said["killed"] + said["ended"]) % 20 == 0:
            bake()
    pid = session.engine.pid if session.engine else None
    blender_addon.unregister()
    said["orphan"] = pid is not None and os.path.exists(f"/proc/{pid}")
    said["actions"] = len(bpy.data.actions)
    said["folders"] = [n for n in os.listdir(os.environ["TMPDIR"]) if n.startswith(("mmface-addon-", "mmface-worker-"))]
    sys.stdout.write("RESULT " + json.dumps(said) + "\n")


try:
    main()
except BaseException:
    traceback.print_exc()
finally:  # a bpy that has read a .blend may stand still in its own destructors when Python ends
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
