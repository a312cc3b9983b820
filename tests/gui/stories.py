"""What a person does with the add-on, step by step. Each is a generator that yields seconds to wait."""

import os
import signal
import subprocess
import sys
import time

import bpy

# Places in the sidebar with the tab MMFace in front: px from its left edge, and down from its top.
TAB = (-16, 165)  # from the right edge
BIG_BUTTON = (95, 151)
CANCEL = (95, 384)
ENGINE_STARTS = 400  # seconds; a busy machine is slow to load a network
HEADERS = {
    name: 192 + 26 * number
    for number, name in enumerate(("Live", "Motion", "Cleaning", "Mapping", "Output", "Import and Export", "Engine"))
}


def session():
    return sys.modules["mmface.session"].session


def settings():
    return bpy.context.window_manager.windows[0].scene.mmface


def open_tab(person, plan):
    """Show the sidebar and bring our tab to the front."""
    area = person.area
    space = area.spaces.active
    space.show_region_ui = True
    space.shading.type = "SOLID"
    space.shading.color_type = "TEXTURE"
    space.overlay.show_overlays = False
    yield 0.6
    with person.override("WINDOW"):
        for obj in bpy.data.objects:
            obj.select_set(obj.type == "MESH")
        bpy.ops.view3d.view_axis(type="FRONT")
        bpy.ops.view3d.view_selected()
        for obj in bpy.data.objects:
            obj.select_set(False)
    yield 0.4
    drawn = count_draws()
    for _ in range(8):  # a busy machine may still be sliding the sidebar in
        region = person.region()
        yield from person.click(region.x + region.width + TAB[0], region.y + region.height - TAB[1])
        yield 0.7
        if drawn:
            return
    raise TimeoutError("the tab did not come to the front")


def count_draws():
    """A list that grows whenever our panel is drawn: there is no other way to ask which tab is in front in 3.4."""
    panel = sys.modules["mmface.panels"].MMFACE_PT_main
    draw, drawn = panel.draw, []

    def counted(self, context):
        drawn.append(1)
        draw(self, context)

    panel.draw = counted
    return drawn


def choose(person, plan):
    settings().source = "VIDEO"
    settings().video = plan["clip"]
    person.redraw()
    yield 0.4


def start(person):
    for _ in range(3):
        yield from person.click_in_sidebar(*BIG_BUTTON)
        yield 0.5
        if session().busy:
            return
    raise TimeoutError("the button did nothing")


def wait_for_frames(person, count=8, limit=90):
    yield from person.wait_until(lambda: session().task is not None and session().task.done >= count, limit)
    yield 0.7


def wait_until_idle(person, limit=180):
    yield from person.wait_until(lambda: not session().busy, limit)
    yield 0.4


def baked():
    """Curves on the shape keys, by object: how many, and of how many keys each."""
    found = {}
    for obj in bpy.data.objects:
        keys = obj.data.shape_keys if obj.type == "MESH" else None
        animation = keys.animation_data if keys else None
        if animation and animation.action:
            curves = animation.action.fcurves
            found[obj.name] = [len(curves), len(curves[0].keyframe_points)]
    return found


def memory_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def children():
    """Processes that this Blender started and that are still there, dead or alive."""
    pids = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True).stdout
    return [line.strip() for line in pids.splitlines() if " ps " not in line and not line.strip().endswith("ps")]


