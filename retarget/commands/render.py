"""`mmface render`: a performance on a rig as frames or as an .mp4."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmface_core.errors import UserError
from retarget.commands.mapping_options import mapping_options

if TYPE_CHECKING:
    from retarget.mapping.map_rig import MapOptions


class Size(click.ParamType):
    """WIDTHxHEIGHT in pixels, or `scene`."""

    name = "WxH"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        if not isinstance(value, str) or value == "scene":
            return None if value == "scene" else value
        parts = value.lower().split("x")
        if len(parts) != 2 or not all(part.isdecimal() for part in parts):
            self.fail(f"{value!r} is no size; say for example 1280x720, or scene.", param, ctx)
        return int(parts[0]), int(parts[1])


def frame_span(text: str) -> range:
    """`10-19`, or a single number, as frames. Raises UserError."""
    first, _, last = text.partition("-")
    if not first.isdecimal() or (last and not last.isdecimal()) or int(last or first) < int(first):
        raise UserError(f"{text} are no frames; say for example 1-100, or 7.")
    return range(int(first), int(last or first) + 1)


@click.command()
@click.argument("source", metavar="INPUT")
@click.argument("rig", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="OUT.mp4, or a folder of frames.")
@click.option("--engine", type=click.Choice(["workbench", "eevee", "cycles"]), default="workbench", show_default=True)
@click.option("--size", type=Size(), default="720x720", show_default=True, metavar="WxH|scene", help="Pixels.")
@click.option("--samples", type=click.IntRange(0), default=0, help="Samples a pixel; 0 is the scene's own.")
@click.option(
    "--camera",
    type=click.Choice(["head", "scene"]),
    default="head",
    show_default=True,
    help="A framed head shot, or the scene's own camera.",
)
@click.option("--transparent", is_flag=True, help="No background (frames only: an .mp4 has no alpha).")
@click.option("--no-sound", is_flag=True, help="Leave the clip's sound out of the .mp4.")
@click.option("--frames", help="Render only these of Blender's frames, such as 1-100: one chunk, for a render farm.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Blenders at a time.")
@click.option("--scheduler", metavar="tcp://...", help="Render on a Dask cluster that shares the files.")
@click.option("--chunk", type=click.IntRange(1), default=25, show_default=True, help="Frames that one Blender renders.")
@click.option("--smooth", type=click.FloatRange(0, 1), help="Smoothing over time, as of mmface-retarget.")
@mapping_options
@click.option("--head", type=click.Choice(["absolute", "relative", "off"]), default="absolute", show_default=True)
@click.option("--start", type=int, default=1, show_default=True, help="Blender's frame for the video's first picture.")
@click.option("--face", default="largest", show_default=True, help="Which face: largest, 1, 2, ...")
@click.option("--blender", "program", help="A Blender program to use in place of the bpy module.")
@click.option("--timeout", type=click.FloatRange(min=1), default=300.0, show_default=True, help="Seconds of silence.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def render(
    source: str,
    rig: Path,
    output: Path,
    engine: str,
    size: tuple[int, int] | None,
    samples: int,
    camera: str,
    transparent: bool,
    no_sound: bool,
    frames: str | None,
    workers: int,
    scheduler: str | None,
    chunk: int,
    smooth: float | None,
    head: str,
    start: int,
    face: str,
    program: str | None,
    timeout: float,
    quiet: bool,
    mapping: MapOptions,
) -> None:
    """Render RIG with the face in INPUT (a take, a video, pictures) to OUT.mp4 or to a folder of frames.

    Frames that are there already are kept, so a stopped render goes on where it was. With -o OUT.mp4 the frames lie in
    OUT.frames beside it. On a farm, give every machine the take, the same options and its own --frames; a last call
    without --frames finds all frames there and joins them.
    """
    from retarget.blender import Blender
    from retarget.performance import Settings
    from retarget.render_job import RenderRequest, run_render
    from retarget.rendering import RenderOptions

    video = output.suffix.lower() == ".mp4"
    if transparent and video and not frames:
        raise UserError("An .mp4 has no transparency; give a folder with -o, and frames with alpha are written there.")
    settings = Settings(start=start) if smooth is None else Settings(smooth=smooth, start=start)
    request = RenderRequest(
        source=Path(source),
        rig=rig,
        output=output,
        options=RenderOptions(engine, size, samples, camera, transparent),  # type: ignore[arg-type]
        settings=settings,
        head=head,
        mapping=mapping,
        face=face,
        sound=not no_sound,
        only=frame_span(frames) if frames else None,
    )
    say = (lambda _text: None) if quiet else (lambda text: click.echo(text, err=True))
    done = run_render(request, Blender(program, timeout), workers, scheduler, chunk, say)
    if not quiet:
        click.echo(done)
