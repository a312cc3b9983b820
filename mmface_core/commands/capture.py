"""`mmface capture`: takes from pictures, video files and webcams."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmface_core.commands.webcam_option import webcam_option
from mmface_core.errors import UserError

if TYPE_CHECKING:
    from mmface_core.capture.engine import CaptureEngine, Which
    from mmface_core.take import Take

_FURTHER_FACE = re.compile(r"\.face\d+$")


class FaceChoice(click.ParamType):
    """`largest`, `all`, or a face's number from 1."""

    name = "largest|all|N"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Which:
        text = str(value)
        if text in ("largest", "all"):
            return text  # type: ignore[return-value]
        if text.isdecimal() and int(text) > 0:
            return int(text)
        self.fail(f"{text!r} is not a choice of face; say largest, all, or a number from 1.", param, ctx)


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="OUT.npz, or a folder.")
@click.option(
    "--face",
    "which",
    type=FaceChoice(),
    default="largest",
    metavar="largest|all|N",
    show_default=True,
    help="Whose takes are written.",
)
@click.option("--sequence", is_flag=True, help="Read a folder of images as the frames of one clip.")
@click.option("--fps", type=click.FloatRange(0.1, 1000), help="Frame rate of a --sequence (25).")
@webcam_option
@click.option("--refine", type=click.Choice(["none", "icp", "points", "icp+points"]), help="Refinement of each frame.")
@click.option("--no-identity", is_flag=True, help="Leave the person's face shape out of the take.")
@click.option("--weights", type=click.Path(path_type=Path), help="Network weights (.onnx) instead of the bundled ones.")
@click.option("--model", type=click.Path(path_type=Path), help="The face model (.npz) that those weights are for.")
@click.option(
    "--workers",
    type=click.IntRange(0),
    default=0,
    help="Frames of a video that are read side by side; 0: as many as there are cores; 1: strictly one after another.",
)
@click.option("--profile", is_flag=True, help="Also print where the time went, by stage.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def capture(
    inputs: tuple[str, ...],
    output: Path,
    which: Which,
    sequence: bool,
    fps: float | None,
    seconds: float,
    refine: str | None,
    no_identity: bool,
    weights: Path | None,
    model: Path | None,
    workers: int,
    profile: bool,
) -> None:
    """Read the faces of INPUTs (images, folders of images, video files, webcam numbers) into takes.

    One INPUT with -o OUT.npz gives that file. Otherwise OUT is a folder with one NAME.npz for each INPUT; each image
    of a folder counts as an INPUT of its own, unless --sequence makes the folder one clip. Further faces of an INPUT go
    to NAME.face2.npz, NAME.face3.npz, ... INPUTs that show no face are listed and skipped.
    """
    jobs = plan(expand(inputs, sequence), output, further=which == "all")
    for target in {path.parent for _, path in jobs}:
        make_folder(target)

    # The heavy imports wait until the command line is known to make sense.
    began = time.perf_counter()
    from mmface_core.capture.load import load_engine
    from mmface_core.capture.stages import NO_STAGES, Stages

    stages = Stages() if profile else NO_STAGES
    engine = load_engine(weights=weights, refine=refine, model=model, workers=workers, stages=stages)
    loaded = time.perf_counter()
    click.echo(engine.description, err=True)
    skipped: list[str] = []
    frames = 0
    for name, path in jobs:
        try:
            takes = _capture_one(engine, name, which, sequence, fps, seconds, bar=len(jobs) < 10)
        except UserError as error:
            if len(jobs) == 1:
                raise
            skipped.append(str(error))
            continue
        frames += len(takes[0])
        if no_identity:
            takes = [engine.without_identity(take) for take in takes]
        with stages("write"):
            written = save_all(takes, path, stale=which == "all")
        for file, take in written:
            click.echo(f"{file}: {describe(take)}")
    for sentence in skipped:
        click.echo(f"Skipped: {sentence}", err=True)
    if profile:
        click.echo(f"Loading libraries, network and model took {loaded - began:.2f} s.")
        click.echo("\n".join(stages.lines(frames, time.perf_counter() - loaded)))
    if len(skipped) == len(jobs):
        raise UserError(f"None of the {len(jobs)} inputs could be captured.")


