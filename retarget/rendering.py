"""Render a rig with a motion on it: frames as .png files, in chunks anywhere, and an .mp4 with the clip's sound.

A frame's file does not depend on the chunk that it was rendered in, is whole or not there, and is rendered only where
it is missing: however often the work is stopped, it goes on. `render.json` in the folder says what its frames show;
frames of something else are replaced.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from mmface_core.errors import UserError
from mmface_core.whole_file import replacing
from retarget.blender import Blender, Progress
from retarget.links import same_picture
from retarget.mapping.facing import head_view
from retarget.motion import RigMotion, save_motion
from retarget.pipeline import MappedRig
from retarget.timing import STILL_RATE, STILL_SECONDS

Engine = Literal["workbench", "eevee", "cycles"]
ENGINES: tuple[Engine, ...] = ("workbench", "eevee", "cycles")
SCHEMA = "mmface-render/1"


@dataclass(frozen=True)
class RenderOptions:
    """How frames look. size None: the scene's own. samples 0: the scene's own. camera: the scene's, or a head shot."""

    engine: Engine = "workbench"
    size: tuple[int, int] | None = (720, 720)
    samples: int = 0
    camera: Literal["head", "scene"] = "head"
    transparent: bool = False

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise UserError(f"{self.engine} is no render engine; give one of {', '.join(ENGINES)}.")
        if self.camera not in ("head", "scene"):
            raise UserError(f"{self.camera} is no choice of camera; give head or scene.")
        if self.size and not all(1 <= side <= 16384 for side in self.size):
            raise UserError(f"A picture of {self.size[0]} x {self.size[1]} cannot be rendered; give 1 to 16384.")
        if self.samples < 0:
            raise UserError("The number of samples must not be negative.")


@dataclass(frozen=True)
class RenderPlan:
    """All that any process needs to render any frame: plain data, and files that it can read."""

    rig: str
    motion: str
    frames: tuple[int, int]  # the first, and the one after the last
    rate: tuple[int, int] | None  # frames a second as a ratio; None for a still picture
    options: dict[str, Any]
    view: dict[str, Any] | None
    key: str

    def chunks(self, length: int) -> list[range]:
        """The frames in runs of `length`."""
        first, stop = self.frames
        return [range(i, min(i + length, stop)) for i in range(first, stop, length)]


def plan_render(
    rig: Path, mapped: MappedRig, motion: RigMotion, motion_path: Path, options: RenderOptions
) -> RenderPlan:
    """Write the motion to `motion_path` (.json) and say how to render it."""
    save_motion(motion, motion_path)
    view = None
    if options.camera == "head":
        facing = mapped.mapping.facing
        framed = head_view(mapped.rig, mapped.mapping.channels, facing)
        view = {"centre": framed.centre, "height": framed.height, "front": facing.front, "up": facing.up}
    digest = hashlib.sha256(rig.read_bytes())
    digest.update(motion_path.with_suffix(".f32").read_bytes())
    settings = {key: value for key, value in json.loads(motion_path.read_text()).items() if key != "curves_file"}
    digest.update(json.dumps([settings, asdict(options), view], sort_keys=True).encode())
    return RenderPlan(
        rig=str(rig.resolve()),
        motion=str(motion_path.resolve()),
        frames=(motion.frames.start, motion.frames.stop),
        rate=motion.rate.fraction if motion.rate else None,
        options=asdict(options),
        view=view,
        key=digest.hexdigest(),
    )


def frame_path(folder: Path, frame: int) -> Path:
    """Where a frame's picture goes."""
    return folder / f"{frame:06d}.png"


