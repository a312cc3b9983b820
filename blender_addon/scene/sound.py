# SPDX-License-Identifier: GPL-3.0-or-later
"""Lays the clip's sound into the sequencer, so that lips and words play together."""

import os

from .. import compat

MARK = "mmface"


def add_sound(scene, path: str, start: int):
    """Put the sound of a video at frame `start`, in place of one that we put there before.

    Returns a sentence where the file has no sound that Blender can play, else None.
    """
    strips = compat.sequencer_strips(scene)
    for strip in [s for s in strips if s.get(MARK)]:
        strips.remove(strip)
    used = {s.channel for s in strips}
    channel = next(number for number in range(1, 129) if number not in used)
    name = os.path.basename(path)
    try:
        strip = strips.new_sound(name, path, channel, start)
    except RuntimeError as error:
        return f"{name} has no sound that Blender can play: {str(error).strip().splitlines()[-1]}"
    if strip is None or strip.frame_duration <= 1:
        if strip is not None:
            strips.remove(strip)
        return f"{name} has no sound."
    strip[MARK] = 1
    scene.sync_mode = "AUDIO_SYNC"  # playback keeps to the sound and drops frames if it must
    return None
