# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that a child Blender runs: reads a job, does its steps, writes the answer.

    python job.py JOB.json                      (a Python that can import bpy)
    blender --background ... --python job.py -- JOB.json

A job is {"schema": "mmface-job/1", "answer": PATH, "steps": [{"do": NAME, ...}, ...]} with the steps of STEPS below,
each a function of this module whose arguments are the step's other entries. The answer is {"schema":
"mmface-job-answer/1", "results": [one per step]}, or with "error": {"kind", "sentence", "traceback"} if a step failed.
Lines that start with "MMFACE " on standard output tell the progress. With "end_with_parent": true the program ends
when its standard input does.
"""

import importlib
import importlib.util
import json
import os
import sys
import threading
import traceback

JOB_SCHEMA = "mmface-job/1"
ANSWER_SCHEMA = "mmface-job-answer/1"
PACKAGE = "mmface_blender"


def import_own_package() -> None:
    """Make this add-on importable under PACKAGE without touching sys.path.

    Were the folder above on the path, a Blender with another Python would find our packages instead of its own.
    """
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    spec = importlib.util.spec_from_file_location(
        PACKAGE, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)


def _scene(name: str):
    return importlib.import_module(f"{PACKAGE}.scene.{name}")


def step_open(path: str) -> dict:
    return {"warnings": _scene("files").open_rig(path)}


def step_describe(source: str, arrays: str) -> dict:
    return _scene("read_rig").describe(source, arrays)


def step_bake(motion: str) -> dict:
    bake = _scene("bake")
    return bake.bake(bake.load_motion(motion))


def step_save(path: str) -> dict:
    _scene("files").save_blend(path)
    return {}


def step_export(path: str) -> dict:
    return _scene("export").export(path)


def step_render(folder: str, frames: list, size: list, view: dict, fine: bool = False) -> dict:
    _scene("render").render_frames(folder, frames, size, view, fine, progress=_tell("render"))
    return {}


def step_stills(folder: str, frames: list, **how) -> dict:
    _scene("render").render_stills(folder, frames, **how, progress=_tell("render"))
    return {}


def step_surface(arrays: str) -> dict:
    return _scene("surface").read_surfaces(arrays)


def step_portraits(folder: str, views: list, size: int, hide: list = ()) -> dict:
    _scene("portraits").render_portraits(folder, views, size, hide, progress=_tell("portraits"))
    return {}


def step_encode(folder: str, path: str, fps: int, fps_base: int, **how) -> dict:
    return {"sound": _scene("encode").encode(folder, path, fps, fps_base, **how, progress=_tell("encode"))}


def step_make_keys(path: str, replace: bool = False) -> dict:
    return _scene("make_keys").make_keys(path, replace)


STEPS = {
    "open": step_open,
    "describe": step_describe,
    "bake": step_bake,
    "save": step_save,
    "export": step_export,
    "render": step_render,
    "stills": step_stills,
    "surface": step_surface,
    "portraits": step_portraits,
    "make_keys": step_make_keys,
    "encode": step_encode,
}


def run(job: dict) -> dict:
    """Do the steps in turn; return the answer, with an "error" where one failed."""
    SceneError = importlib.import_module(f"{PACKAGE}.errors").SceneError
    answer = {"schema": ANSWER_SCHEMA, "results": []}
    try:
        if job["schema"] != JOB_SCHEMA:
            raise SceneError("job", f"This job has the version {job['schema']}; the add-on does {JOB_SCHEMA}.")
        for step in job["steps"]:
            arguments = {name: value for name, value in step.items() if name != "do"}
            answer["results"].append(STEPS[step["do"]](**arguments))
            _say(f"done {step['do']}")
    except SceneError as error:
        answer["error"] = {"kind": error.kind, "sentence": str(error), "traceback": traceback.format_exc()}
    except Exception as error:
        answer["error"] = {"kind": "fault", "sentence": repr(error), "traceback": traceback.format_exc()}
    return answer


def _say(words: str) -> None:
    """Standard output is the line to the program that started this one."""
    sys.stdout.write(f"MMFACE {words}\n")
    sys.stdout.flush()


def _tell(step: str):
    def progress(done: int, total: int) -> None:
        _say(f"progress {step} {done} {total}")

    return progress


def end_with_parent() -> None:
    """End this process when the one that started it is gone: the pipe on standard input then closes."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os._exit(3)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    with open(arguments[0], encoding="utf-8") as file:
        job = json.load(file)
    if job.get("end_with_parent"):
        end_with_parent()
    import_own_package()
    answer = run(job)
    unfinished = job["answer"] + ".unfinished"
    with open(unfinished, "w", encoding="utf-8") as file:
        json.dump(answer, file)
    os.replace(unfinished, job["answer"])
    sys.stdout.flush()
    sys.stderr.flush()
    # Without this bpy 4.5 hangs at exit once a driver with a Python expression was evaluated.
    os._exit(0)


if __name__ == "__main__":
    main()
