# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the rig: with Workbench for previews, with any engine for good pictures.

It dresses the open scene for the picture: never save it afterwards.
"""

import math
import os

import bpy
from mathutils import Matrix, Vector

from .. import compat
from ..errors import SceneError
from .read_rig import face_scene

LENS_MM = 85.0  # a portrait lens on Blender's 36 mm film


def render_frames(folder: str, frames, size, view: dict, fine: bool = False, progress=lambda done, total: None) -> None:
    """Write `folder`/000001.jpg ... of the scene's `frames`, numbered from 1 in their order.

    size: (width, height) in pixels. view: {"centre", "front", "up"} (three world numbers each; front points out of the
    face) and "height", the world length that fills the picture's height at the centre.
    fine: smoother edges and hollows shaded, at four times the time. progress is told (done, total) after each frame.
    """
    scene = face_scene()
    bpy.context.window.scene = scene
    _dress(scene, size, fine)
    if not fine:
        _subdivide_as_in_viewport(scene)
    scene.camera = _camera(scene, view, size)
    os.makedirs(folder, exist_ok=True)
    for number, frame in enumerate(frames, 1):
        scene.frame_set(frame)
        path = os.path.join(folder, f"{number:06d}.jpg")
        scene.render.filepath = path + ".unfinished.jpg"
        bpy.ops.render.render(write_still=True, scene=scene.name)
        if not os.path.isfile(scene.render.filepath):
            raise SceneError("unwritable", f"Blender could not write the picture {path}; is the disk full?")
        os.replace(scene.render.filepath, path)  # whoever watches the folder never reads half a picture
        progress(number, len(frames))


def render_stills(
    folder: str,
    frames,
    size=None,
    engine: str = "workbench",
    samples: int = 0,
    view: dict | None = None,
    transparent: bool = False,
    progress=lambda done, total: None,
) -> None:
    """Write `folder`/FRAME.png (six digits) for each of the scene's `frames`, each whole or not at all.

    size: (width, height), None for the scene's. engine: workbench, eevee or cycles. samples: 0 for the scene's own.
    view: as for `render_frames`, a head shot; None for the scene's own camera. transparent: no background. A frame's
    picture does not depend on which others are rendered with it: the noise has a fixed seed, and nothing is written of
    the time and the machine. Raises SceneError (kind "camera") where the scene has no camera and no view is given.
    """
    scene = face_scene()
    bpy.context.window.scene = scene
    size = tuple(size) if size else _scene_size(scene)
    if view is None and scene.camera is None:
        raise SceneError("camera", "The scene has no camera; add one, or render the head with --camera head.")
    if engine == "workbench":
        _dress(scene, size, fine=samples >= 8)
    else:
        _set_output(scene, size)
        _light(scene)
    _set_engine(scene, engine, samples)
    if view is not None:
        scene.camera = _camera(scene, view, size)
    scene.render.film_transparent = transparent
    settings = scene.render.image_settings
    settings.file_format = "PNG"
    settings.color_mode = "RGBA" if transparent else "RGB"
    settings.color_depth = "8"
    settings.compression = 15
    for name in dir(scene.render):
        if name.startswith("use_stamp_"):
            setattr(scene.render, name, False)  # a date in the file would make equal pictures unequal
    os.makedirs(folder, exist_ok=True)
    for number, frame in enumerate(frames, 1):
        scene.frame_set(frame)
        _write_still(scene, os.path.join(folder, f"{frame:06d}.png"))
        progress(number, len(frames))


def _write_still(scene, path: str) -> None:
    unfinished = os.path.join(os.path.dirname(path), f".unfinished-{os.getpid()}-{os.path.basename(path)}")
    scene.render.filepath = unfinished
    try:
        bpy.ops.render.render(write_still=True, scene=scene.name)
        if not os.path.isfile(unfinished) or os.path.getsize(unfinished) == 0:
            raise SceneError("unwritable", f"Blender could not write the picture {path}; is the disk full?")
        _drop_texts(unfinished)
        os.replace(unfinished, path)
    except (RuntimeError, OSError) as error:
        raise SceneError("unwritable", f"The picture {path} could not be written: {error}") from error
    finally:
        if os.path.exists(unfinished):
            os.remove(unfinished)


def _drop_texts(path: str) -> None:
    """Take the texts out of a .png: Cycles notes there how long it took, and equal pictures would be unequal files."""
    with open(path, "rb") as file:
        data = file.read()
    kept, at = [data[:8]], 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] not in (b"tEXt", b"zTXt", b"iTXt", b"tIME"):
            kept.append(data[at:end])
        at = end
    with open(path, "wb") as file:
        file.write(b"".join(kept))


def _scene_size(scene) -> tuple:
    share = scene.render.resolution_percentage / 100
    return (max(1, int(scene.render.resolution_x * share)), max(1, int(scene.render.resolution_y * share)))


def _set_engine(scene, engine: str, samples: int) -> None:
    render = scene.render
    render.engine = compat.engine_id(engine)
    render.use_motion_blur = render.use_motion_blur and engine != "workbench"
    if engine == "cycles":
        cycles = scene.cycles
        cycles.device = "CPU"
        cycles.seed, cycles.use_animated_seed = 0, False
        cycles.use_denoising = False  # seconds a frame, and its result may differ from machine to machine
        if samples:
            cycles.samples = samples
            cycles.use_adaptive_sampling = False
    elif engine == "eevee" and samples:
        scene.eevee.taa_render_samples = samples
    elif engine == "workbench" and samples:
        allowed = [
            int(i.identifier) for i in scene.display.bl_rna.properties["render_aa"].enum_items if i.identifier.isdigit()
        ]
        scene.display.render_aa = str(min(allowed, key=lambda n: abs(n - samples)))


def _light(scene) -> None:
    """Give a scene without a light, as imported rigs are, an even one; a lit scene stays as its artist lit it."""
    if any(obj.type == "LIGHT" and not obj.hide_render for obj in scene.objects):
        return
    world = scene.world
    if world is not None and world.use_nodes:
        return
    world = bpy.data.worlds.new("render")
    world.use_nodes = True
    background = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (0.9, 0.95, 1.0, 1.0)
    background.inputs["Strength"].default_value = 0.7
    scene.world = world


def _set_output(scene, size) -> None:
    """One picture of `size` for each frame: no region, no stereo, no strips, no text."""
    render = scene.render
    render.resolution_x, render.resolution_y = size
    render.resolution_percentage = 100
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0
    render.use_border = False
    render.use_multiview = False
    render.use_sequencer = False
    render.use_stamp = False
    render.film_transparent = False
    render.use_file_extension = True
    if hasattr(render.image_settings, "media_type"):  # 5.0
        render.image_settings.media_type = "IMAGE"


def _dress(scene, size, fine: bool) -> None:
    painted = {material.name for material in bpy.data.materials if _colour_for_viewport(material)}
    faces = [o for o in scene.objects if o.type == "MESH" and o.data.shape_keys]
    textured = any(m and m.name in painted for o in faces for m in o.data.materials)
    render = scene.render
    _set_output(scene, size)
    render.engine = compat.engine_id("workbench")
    render.use_compositing = False
    render.image_settings.file_format = "JPEG"
    render.image_settings.color_mode = "RGB"
    render.image_settings.quality = 95
    scene.view_settings.view_transform = "Standard"
    scene.view_settings.look = "None"
    scene.view_settings.gamma = 1.0
    world = scene.world or bpy.data.worlds.new("preview")
    scene.world = world
    shading = scene.display.shading
    shading.light = "STUDIO"
    # Painted skin wants an even light that leaves it its colour, clay one that shows its form.
    light, exposure = ("paint.sl", 0.2) if textured else ("Default", 0.7)
    scene.view_settings.exposure = exposure
    if any(known.name == light and known.type == "STUDIO" for known in bpy.context.preferences.studio_lights):
        shading.studio_light = light
    shading.color_type = "TEXTURE"
    shading.background_type = "VIEWPORT"
    shading.background_color = (0.045, 0.05, 0.06)
    shading.show_shadows = False
    shading.show_xray = shading.show_object_outline = False
    # Software OpenGL pays for every sample: the world's hollows (ambient occlusion) double the time, edges cost little.
    shading.show_cavity = True
    shading.cavity_type = "BOTH" if fine else "SCREEN"
    shading.cavity_ridge_factor, shading.cavity_valley_factor = 0.0, 1.0
    shading.curvature_ridge_factor, shading.curvature_valley_factor = 0.4, 0.6
    shading.show_specular_highlight = True
    shading.show_backface_culling = False
    scene.display.render_aa = "8" if fine else "FXAA"
    for obj in scene.objects:
        if obj.type == "MESH" and obj.hide_viewport:
            obj.hide_render = True


def _subdivide_as_in_viewport(scene) -> None:
    """A preview's faces are no finer than the artist sees them at work: with software OpenGL they are half the time."""
    for obj in scene.objects:
        for modifier in obj.modifiers:
            if modifier.type in ("SUBSURF", "MULTIRES"):
                modifier.render_levels = min(modifier.render_levels, modifier.levels)


