"""The command `mmface-retarget`, which is also `mmface retarget`."""

import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmface_core.commands.webcam_option import webcam_option
from retarget.commands.cleaning_options import cleaning_options
from retarget.commands.mapping_options import mapping_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from retarget.mapping.map_rig import MapOptions
    from retarget.performance import Settings


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("source", metavar="INPUT")
@click.argument("rig", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="The .blend to write; default: INPUT_RIG.blend here."
)
@click.option("--take", type=click.Path(path_type=Path), help="Also keep what was captured, as a take (.npz).")
@click.option(
    "--preview", type=click.Path(path_type=Path), help="Also write an .mp4: the tracked video beside the avatar."
)
@click.option(
    "--motion", type=click.Path(path_type=Path), help="Also write the curves (.json) for the Blender add-on to load."
)
@cleaning_options
@mapping_options
@click.option(
    "--head",
    type=click.Choice(["absolute", "relative", "off"]),
    default="absolute",
    show_default=True,
    help="Rest is facing the camera (absolute), or the clip's mean direction (relative).",
)
@click.option(
    "--face", default="largest", show_default=True, help="Which face, where there are several: largest, 1, 2, ..."
)
@webcam_option
@click.option("--no-identity", is_flag=True, help="Leave the person's face shape out of the --take.")
@click.option("--blender", "program", help="A Blender program to use in place of the bpy module.")
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=300.0, show_default=True, help="Seconds Blender may be silent."
)
@click.option("--profile", is_flag=True, help="Also print where the time went, by stage.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def retarget(
    source: str,
    rig: Path,
    output: Path | None,
    take: Path | None,
    preview: Path | None,
    motion: Path | None,
    head: str,
    face: str,
    seconds: float,
    no_identity: bool,
    program: str | None,
    timeout: float,
    profile: bool,
    quiet: bool,
    settings: "Settings",
    mapping: "MapOptions",
) -> None:
    """Animate a copy of RIG (.blend, .glb, .gltf, .fbx) with the face in INPUT.

    INPUT is a video, an image, a folder of images, a webcam's number, a take (.npz), or a recording of Live Link Face
    (.csv) or Face Cap (.txt). The result is a new .blend
    with an action named after the clip, at the clip's own frame rate; RIG itself is never changed.
    """
    # Imported here so that --help answers at once.
    from mmface_core.capture.stages import NO_STAGES, Stages
    from retarget.blender import Blender
    from retarget.pipeline import retarget_video

    stages = Stages() if profile else NO_STAGES
    began = time.perf_counter()
    with progress_bars(quiet) as progress:
        report = retarget_video(
            source,
            rig,
            output,
            take=take,
            preview=preview,
            motion=motion,
            settings=settings,
            head=head,
            face=face,
            seconds=seconds,
            identity=not no_identity,
            options=mapping,
            blender=Blender(program, timeout),
            progress=progress,
            stages=stages,
        )
    if profile:
        click.echo("\n".join(stages.lines(report.performance.frame_count, time.perf_counter() - began)))
    if not quiet:
        click.echo("\n".join(report.lines()))


@contextmanager
def progress_bars(quiet: bool) -> "Iterator[Callable[[str, int, int], None]]":
    """Bars on the terminal, one for each part of the work; nothing where nobody watches."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=Console(stderr=True), transient=True, disable=quiet or not sys.stderr.isatty()
    ) as bars:
        tasks = {}

        def tell(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step.capitalize(), total=total or None)
            bars.update(tasks[step], completed=done, total=total or None)

        yield tell


def main() -> None:
    """Entry point of `mmface-retarget`."""
    from mmface_core.cli import run

    sys.exit(run(retarget))
