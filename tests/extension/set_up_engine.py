"""Installs the extension's zip, cancels a set-up of the engine, sets it up, checks it, removes it. Says RESULT."""

import json
import os
import sys
import time
import traceback

import bpy

with open(sys.argv[1], encoding="utf-8") as file:
    PLAN = json.load(file)
said = {}


def main():
    bpy.ops.extensions.package_install_files(filepath=PLAN["zip"], repo="user_default", enable_on_install=True)
    package = next(name for name in sys.modules if name.endswith(".mmface") and name.startswith("bl_ext"))
    module = sys.modules[package + ".session"]
    session = module.session
    bpy.context.preferences.system.use_online_access = True
    bpy.context.preferences.addons[package].preferences.package_index = ""  # the test's own index is enough
    bpy.ops.mmface.engine_setup()
    until = time.monotonic() + 6
    while session.step() and time.monotonic() < until:
        time.sleep(0.05)
    bpy.ops.mmface.cancel()
    said["cancelled"] = session.problem and session.problem.sentence
    begun = time.monotonic()
    bpy.ops.mmface.engine_setup()
    while session.step():
        time.sleep(0.1)
    said["seconds"] = time.monotonic() - begun
    said["problem"], said["notice"] = session.problem and session.problem.sentence, session.notice
    if session.problem is None:
        said["python"] = session.found().python
        bpy.ops.mmface.engine_check()
        while session.step():
            time.sleep(0.05)
        said["checked"] = session.checked or session.problem.sentence
        bpy.ops.mmface.engine_remove()
        said["removed"] = not os.path.exists(module.private_folder())


try:
    main()
except BaseException:
    said["error"] = traceback.format_exc()
sys.stdout.write("RESULT " + json.dumps(said) + "\n")
sys.stdout.flush()
os._exit(0)
