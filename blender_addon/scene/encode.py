# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns a row of pictures into an H.264 .mp4 with the encoder that comes with Blender."""

import os

import bpy

from .. import compat
from ..errors import SceneError


def encode(
    folder: str,
    path: str,
    fps: int,
    fps_base: int,
    kind: str = ".jpg",
    sound: str | None = None,
    sound_start: int = 1,
    progress=lambda done, total: None,
) -> bool:
    """Write all pictures of `folder`, in the order of their names, to `path` at fps/fps_base frames a second.

    All pictures have the size of the first. kind: the ending of their names. sound: a file with sound that begins at
    frame `sound_start`, picture 1 being the first. Returns whether there was sound. Replaces the open scene. Raises
    SceneError (kind "unwritable").
    """
    names = sorted(name for name in os.listdir(folder) if name.endswith(kind) and not name.startswith("."))
    if not names:
        raise SceneError("unwritable", f"There are no pictures in {folder} to make a video of.")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    image = bpy.data.images.load(os.path.join(folder, names[0]))
    width, height = image.size
    bpy.data.images.remove(image)
    strip = compat.sequencer_strips(scene).new_image(
        name="preview", filepath=os.path.join(folder, names[0]), channel=1, frame_start=1, fit_method="ORIGINAL"
    )
    for name in names[1:]:
        strip.elements.append(name)
    strip.frame_final_duration = len(names)
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
    render.fps, render.fps_base = fps, fps_base
    render.use_sequencer, render.use_compositing = True, False
    render.use_file_extension = False
    scene.view_settings.view_transform = "Standard"
    scene.frame_start, scene.frame_end = 1, len(names)
    heard = sound is not None and _add_sound(scene, sound, sound_start)
    compat.set_video_output(scene, heard)
    unfinished = path + ".unfinished.mp4"
    render.filepath = unfinished
    written = [0]

    def count(*_):
        written[0] += 1
        progress(written[0], len(names))

    bpy.app.handlers.render_write.append(count)
    try:
        bpy.ops.render.render(animation=True)
        if not os.path.isfile(unfinished):
            raise SceneError("unwritable", f"Blender could not write the video {path}.")
        os.replace(unfinished, path)
        return heard
    except (RuntimeError, OSError) as error:
        raise SceneError("unwritable", f"The video {path} could not be written: {error}") from error
    finally:
        bpy.app.handlers.render_write.remove(count)
        if os.path.exists(unfinished):
            os.remove(unfinished)


def _add_sound(scene, path: str, start: int) -> bool:
    """Put the sound of a file under the pictures; False where it has none."""
    try:
        strip = compat.sequencer_strips(scene).new_sound(name="sound", filepath=path, channel=2, frame_start=start)
    except RuntimeError:
        return False
    # A file without sound makes an empty strip.
    return strip.sound is not None and strip.frame_final_duration > 1
