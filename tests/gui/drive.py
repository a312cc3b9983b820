"""Runs inside a real Blender with a window: clicks through the add-on as a person would, and writes what it saw.

    blender --factory-startup --enable-event-simulate ... -P drive.py -- PLAN.json

PLAN: {"zip", "out", "scene", "clip", "photo", "story"}. `story` is the name of a function of stories.py. The result is
OUT/result.json; screenshots lie in OUT.
"""

import importlib.util
import json
import os
import sys
import time
import traceback

import bpy

with open(sys.argv[sys.argv.index("--") + 1]) as plan_file:
    PLAN = json.load(plan_file)
LIMIT = 900  # seconds for the whole story


class Person:
    """Hands and eyes: clicks at places of the sidebar, looks at the panel's state, takes pictures."""

    def __init__(self):
        self.facts = {}
        self.started = time.monotonic()
        self.pictures = 0

    @property
    def window(self):
        return bpy.context.window_manager.windows[0]

    @property
    def area(self):
        return next(a for a in self.window.screen.areas if a.type == "VIEW_3D")

    def region(self, kind="UI"):
        return next(r for r in self.area.regions if r.type == kind)

    def override(self, kind="UI"):
        return bpy.context.temp_override(window=self.window, area=self.area, region=self.region(kind))

    def click(self, x, y, button="LEFTMOUSE"):
        """At a place of the window, from its lower left corner."""
        x, y = int(x), int(y)
        self.window.event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)
        yield 0.15
        self.window.event_simulate(type=button, value="PRESS", x=x, y=y)
        yield 0.05
        self.window.event_simulate(type=button, value="RELEASE", x=x, y=y)
        yield 0.3

    def click_in_sidebar(self, dx, dy):
        """dx from the sidebar's left edge, dy down from its top."""
        region = self.region()
        yield from self.click(region.x + dx, region.y + region.height - dy)

    def key(self, kind, **modifiers):
        region = self.region("WINDOW")
        x, y = region.x + region.width // 3, region.y + region.height // 3
        self.window.event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)
        yield 0.1
        self.window.event_simulate(type=kind, value="PRESS", x=x, y=y, **modifiers)
        yield 0.05
        self.window.event_simulate(type=kind, value="RELEASE", x=x, y=y, **modifiers)
        yield 0.4

    def redraw(self):
        for area in self.window.screen.areas:
            area.tag_redraw()

    def look(self, name):
        """Keep a screenshot."""
        self.pictures += 1
        path = os.path.join(PLAN["out"], f"{name}.png")
        with self.override("WINDOW"):
            self.redraw()
            bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=1)
            bpy.ops.screen.screenshot(filepath=path)

    def wait_until(self, condition, limit=120):
        until = time.monotonic() + limit
        while not condition():
            if time.monotonic() > until:
                raise TimeoutError("waited too long")
            yield 0.1


def install():
    module = os.path.splitext(os.path.basename(PLAN["module"]))[0]
    bpy.ops.preferences.addon_install(filepath=PLAN["zip"])
    bpy.ops.preferences.addon_enable(module=module)


def open_rig():
    """The rig of the plan (.glb) in an otherwise empty scene, with a light background."""
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    import numpy

    if not hasattr(numpy, "bool"):  # Debian's numpy is newer than its Blender's glTF importer
        numpy.bool = bool
    bpy.ops.import_scene.gltf(filepath=PLAN["rig"])
    bpy.context.preferences.view.show_splash = False
    bpy.context.preferences.view.ui_scale = PLAN.get("scale", 1.0)


def story(person):
    spec = importlib.util.spec_from_file_location("stories", os.path.join(os.path.dirname(__file__), "stories.py"))
    stories = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stories)
    yield 1.0
    install()
    open_rig()
    yield 0.5
    yield from getattr(stories, PLAN["story"])(person, PLAN)


def finish(person, error=None):
    person.facts["error"] = error
    with open(os.path.join(PLAN["out"], "result.json"), "w") as file:
        json.dump(person.facts, file, indent=1)
    bpy.ops.wm.quit_blender()


def main():
    person = Person()
    steps = story(person)

    def tick():
        try:
            if time.monotonic() - person.started > LIMIT:
                raise TimeoutError("the story took too long")
            return next(steps)
        except StopIteration:
            finish(person)
        except Exception:
            error = traceback.format_exc()
            try:
                person.look("failed")
            finally:
                finish(person, error)
        return None

    bpy.app.timers.register(tick, first_interval=0.5)


main()
