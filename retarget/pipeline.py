"""The main job in one place: a video (or a take) and a rig become an animated .blend, and a preview if asked for."""

import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmface_core.capture.stages import NO_STAGES, Stages
from mmface_core.commands.webcam_option import WEBCAM_SECONDS
from mmface_core.errors import UserError
from mmface_core.whole_file import unfinished_path
from retarget.blender import Blender
from retarget.capturing import face_choice, take_of
from retarget.layers import Layer
from retarget.mapping.map_rig import MapOptions, MappedRig, map_rig
from retarget.mapping.schema import Mapping
from retarget.motion import RigMotion, save_motion
from retarget.performance import Performance, Settings, clip_name, performance_of
from retarget.preview import PreviewMaker
from retarget.regions import region_of
from retarget.report import Report
from retarget.rig import RigDescription, rig_from_json
from retarget.turning import HEAD_MODES, turn_curves

if TYPE_CHECKING:
    from retarget.mapping.by_geometry import Geometric
    from retarget.mapping.combine import Asker

RIG_KINDS = (".blend", ".glb", ".gltf", ".fbx")

Progress = Callable[[str, int, int], None]


def retarget_video(
    source: str | Path,
    rig: str | Path,
    output: str | Path | None = None,
    *,
    take: str | Path | None = None,
    preview: str | Path | None = None,
    motion: str | Path | None = None,
    settings: Settings | None = None,
    head: str = "absolute",
    face: str | int = "largest",
    identity: bool = True,
    seconds: float = WEBCAM_SECONDS,
    options: MapOptions | None = None,
    mapped: MappedRig | None = None,
    blender: Blender | None = None,
    progress: Progress | None = None,
    stages: Stages = NO_STAGES,
) -> Report:
    """Animate a copy of `rig` with the face in `source`; the rig's own file is never changed.

    source: a video, an image, a folder of images (one clip), a webcam's number, or a take (.npz). rig: a .blend, .glb,
    .gltf or .fbx. output: the .blend to write, by default CLIP_RIG.blend in the working folder. take: also keep the
    capture here. preview: also write an H.264 .mp4 here. motion: also write the curves here (.json and .f32), for the
    Blender add-on. face: "largest", or the number of one of several faces. identity False: what is kept has the mean
    face's shape. seconds: how long a webcam is read. head: "absolute", "relative" or "off". options: how to map the
    rig, or a mapping to use. mapped: what `read_and_map` found out before about this rig with this head and options.
    progress is told (what, done, total); stages counts where the time goes. Raises UserError with a sentence; then
    nothing is left behind half-written.
    """
    source, rig = Path(source), Path(rig)
    settings, blender = settings or Settings(), blender or Blender()
    name = clip_name(str(source))
    output = Path(output) if output else Path(f"{name}_{rig.stem}.blend")
    take_path, preview, motion_path = (Path(path) if path else None for path in (take, preview, motion))
    check_request(source, rig, {".blend": output, ".npz": take_path, ".mp4": preview, ".json": motion_path}, head)
    face_choice(face)
    (options or MapOptions()).check()
    with stages("open and map the rig"):
        mapped = mapped or read_and_map(rig, head, blender, options or MapOptions())
    captured = take_of(source, face, identity, progress, stages, seconds)
    if take_path:
        captured.save(take_path)  # even if it drives nothing, it is what took the time
    with stages("clean"):
        performance = performance_of(captured, settings, name)
    with stages("curves"):
        curves = motion_for(mapped, performance, head, settings.layer)
    if motion_path:
        save_motion(curves, motion_path)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mmface-retarget-"))
        save_motion(curves, Path(folder, "motion.json"))
        unfinished = unfinished_path(output)
        stack.callback(unfinished.unlink, missing_ok=True)
        steps: list[dict[str, Any]] = [
            {"do": "open", "path": str(rig.resolve())},
            {"do": "bake", "motion": str(Path(folder, "motion.json"))},
            {"do": "save", "path": str(unfinished)},
        ]
        if preview:
            maker = stack.enter_context(PreviewMaker(preview, curves, captured, source, performance))
            steps.append(maker.render_step(mapped))
            with stages("open, bake, save, render"):
                baked = blender.run(steps, rig.name, _both(maker.on_progress, progress))[1]
            with stages("encode preview"):
                maker.encode(blender, progress)
        else:
            with stages("open, bake, save"):
                baked = blender.run(steps, rig.name, progress)[1]
        os.replace(unfinished, output)
    return Report(
        rig=str(rig),
        output=output,
        preview=preview,
        take=take_path,
        motion=motion_path,
        action=baked["action"],
        performance=performance,
        mapping=within(mapped.mapping, settings.layer),
        named=mapped.named,
        warnings=(*mapped.warnings, *baked["warnings"]),
    )