def begin(folder: Path, plan: RenderPlan) -> None:
    """Make the folder ready: frames of another plan are removed. Raises UserError where it cannot be written."""
    about = folder / "render.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            known = json.loads(about.read_text(encoding="utf-8"))
            same = known["schema"] == SCHEMA and known["key"] == plan.key
            old = range(*known["frames"]) if not same and known["schema"] == SCHEMA else range(0)
        except (OSError, ValueError, KeyError, TypeError):
            same, old = False, range(0)
        if same:
            return
        if not about.is_file() and any(frame_path(folder, frame).exists() for frame in range(*plan.frames)):
            raise UserError(f"{folder} holds numbered pictures that mmface did not render; choose another folder.")
        for frame in old:
            frame_path(folder, frame).unlink(missing_ok=True)
        with replacing(about) as file:
            file.write(json.dumps({"schema": SCHEMA, "key": plan.key, "frames": plan.frames}).encode())
    except OSError as error:
        raise UserError(f"Nothing can be written in {folder} ({error.strerror or error}).") from error


def missing(folder: Path, frames: Sequence[int]) -> list[int]:
    """Those of the frames that are not there yet."""
    return [frame for frame in frames if not frame_path(folder, frame).is_file()]


def render_chunk(
    plan: RenderPlan, frames: Sequence[int], folder: Path, blender: Blender, progress: Progress | None = None
) -> int:
    """Render those of the frames that are missing, in one child; return how many that were."""
    wanted = missing(folder, frames)
    if not wanted:
        return 0
    options = {key: value for key, value in plan.options.items() if key != "camera"}
    steps: list[dict[str, Any]] = [
        {"do": "open", "path": plan.rig},
        {"do": "bake", "motion": plan.motion},
        {"do": "stills", "folder": str(folder.resolve()), "frames": wanted, "view": plan.view, **options},
    ]
    blender.run(steps, Path(plan.rig).name, progress)
    return len(wanted)


def encode_frames(
    plan: RenderPlan,
    folder: Path,
    output: Path,
    blender: Blender,
    sound: Path | None = None,
    sound_start: int = 1,
    progress: Progress | None = None,
) -> bool:
    """Join the folder's frames to an .mp4, whole or not at all; sound begins at picture number `sound_start` (1 is the
    first). Returns whether there was sound. Raises UserError where a frame is missing.
    """
    gone = missing(folder, range(*plan.frames))
    if gone:
        raise UserError(f"{len(gone)} frames are missing in {folder}, the first is {gone[0]}; render them first.")
    with tempfile.TemporaryDirectory(prefix=".mmface-encode-", dir=output.resolve().parent) as scratch:
        pictures, clip = Path(scratch, "pictures"), Path(scratch, "clip.mp4")
        pictures.mkdir()
        paths = [frame_path(folder.resolve(), frame) for frame in range(*plan.frames)]
        if plan.rate is None:
            paths *= STILL_SECONDS * STILL_RATE.fps
        for number, path in enumerate(paths, 1):
            same_picture(path, pictures / f"{number:06d}.png")
        fps, base = plan.rate or STILL_RATE.fraction
        step = {
            "do": "encode",
            "folder": str(pictures),
            "path": str(clip),
            "fps": fps,
            "fps_base": base,
            "kind": ".png",
        }
        if sound is not None:
            step |= {"sound": str(sound.resolve()), "sound_start": sound_start}
        result = blender.run([step], output.name, progress)[0]
        os.replace(clip, output)
    return bool(result["sound"])


Submit = Callable[..., Any]


def render_all(
    plan: RenderPlan,
    folder: Path,
    blender: Blender,
    submit: Submit,
    chunk: int,
    on_done: Callable[[int], None] | None = None,
    frames: Sequence[int] | None = None,
) -> int:
    """Render the missing of the frames (None: all) in chunks handed to `submit` of an executor; return how many."""
    from concurrent.futures import as_completed

    wanted = missing(folder, range(*plan.frames) if frames is None else frames)
    runs = [wanted[i : i + chunk] for i in range(0, len(wanted), chunk)]
    futures = [submit(render_chunk, plan, run, folder, blender) for run in runs]
    try:
        for future in as_completed(futures):
            count = future.result()
            if on_done:
                on_done(count)
    finally:
        for future in futures:
            future.cancel()
    return len(wanted)