def _colour_for_viewport(material) -> bool:
    """Workbench knows the texture of the active image node and the viewport colour, not the shader: help it.

    Returns whether the material has a colour texture.
    """
    tree = material.node_tree if material.use_nodes else None
    shader = next((n for n in tree.nodes if n.type == "BSDF_PRINCIPLED"), None) if tree else None
    if shader is None:
        return False
    colour = shader.inputs["Base Color"]
    image = _image_behind(colour)
    if image is not None:
        tree.nodes.active = image
    elif not colour.is_linked:
        material.diffuse_color = colour.default_value
    # Imported glossy materials would put hard white spots on the nose.
    material.roughness = max(0.4, shader.inputs["Roughness"].default_value)
    for node in tree.nodes:
        # Without a colour image, Workbench would show a normal or roughness map as if it were one.
        if image is None and node.type == "TEX_IMAGE" and tree.nodes.active == node:
            tree.nodes.active = shader
    return image is not None


def _image_behind(socket, depth: int = 0):
    """The image texture node that feeds a socket, through at most a few nodes in between; None without one."""
    if depth > 6:
        return None
    for link in socket.links:
        node = link.from_node
        if node.type == "TEX_IMAGE":
            # A picture whose file is missing has no size, and Workbench would paint it magenta.
            return node if node.image is not None and node.image.size[0] > 0 else None
        for entry in node.inputs:
            found = _image_behind(entry, depth + 1) if entry.is_linked else None
            if found is not None:
                return found
    return None


def _camera(scene, view: dict, size):
    camera = bpy.data.cameras.new("preview")
    camera.lens = LENS_MM
    camera.sensor_fit = "VERTICAL"
    camera.sensor_height = 36.0
    distance = view["height"] * 0.5 / math.tan(math.atan(camera.sensor_height / 2 / LENS_MM))
    # Rigs come in metres and in centimetres: the clip planes go with the head's size.
    camera.clip_start, camera.clip_end = distance * 0.02, distance * 100
    obj = bpy.data.objects.new("preview", camera)
    scene.collection.objects.link(obj)
    obj.matrix_world = placed(view, distance)
    return obj


def placed(view: dict, distance: float):
    """The world matrix of a camera that looks from `distance` (world length) against the view's front at its centre."""
    centre, front, up = Vector(view["centre"]), Vector(view["front"]).normalized(), Vector(view["up"])
    side = up.cross(front).normalized()
    matrix = Matrix((side, front.cross(side), front)).transposed().to_4x4()
    matrix.translation = centre + front * distance
    return matrix