def read_and_map(
    rig: Path, head: str = "absolute", blender: Blender | None = None, options: MapOptions | None = None
) -> MappedRig:
    """Open the rig in a child, describe it, and find out what drives what.

    Raises UserError where nothing of the rig could be driven.
    """
    blender = blender or Blender()
    described, warnings = describe_rig(rig, blender)
    return map_described(described, rig.name, head, warnings, options, lambda: compare_shapes(rig, described, blender))


def compare_shapes(rig: Path, described: RigDescription, blender: Blender) -> "Geometric":
    """Find the keys of each unit by how they move the face: seconds to a minute. Raises UserError."""
    # Registration needs torch and scipy, which take seconds to import.
    from retarget.mapping.by_geometry import map_by_geometry
    from retarget.registration.rig import register_rig

    registered = register_rig(rig, described, blender)
    return map_by_geometry(described, registered.surfaces, registered.registration)


def map_described(
    described: RigDescription,
    name: str,
    head: str = "absolute",
    warnings: tuple[str, ...] = (),
    options: MapOptions | None = None,
    geometry: "Asker | None" = None,
) -> MappedRig:
    """Find out what drives what in a rig that was described before. `name` of the rig, for sentences.

    Raises UserError where nothing of the rig could be driven.
    """
    mapped = map_rig(described, name, head, options, geometry)
    return replace(mapped, warnings=warnings + mapped.warnings)


def describe_rig(rig: Path, blender: Blender) -> tuple[RigDescription, tuple[str, ...]]:
    """Open the rig in a child and describe it; also the warnings that Blender gave."""
    with tempfile.TemporaryDirectory(prefix="mmface-rig-") as folder:
        arrays = Path(folder, "rig.f32")
        opened, data = blender.run(
            [
                {"do": "open", "path": str(rig.resolve())},
                {"do": "describe", "source": str(rig), "arrays": str(arrays)},
            ],
            rig.name,
        )
        return rig_from_json(data, arrays), tuple(opened["warnings"])


def motion_for(
    mapped: MappedRig, performance: Performance, head: str = "absolute", layer: Layer | None = None
) -> RigMotion:
    """The rig's own curves for a performance; `layer` says of which parts of the face. Raises UserError for none."""
    layer = layer or Layer()
    mapping = within(mapped.mapping, layer)
    motion = RigMotion(
        name=performance.name,
        rate=performance.rate,
        start=performance.start,
        frame_count=performance.frame_count,
        keys=tuple(mapping.key_curves(performance.weights)),
        rotations=tuple(
            turn_curves(mapped.rig, mapping, performance.weights, performance.rotation, performance.confidence, head)
        ),
        cuts=performance.cuts,
        tolerance=layer.tolerance,
        layer=layer.additive,
    )
    if not motion.keys and not motion.rotations:
        raise UserError(f"The rig {mapped.rig.source} has nothing that moves its {' or '.join(layer.only)}.")
    return motion


def within(mapping: Mapping, layer: Layer) -> Mapping:
    """What of a mapping belongs to the parts of the face that a layer moves."""
    return replace(
        mapping,
        channels=tuple(channel for channel in mapping.channels if layer.has(region_of(channel.channel))),
        head=mapping.head if layer.has("head") else None,
        neck=mapping.neck if layer.has("head") else (),
        eyes=mapping.eyes if layer.has("eyes") else {},
    )


def check_rig(rig: Path) -> None:
    """Raises UserError where there is no such file, or one of another kind."""
    if not rig.is_file():
        raise UserError(f"There is no file {rig}.")
    if rig.suffix.lower() not in RIG_KINDS:
        raise UserError(f"{rig} is not a rig: give a .blend, .glb, .gltf or .fbx file.")


def check_request(source: Path, rig: Path, outputs: dict[str, Path | None], head: str) -> None:
    """Refuse what cannot work before the long part begins. outputs: ending -> file to write. Raises UserError."""
    if not source.exists() and not str(source).isdecimal():
        raise UserError(f"There is no file {source}.")
    check_rig(rig)
    if head not in HEAD_MODES:
        raise UserError(f"The head mode is {head}; give one of {', '.join(HEAD_MODES)}.")
    for kind, path in outputs.items():
        if path is None:
            continue
        if path.suffix.lower() != kind:
            raise UserError(f"{path} should end in {kind}.")
        if path.is_dir():
            raise UserError(f"{path} is a folder; name a file to write.")
        if path.exists() and any(p.exists() and path.samefile(p) for p in (source, rig)):
            raise UserError(f"{path} is an input and is never overwritten; choose another name for the output.")
        folder = path.resolve().parent
        if not folder.is_dir():
            raise UserError(f"The folder {folder} does not exist; make it first.")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise UserError(f"Nothing can be written in the folder {folder}; choose another with -o.")


def _both(first: Progress, second: Progress | None) -> Progress:
    def tell(step: str, done: int, total: int) -> None:
        first(step, done, total)
        if second:
            second(step, done, total)

    return tell
