"""`mmface convert`: a clip from one format to another."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmface_core.commands.webcam_option import webcam_option
from retarget.commands.cleaning_options import cleaning_options
from retarget.commands.mapping_options import mapping_options

if TYPE_CHECKING:
    from retarget.mapping.map_rig import MapOptions
    from retarget.performance import Settings


@click.command()
@click.argument("source", metavar="SOURCE")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The file to write.")
@click.option("--rig", type=click.Path(path_type=Path), help="The rig that a scene (.glb, .fbx, .usd) shows moving.")
@click.option(
    "--format",
    "named",
    type=click.Choice(["take", "livelink", "facecap", "csv", "json", "mesh", "scene"]),
    help="What to write, where the ending leaves it open: a .csv is livelink unless csv (a plain table) is asked for.",
)
@cleaning_options
@mapping_options
@click.option(
    "--head",
    type=click.Choice(["absolute", "relative", "off"]),
    default="absolute",
    show_default=True,
    help="For --rig: what counts as straight ahead, or no head rotation.",
)
@click.option("--face", default="largest", show_default=True, help="Which face of a video: largest, 1, 2, ...")
@webcam_option
@click.option("--no-identity", is_flag=True, help="Leave the person's face shape out of takes and meshes.")
@click.option("--blender", "program", help="A Blender program to use in place of the bpy module.")
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=300.0, show_default=True, help="Seconds Blender may be silent."
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def convert(
    source: str,
    output: Path,
    rig: Path | None,
    named: str | None,
    head: str,
    face: str,
    seconds: float,
    no_identity: bool,
    program: str | None,
    timeout: float,
    quiet: bool,
    settings: "Settings",
    mapping: "MapOptions",
) -> None:
    """Write the face in SOURCE for another tool.

    SOURCE is a take (.npz), a recording of Live Link Face (.csv) or Face Cap (.txt), a table of weights (.csv, .json),
    a video or picture, or an animated .blend. The output's ending says what is written: .npz a take; .csv Live Link
    Face; .txt Face Cap; .json weights; .obj or .ply a numbered sequence of face meshes; .glb, .fbx, .usd (also .usda,
    .usdc, .usdz) or .blend a rig that moves, which --rig names unless SOURCE is one.
    """
    # Imported here so that --help answers at once.
    from retarget.blender import Blender
    from retarget.command import progress_bars
    from retarget.exchange.convert import convert as run

    with progress_bars(quiet) as progress:
        done = run(
            source,
            output,
            rig=rig,
            named=named,
            settings=settings,
            head=head,
            face=face,
            seconds=seconds,
            identity=not no_identity,
            options=mapping,
            blender=Blender(program, timeout),
            progress=progress,
        )
    if not quiet:
        click.echo("\n".join(done))
