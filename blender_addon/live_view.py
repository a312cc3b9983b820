# SPDX-License-Identifier: GPL-3.0-or-later
"""When a live rig is drawn: as often as the machine can while Blender keeps half of its time for everything else."""

import time
from collections import deque

import bpy

RATE_OVER = 4.0  # seconds over which updates and drawings are counted
PAUSE = 1.0  # after a drawing, times what it took: so Blender draws for at most half of its time
LONGEST_PAUSE = 1.0  # seconds; a stall of another cause must not stop the drawing for longer
SOONEST = 1 / 60  # seconds between two drawings; screens show no more


class Rate:
    """How often a second something happened lately."""

    def __init__(self) -> None:
        self._stamps = deque()

    def count(self) -> None:
        now = time.monotonic()
        self._stamps.append(now)
        while len(self._stamps) > 2 and now - self._stamps[0] > RATE_OVER:
            self._stamps.popleft()

    @property
    def value(self) -> float:
        stamps = self._stamps
        return (len(stamps) - 1) / (stamps[-1] - stamps[0]) if len(stamps) > 1 and stamps[-1] > stamps[0] else 0.0


class LiveView:
    """Counts how often the viewports are drawn, and says when it is time to draw the rig again."""

    def __init__(self, quick: bool) -> None:
        """quick: without anti-aliasing and overlays until `close`, for a slow graphics card."""
        self.drawn = Rate()
        self._drew = False
        self._pause = 0.0
        self._left = self._shown = time.monotonic()
        self._anti_aliasing = None  # the person's, while it is off
        self._overlays = {}  # areas, by address: whether overlays were shown there
        self._handle = None
        if not bpy.app.background:
            self._handle = bpy.types.SpaceView3D.draw_handler_add(self._draw, (), "WINDOW", "POST_PIXEL")
            self._lighten(quick)

    def _draw(self) -> None:
        self._drew = True
        self.drawn.count()

    def may_show(self) -> bool:
        """Asked at every tick of the timer: whether the rig may be drawn after this one."""
        now = time.monotonic()
        outside = now - self._left  # Blender's own time since our last tick, drawing included
        if self._drew:  # a drawing that fits between two ticks keeps nobody waiting
            self._pause = min(LONGEST_PAUSE, PAUSE * outside) if outside > SOONEST else 0.0
        else:
            self._pause -= outside
        self._left, self._drew = now, False
        if self._pause > 0 or now - self._shown < SOONEST:
            return False
        self._shown = now
        return True

    def redraw(self) -> None:
        """Have the viewports drawn, and nothing else of the windows."""
        for area in _viewports():
            for region in area.regions:
                if region.type == "WINDOW":
                    region.tag_redraw()

    def _lighten(self, quick: bool) -> None:
        wanted = self._anti_aliasing = bpy.context.preferences.system.viewport_aa
        if wanted not in ("OFF", "FXAA"):
            # Several samples are drawn one after another while the picture stands still, which it never does here: they
            # would only take the time from the next one.
            wanted = "FXAA"
        _set_anti_aliasing("OFF" if quick else wanted)
        for area in _viewports() if quick else ():
            overlay = area.spaces.active.overlay
            self._overlays[area.as_pointer()] = overlay.show_overlays
            overlay.show_overlays = False

    def close(self) -> None:
        """The viewports as they were. May be called twice."""
        if self._handle is not None:
            bpy.types.SpaceView3D.draw_handler_remove(self._handle, "WINDOW")
            self._handle = None
        if self._anti_aliasing is not None:
            _set_anti_aliasing(self._anti_aliasing)
        for area in _viewports():  # one that was closed meanwhile is not among them
            if area.as_pointer() in self._overlays:
                area.spaces.active.overlay.show_overlays = self._overlays[area.as_pointer()]
        self._anti_aliasing, self._overlays = None, {}


def _set_anti_aliasing(value: str) -> None:
    """Blender saves changed preferences when it quits; this change is not the person's, so it does not count as one."""
    preferences = bpy.context.preferences
    unsaved = preferences.is_dirty
    preferences.system.viewport_aa = value
    preferences.is_dirty = unsaved


def _viewports() -> list:
    manager = bpy.context.window_manager
    areas = [area for window in (manager.windows if manager else ()) for area in window.screen.areas]
    return [area for area in areas if area.type == "VIEW_3D"]
