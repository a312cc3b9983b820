# SPDX-License-Identifier: GPL-3.0-or-later
"""Drives the rig from what the engine sees right now, and records it.

The engine says at its own pace where the channels are; at every tick of the timer the rig moves on towards that, so
that the viewport is smooth even where the engine is slower than the screen.
"""

import time
from array import array
from bisect import bisect_right

import bpy
from mathutils import Euler, Quaternion

from . import compat
from .errors import SceneError
from .live_channels import Channel, between, copied, present, show, write
from .live_view import LiveView, Rate
from .scene import bake as baking
from .scene import rest
from .scene.parts import pose_bone

CATCH_UP = 0.06  # seconds in which two thirds of the way to the engine's last word are gone


class LiveDriver:
    """One live session on one scene."""

    def __init__(self, scene, quick: bool = False) -> None:
        """quick: see `LiveView`."""
        self.scene = scene.name
        self.view = LiveView(quick)
        self.latency, self.rate, self.seen = 0.0, 0.0, False
        self.showed = False  # whether the last update is being drawn
        self.moving = False  # whether there are updates
        self.recorded = []  # rows of (the source's seconds since the first, [values of all channels])
        self._recorded_from = None
        self.recording_since = None
        self.first_frame = 1
        self._channels = []
        self._target = self._shown = None
        self._rested = {}  # place -> (channel, value)
        self._detached = {}  # (kind, object) -> (action, slot names)
        self._updates = Rate()
        self._last = time.monotonic()
        self._pivots = []

    @property
    def updates(self) -> float:
        """Updates of the rig a second, drawn or not; `view.drawn` has those that were drawn."""
        return self._updates.value

    def hear(self, message: dict) -> None:
        """An event of the engine's live request."""
        if message["event"] == "channels":
            self._meet(message)
        elif message["event"] == "frame":
            self.latency, self.rate, self.seen = message["latency"], message["rate"], message["seen"]
            target = [*message["values"]]
            for quaternion, location in zip(message["quaternions"], message["locations"], strict=True):
                target.append(Quaternion(quaternion))
                target.append(location)
            self._target = target
            if self.recording_since is not None:
                # What is kept is what the engine saw, however seldom a slow viewport can show it.
                if self._recorded_from is None:
                    self._recorded_from = message["time"]
                self.recorded.append((message["time"] - self._recorded_from, [copied(value) for value in target]))

    def _meet(self, message: dict) -> None:
        """The channels, in the order in which values come."""
        # A change that was asked for before the recording began: rows of two sets of channels make no curves.
        self.recorded = []
        self._channels = []
        for key in message["keys"]:
            self._channels.append(Channel("key", key["object"], key["key"]))
        for turn in message["turns"]:
            name = turn["object"]
            if turn["pivot"]:
                name = self._pivot(turn)
            bone = turn["bone"] or ""
            obj = present(name)
            target = pose_bone(obj, bone) if bone else obj
            if target is None:
                raise SceneError("rig", f"{name} has no bone {bone} any more, so live stopped.")
            self._channels.append(Channel("turn", name, bone, target.rotation_mode))
            self._channels.append(Channel("place", name, bone))
        self._target = self._shown = None
        for channel in self._channels:
            datablock = channel.datablock()
            where = rest.place(datablock, channel.path)
            if where not in self._rested:
                self._detach(channel, datablock)
                self._rested[where] = (channel, rest.rest_of(datablock, channel.path))

    def _pivot(self, turn: dict) -> str:
        if self._pivots:
            return self._pivots[0][0]
        channel = {"object": turn["object"], "pivot": turn["pivot"]}
        children = [present(n) for n in turn["pivot"]["children"]]
        children = [(child.name, child.parent, child.matrix_parent_inverse.copy()) for child in children]
        baking.make_pivot(channel, bpy.data.scenes[self.scene])
        self._pivots.append((channel["object"], children))
        return channel["object"]

    def _detach(self, channel: Channel, datablock) -> None:
        """Curves would fight with live values: meanwhile the data-block plays nothing."""
        where = (channel.kind == "key", channel.name)
        if where in self._detached:
            return
        action, slot = compat.active_action(datablock)
        self._detached[where] = (
            action.name if action else None,
            slot.identifier if slot is not None else None,
            datablock.animation_data.use_nla if datablock.animation_data else None,
        )
        if datablock.animation_data:
            datablock.animation_data.action = None
            datablock.animation_data.use_nla = False

    def apply(self) -> None:
        """One update of the rig; it is drawn when there is time for that."""
        if self._target is None:
            return
        now = time.monotonic()
        share = min(1.0, (now - self._last) / CATCH_UP)
        self._last = now
        if self._shown is None:
            self._shown = [copied(value) for value in self._target]
        pairs = zip(self._shown, self._target, strict=True)
        self._shown = [between(shown, target, share) for shown, target in pairs]
        write(self._channels, self._shown)
        self.moving = True
        self._updates.count()
        self.showed = self.view.may_show()
        if self.showed:
            show(self._channels, self._shown)
            self.view.redraw()

    # Recording.

    def start_recording(self, frame: int) -> None:
        self.recorded, self._recorded_from = [], None
        self.recording_since, self.first_frame = time.monotonic(), frame

    def stop_recording(self) -> None:
        self.recording_since = None

    def keep(self, name: str) -> dict:
        """Make what was recorded an action, or put it into the action that the rig had. Returns what `bake` does."""
        self.stop_recording()
        self.view.close()
        self._give_back()
        if len(self.recorded) < 2:
            raise SceneError("live", "Nothing was recorded yet: the engine had not seen a face.")
        scene = bpy.data.scenes[self.scene]
        frames, rows = self._on_frames(scene.render.fps / scene.render.fps_base)
        names = {}
        rested = {where: value for where, (_, value) in self._rested.items()}
        keyed = 0
        for index, channel in enumerate(self._channels):
            if rows[0][index] is None:
                continue
            datablock = channel.datablock()
            action, _ = compat.active_action(datablock)
            if rest.marked(action) is None:  # nothing of ours to punch into; an action of the artist's own is kept
                action = compat.shared_action(names, name, datablock)
                rest.mark(action, name, rested)
            values = [channel.in_its_mode(row[index]) for row in rows]
            if channel.mode and channel.mode not in ("QUATERNION", "AXIS_ANGLE"):
                values = _continuous(values, channel.mode)
            parts = list(zip(*values, strict=True)) if channel.kind != "key" else [values]
            group = channel.name if channel.kind != "key" else "mmface"
            for part, numbers in enumerate(parts):
                compat.merge_keys(action, datablock, channel.path, part, frames, array("f", numbers), group)
                keyed += 1
            self._rested.pop(rest.place(datablock, channel.path), None)  # it does not go back to its rest
        self._pivots = []  # what turns about it is keyed now: it stays
        scene.frame_set(scene.frame_current)
        return {"keyed": keyed, "first": frames[0], "last": frames[-1]}

    def _on_frames(self, fps: float):
        """The recording at whole frames: (frames, rows)."""
        times = [stamp for stamp, _ in self.recorded]
        last = int(times[-1] * fps)
        frames, rows = [], []
        for number in range(last + 1):
            moment = number / fps
            after = min(len(times) - 1, bisect_right(times, moment))
            before = max(0, after - 1)
            span = times[after] - times[before]
            share = min(1.0, max(0.0, (moment - times[before]) / span)) if span > 0 else 0.0
            frames.append(self.first_frame + number)
            pairs = zip(self.recorded[before][1], self.recorded[after][1], strict=True)
            rows.append([between(a, b, share) for a, b in pairs])
        return frames, rows

    def pause(self) -> None:
        """For the moment in which the file is saved: the rig as it was before live, apart from a new pivot."""
        self._give_back()
        self._rest()

    def go_on(self) -> None:
        """After `pause`."""
        for channel, _ in self._rested.values():
            self._detach(channel, channel.datablock())

    def stop(self) -> None:
        """Everything as it was before live.

        May be called again: things are found by name, and a file that was opened meanwhile may have such names too.
        """
        self.view.close()
        self._give_back()
        self._rest()
        for name, children in self._pivots:
            for child, parent, inverse in children:
                obj = bpy.data.objects.get(child)
                if obj is not None:
                    obj.parent, obj.matrix_parent_inverse = parent, inverse
            pivot = bpy.data.objects.get(name)
            if pivot is not None:
                bpy.data.objects.remove(pivot)
        scene = bpy.data.scenes.get(self.scene)
        if scene is not None and self._channels:
            scene.frame_set(scene.frame_current)
        self._channels, self._rested, self._pivots = [], {}, []
        self._target = self._shown = None

    def _rest(self) -> None:
        """What was moved rests as before."""
        for channel, value in self._rested.values():
            try:
                rest.set_value(channel.datablock(), channel.path, value)
            except (SceneError, AttributeError, ReferenceError):
                continue  # the object went meanwhile

    def _give_back(self) -> None:
        """The data-blocks play again what they played before."""
        for (is_key, name), (action, slot, use_nla) in self._detached.items():
            obj = bpy.data.objects.get(name)
            datablock = obj.data.shape_keys if obj is not None and is_key else obj
            if datablock is None or use_nla is None:
                continue
            datablock.animation_data.use_nla = use_nla
            found = bpy.data.actions.get(action) if action else None
            if found is not None:
                compat.set_active_action(datablock, found, compat.slot_of(found, slot))
        self._detached = {}


def _continuous(eulers: list, mode: str) -> list:
    """Euler angles without jumps of a whole turn."""
    result = []
    for euler in eulers:
        turned = euler.to_quaternion().to_euler(mode, result[-1]) if result else euler
        result.append(Euler(turned, mode))
    return result