def expand(inputs: Sequence[str], sequence: bool) -> list[str]:
    """The inputs with folders of images replaced by their images, unless they are sequences.

    Raises UserError for files that are not there, before any work begins.
    """
    from mmface_core.capture.sources import image_files

    names: list[str] = []
    for name in inputs:
        path = Path(name)
        if path.is_dir() and not sequence:
            images = image_files(path)
            if not images:
                raise UserError(f"The folder {path} holds no pictures.")
            names += [str(image) for image in images]
        elif path.exists() or name.isdecimal():
            names.append(name)
        else:
            raise UserError(f"There is no file {path}.")
    return names


def plan(names: Sequence[str], output: Path, further: bool = False) -> list[tuple[str, Path]]:
    """Each input with the path of its take. Raises UserError where two would share one, `further` faces included."""
    if output.suffix.lower() == ".npz" and not output.is_dir():
        if len(names) > 1:
            raise UserError(f"{len(names)} inputs do not fit into the one file {output}; give a folder with -o.")
        return [(names[0], output)]
    jobs: dict[Path, str] = {}
    for name in names:
        # In full, as "." has no stem; a link keeps its own name.
        stem = f"webcam{name}" if name.isdecimal() and not Path(name).exists() else Path(os.path.abspath(name)).stem
        path = output / f"{stem}.npz"
        if path in jobs:
            raise UserError(f"{jobs[path]} and {name} would both be written to {path}; capture them into two folders.")
        jobs[path] = name
    for path, name in jobs.items() if further else ():
        # A.mp4's second face is written where A.face2.mp4's first one is.
        whole = jobs.get(path.with_name(f"{_FURTHER_FACE.sub('', path.stem)}.npz"), name)
        if whole != name:
            raise UserError(f"Further faces of {whole} and {name} would share {path}; capture them into two folders.")
    return [(name, path) for path, name in jobs.items()]


def make_folder(folder: Path) -> None:
    """Make sure that takes can be written to a folder, before an hour's work ends in vain."""
    import tempfile

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"The folder {folder} cannot be written to ({error.strerror or error}).") from error


def face_path(path: Path, number: int) -> Path:
    """Where the take of the number-th face goes: NAME.npz, NAME.face2.npz, ..."""
    return path if number == 1 else path.with_name(f"{path.stem}.face{number}{path.suffix}")


def save_all(takes: Sequence[Take], path: Path, stale: bool) -> list[tuple[Path, Take]]:
    """Write the takes of one input; `stale` removes those of further faces that an earlier run left."""
    written = []
    for number, take in enumerate(takes, start=1):
        take.save(face_path(path, number))
        written.append((face_path(path, number), take))
    number = len(takes) + 1
    while stale and face_path(path, number).is_file():
        face_path(path, number).unlink()
        number += 1
    return written


def describe(take: Take) -> str:
    """One line about a take."""
    seen = take.present
    text = f"{len(take)} frames at {take.fps:.6g} fps, face in {100 * seen.mean():.0f} %" if len(take) > 1 else "1 face"
    return f"{text}, confidence {take.confidence[seen].mean():.2f}"


def _capture_one(
    engine: CaptureEngine, name: str, which: Which, sequence: bool, fps: float | None, seconds: float, bar: bool
) -> list[Take]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from mmface_core.capture.sources import open_source

    source = open_source(name, sequence, fps, seconds)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    shown = bar and not source.is_still
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as progress:
        task = progress.add_task(Path(name).name, total=source.expected)
        takes = engine.capture(source, which, lambda _frame, _faces: progress.advance(task))
    if source.expected and not source.is_still and len(takes[0]) < 0.95 * source.expected:
        click.echo(f"Note: {name} announces {source.expected} frames; {len(takes[0])} could be decoded.", err=True)
    return takes
