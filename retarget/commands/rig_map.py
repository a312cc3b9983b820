"""`mmface rig map`: which key or bone follows which ARKit unit, as a small file to read and edit."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from retarget.commands.mapping_options import mapping_options

if TYPE_CHECKING:
    from retarget.mapping.map_rig import MapOptions


@click.command()
@click.argument("rig", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="The mapping to write; default: RIG.map.json here."
)
@click.option("--blank", is_flag=True, help="Write all 52 channels with nothing on them, to fill in by hand.")
@mapping_options
@click.option("--blender", "program", help="A Blender program to use in place of the bpy module.")
@click.option("--timeout", type=click.FloatRange(min=1), default=300.0, show_default=True, help="Seconds of silence.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def map_command(
    rig: Path, output: Path | None, blank: bool, mapping: "MapOptions", program: str | None, timeout: float
) -> None:
    """Write what drives what in RIG (.blend, .glb, .gltf, .fbx) as a file for `mmface-retarget --mapping`.

    Edit the file by hand: gain, min, max, mute, other keys. docs/rigs.md explains each entry.
    """
    from mmface_core.errors import UserError
    from retarget.blender import Blender
    from retarget.mapping.map_rig import blank_mapping, map_rig
    from retarget.mapping.schema import save_mapping
    from retarget.mapping.told import mapping_lines
    from retarget.pipeline import check_rig, compare_shapes, describe_rig

    check_rig(rig)
    output = output or Path(f"{rig.stem}.map.json")
    if output.suffix.lower() != ".json":
        raise UserError(f"{output} should end in .json.")
    if not output.resolve().parent.is_dir():
        raise UserError(f"The folder {output.resolve().parent} does not exist; make it first.")
    mapping.check()
    blender = Blender(program, timeout)
    described, warnings = describe_rig(rig, blender)
    if blank:
        save_mapping(blank_mapping(described), output)
        click.echo(f"Wrote {output}: 52 channels to fill in; the rig's keys are listed by `mmface rig inspect --keys`.")
        return
    mapped = map_rig(described, rig.name, options=mapping, geometry=lambda: compare_shapes(rig, described, blender))
    save_mapping(mapped.mapping, output)
    lines = mapping_lines(mapped.mapping, mapped.named)
    lines += [f"Note: {warning}" for warning in warnings + mapped.warnings]
    click.echo("\n".join([*lines, f"Wrote {output}"]))


@click.command()
@click.argument("name", required=False)
def presets(name: str | None) -> None:
    """List the naming conventions that are known, or the table of one of them."""
    from retarget.mapping.conventions import CONVENTIONS, convention

    if name is None:
        for known in CONVENTIONS:
            click.echo(f"{known.name:20} {known.title}: {len(known.rows)} keys ({known.kind})")
        return
    for table in convention(name):
        click.echo(f"{table.title} ({table.kind})")
        for row, units in table.rows.items():
            click.echo(f"  {row}: " + (", ".join(f"{unit} {gain:g}" for unit, gain in units.items()) or "not driven"))
