"""From a clip in one format to another: what `mmface convert` does."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmface_core.commands.webcam_option import WEBCAM_SECONDS
from mmface_core.errors import UserError
from mmface_core.whole_file import unfinished_path
from retarget.blender import Blender
from retarget.capturing import take_of
from retarget.exchange import face_cap, live_link_face, mesh_sequence, weights_csv, weights_json
from retarget.exchange.recording import recording_of
from retarget.mapping.map_rig import MapOptions
from retarget.motion import save_motion
from retarget.performance import Performance, Settings, clip_name, performance_of
from retarget.pipeline import RIG_KINDS, Progress, motion_for, read_and_map

SCENES = (".glb", ".fbx", ".usd", ".usda", ".usdc", ".usdz", ".blend")

# What --format calls each; an ending alone means the first that has it.
FORMATS: dict[str, tuple[str, ...]] = {
    "take": (".npz",),
    "livelink": (".csv",),
    "facecap": (".txt",),
    "csv": (".csv",),
    "json": (".json",),
    "mesh": mesh_sequence.KINDS,
    "scene": SCENES,
}


def format_of(output: Path, named: str | None) -> str:
    """The format of an output. Raises UserError where its ending says none, or another than `named`."""
    kind = output.suffix.lower()
    fitting = [name for name, kinds in FORMATS.items() if kind in kinds]
    if named is not None:
        if named not in fitting:
            raise UserError(f"{output} should end in {' or '.join(FORMATS[named])} to be written as {named}.")
        return named
    if not fitting:
        known = dict.fromkeys(kind for kinds in FORMATS.values() for kind in kinds)
        raise UserError(f"{output} is in no format that can be written; it should end in one of {', '.join(known)}.")
    return fitting[0]


def convert(
    source: str | Path,
    output: str | Path,
    *,
    rig: str | Path | None = None,
    named: str | None = None,
    settings: Settings | None = None,
    head: str = "absolute",
    face: str | int = "largest",
    identity: bool = True,
    seconds: float = WEBCAM_SECONDS,
    options: MapOptions | None = None,
    blender: Blender | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Write `source` as `output`; returns what was done, in sentences.

    source: anything that can be captured, a take, a recording of another tool, or an animated .blend. rig: needed for a
    scene (.glb, .fbx, .usd) unless the source is one. named: the format, where the ending leaves it open. identity
    False: takes and meshes have the mean face's shape. seconds: how long a webcam is read. options: how the rig is
    mapped. Raises UserError; then no output is left half-written.
    """
    source, output = Path(source), Path(output)
    settings, blender = settings or Settings(), blender or Blender()
    kind = format_of(output, named)
    _check(source, output, kind, Path(rig) if rig else None)
    if source.suffix.lower() in RIG_KINDS:
        return _export([{"do": "open", "path": str(source.resolve())}], output, source.name, blender, progress)
    mapped = read_and_map(Path(rig), head, blender, options) if kind == "scene" and rig else None
    take = take_of(source, face, identity, progress, seconds=seconds)
    if kind == "take":
        take.save(output)
        return [f"{output}: a take of {len(take)} frames at {take.fps:.6g} fps, as recorded."]
    performance = performance_of(take, settings, clip_name(str(source)))
    if mapped is not None and rig is not None:
        with tempfile.TemporaryDirectory(prefix="mmface-convert-") as folder:
            motion = Path(folder, "motion.json")
            save_motion(motion_for(mapped, performance, head, settings.layer), motion)
            steps = [{"do": "open", "path": str(Path(rig).resolve())}, {"do": "bake", "motion": str(motion)}]
            return _export(steps, output, Path(rig).name, blender, progress)
    if kind == "mesh":
        try:
            files = mesh_sequence.write(performance, take.identity, output)
        except OSError as error:
            raise _unwritable(output, error) from error
        return [f"{files[0]} to {files[-1].name}: {_frames(performance)}, one mesh each."]
    what = recording_of(performance)
    writers: dict[str, Callable[[Path], None]] = {
        "livelink": lambda path: live_link_face.write(what, path),
        "facecap": lambda path: face_cap.write(what, path),
        "csv": lambda path: weights_csv.write(what, path, performance.start),
        "json": lambda path: weights_json.write(what, path, performance.start),
    }
    _whole(output, writers[kind])
    return [f"{output}: {_frames(performance)}."]


def _check(source: Path, output: Path, kind: str, rig: Path | None) -> None:
    if not source.exists() and not str(source).isdecimal():
        raise UserError(f"There is no file {source}.")
    if output.exists() and source.exists() and output.samefile(source):
        raise UserError(f"{output} is the input and is never overwritten; choose another name for the output.")
    if not output.resolve().parent.is_dir():
        raise UserError(f"The folder {output.resolve().parent} does not exist; make it first.")
    from_scene = source.suffix.lower() in RIG_KINDS
    if from_scene and kind != "scene":
        raise UserError(
            f"{source} is an animated scene, which can be written as .glb, .fbx or .usd; "
            f"for {output.suffix} give the take (or the video) that it was made from."
        )
    if from_scene and rig:
        raise UserError(f"{source} is a scene already, so --rig has no use.")
    if kind == "scene" and not from_scene and rig is None:
        raise UserError(f"To write {output}, name the rig that should move: --rig RIG.")
    if kind != "scene" and rig is not None:
        raise UserError(f"{output} holds no rig, so --rig has no use.")


def _export(
    steps: list[dict[str, Any]], output: Path, about: str, blender: Blender, progress: Progress | None
) -> list[str]:
    """Do the steps in a child and write the scene as `output`."""
    said: list[str] = []

    def write(path: Path) -> None:
        last: dict[str, Any] = {"do": "export", "path": str(path.resolve())}
        if path.suffix.lower() == ".blend":
            last["do"] = "save"
        results = blender.run([*steps, last], about, progress)
        said.extend(f"Note: {warning}" for result in results for warning in result.get("warnings", ()))

    _whole(output, write)
    return [f"{output}: the animated scene.", *said]


def _whole(output: Path, write: Callable[[Path], None]) -> None:
    """Let `write` make the file beside `output` and rename it, so that nothing half-written is left."""
    making = unfinished_path(output)
    try:
        write(making)
        os.replace(making, output)
    except OSError as error:
        raise _unwritable(output, error) from error
    finally:
        making.unlink(missing_ok=True)


def _unwritable(output: Path, error: OSError) -> UserError:
    return UserError(f"{output} cannot be written: {error.strerror or error}.")


def _frames(performance: Performance) -> str:
    rate = f" at {performance.rate.value:.6g} fps" if performance.rate else ""
    return f"{performance.frame_count} frame{'s' if performance.frame_count != 1 else ''}{rate}"