def bake(person, plan):
    """Open the tab, choose a clip, press the button; look, undo, redo, save."""
    yield from open_tab(person, plan)
    person.look("1_tab")
    yield from choose(person, plan)
    person.look("2_chosen")
    yield from start(person)
    yield from wait_for_frames(person, 30)
    person.look("3_capturing")
    yield from wait_until_idle(person)
    scene = person.window.scene
    scene.frame_set(60)
    person.look("4_baked")
    facts = person.facts
    facts["problem"], facts["notice"] = repr(session().problem), session().notice
    facts["baked"], facts["rate"] = baked(), scene.render.fps / scene.render.fps_base
    facts["range"] = [scene.frame_start, scene.frame_end]
    yield from person.key("Z", ctrl=True)
    facts["after_undo"] = baked()
    yield from person.key("Z", ctrl=True, shift=True)
    facts["after_redo"] = baked()
    facts["health"] = settings().health
    for name in ("Motion", "Cleaning", "Mapping", "Output", "Live", "Engine"):
        yield from person.click_in_sidebar(60, HEADERS[name] + 48)
        yield 0.3
        person.look(f"5_{name.lower()}")
        yield from person.click_in_sidebar(60, HEADERS[name] + 48)
        yield 0.2
    path = os.path.join(plan["out"], "baked.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path, copy=True)


def trouble(person, plan):
    """Cancel half-way, kill the worker, see the sentence, go on."""
    yield from open_tab(person, plan)
    yield from choose(person, plan)
    facts = person.facts
    yield from start(person)
    yield from wait_for_frames(person)
    yield from person.click_in_sidebar(*CANCEL)
    yield from wait_until_idle(person, 15)
    facts["cancelled"], facts["after_cancel"] = session().notice, baked()
    person.look("6_cancelled")
    yield from start(person)
    yield from wait_for_frames(person)
    os.kill(session().engine.pid, signal.SIGKILL)
    yield from wait_until_idle(person, 15)
    facts["killed"], facts["after_kill"] = session().problem and session().problem.sentence, baked()
    person.look("7_killed")
    with person.override():
        bpy.ops.mmface.copy_details()
        facts["details"] = bpy.context.window_manager.clipboard
        bpy.ops.mmface.dismiss()
    person.redraw()
    yield 0.4
    yield from start(person)
    yield from wait_until_idle(person)
    facts["baked"] = baked()


def live_figures(person, seconds=6.0):
    """What a second of live brings, counted over some seconds: updates of the rig, drawings of the viewport, pictures
    that the engine saw; and the delay of the last one in ms.
    """
    driver = session().live
    counts = {"updates": 0, "drawn": 0}
    write, draw = sys.modules["mmface.live"].write, driver.view.drawn.count

    def written(*arguments):
        counts["updates"] += 1
        write(*arguments)

    def drew():
        counts["drawn"] += 1
        draw()

    sys.modules["mmface.live"].write, driver.view.drawn.count = written, drew
    begun = time.monotonic()
    yield seconds
    spent = time.monotonic() - begun
    sys.modules["mmface.live"].write, driver.view.drawn.count = write, draw
    rates = {name: round(count / spent, 1) for name, count in counts.items()}
    return {**rates, "pictures": round(driver.rate, 1), "delay": round(driver.latency)}


def live(person, plan):
    """Drive the rig from a video file; measure; record; stop."""
    yield from open_tab(person, plan)
    yield from choose(person, plan)
    settings().live_loop = True
    facts = person.facts
    with person.override():
        bpy.ops.mmface.live_start()
    yield from person.wait_until(lambda: session().live is not None and session().live.updates > 0, ENGINE_STARTS)
    yield 2.0
    facts["figures"] = {}
    facts["figures"]["as it is"] = yield from live_figures(person)
    person.look("8_live")
    yield 1.0
    with person.override():
        bpy.ops.mmface.live_record()
    yield 3.0
    person.look("9_recording")
    with person.override():
        bpy.ops.mmface.live_record()
    yield from wait_until_idle(person, 30)
    facts["recorded"], facts["notice"], facts["problem"] = baked(), session().notice, repr(session().problem)
    with person.override():
        bpy.ops.mmface.live_start()
    yield from person.wait_until(lambda: session().live is not None and session().live.updates > 0, ENGINE_STARTS)
    with person.override():
        bpy.ops.mmface.live_stop()
    yield from wait_until_idle(person, 30)
    facts["after_stop"] = baked()
    system, overlay = bpy.context.preferences.system, person.area.spaces.active.overlay
    overlay.show_overlays = True
    before = system.viewport_aa, overlay.show_overlays
    settings().live_quick = True
    with person.override():
        bpy.ops.mmface.live_start()
    yield from person.wait_until(lambda: session().live is not None and session().live.updates > 0, ENGINE_STARTS)
    facts["quick"] = system.viewport_aa, overlay.show_overlays
    yield 2.0
    facts["figures"]["quick view"] = yield from live_figures(person)
    person.look("10_quick")
    with person.override():
        bpy.ops.mmface.live_stop()
    yield from wait_until_idle(person, 30)
    facts["viewport_kept"] = before == (system.viewport_aa, overlay.show_overlays)


def endurance(person, plan):
    """Bakes, cancels and killed workers in turn, in one Blender."""
    yield from open_tab(person, plan)
    yield from choose(person, plan)
    settings().source, settings().take = "TAKE", plan["take"]
    person.redraw()
    facts = person.facts
    facts["memory"], facts["interrupted"] = [], 0
    for turn in range(plan.get("turns", 20)):
        settings().source = "TAKE"
        with person.override():
            bpy.ops.mmface.capture_and_bake()
        yield from wait_until_idle(person, 60)
        assert session().problem is None, session().problem
        settings().source = "VIDEO"
        with person.override():
            bpy.ops.mmface.capture_and_bake()
        # A quick machine may be done before the person is; what was captured once is then not captured again.
        yield from person.wait_until(lambda: session().task is None or session().task.done >= 1, 60)
        facts["interrupted"] += session().task is not None
        if turn % 2 and session().task is not None:
            with person.override():
                bpy.ops.mmface.cancel()
        elif session().engine is not None:
            os.kill(session().engine.pid, signal.SIGKILL)
        yield from wait_until_idle(person, 20)
        facts["memory"].append(memory_mb())
    facts["actions"] = len(bpy.data.actions)
    facts["children"] = children()
    session().stop_engine()
    yield 0.5
    facts["children_after_stop"] = children()
