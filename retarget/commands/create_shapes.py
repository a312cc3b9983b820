"""`mmface rig create-shapes`: the 52 ARKit shape keys for a head that has none."""

from pathlib import Path

import click

from mmface_core.errors import UserError


@click.command("create-shapes")
@click.argument("head", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The .blend to write.")
@click.option("--sheet", type=click.Path(path_type=Path), help="Also draw all 52 keys as one picture (.png or .jpg).")
@click.option("--strength", type=click.FloatRange(0.05, 5.0), default=1.0, show_default=True, help="How far keys move.")
@click.option("--replace", is_flag=True, help="Drop the head's own shape keys first.")
@click.option("--force", is_flag=True, help="Go on where the face model does not fit well.")
@click.option("--blender", "program", help="A Blender program to use instead of the bpy module.")
def create_shapes(
    head: Path, output: Path, sheet: Path | None, strength: float, replace: bool, force: bool, program: str | None
) -> None:
    """Make the 52 ARKit shape keys on HEAD (.blend, .glb, .gltf or .fbx), on its own topology, in a copy of the file.

    The face is found by rendering the head and looking at it; mouth, lids, eyeballs, teeth and tongue follow the face
    model that is laid over it. HEAD itself is never changed.
    """
    if not head.is_file():
        raise UserError(f"There is no file {head}.")
    if output.suffix.lower() != ".blend":
        raise UserError(f"{output} should end in .blend.")
    if output.exists() and output.samefile(head):
        raise UserError(f"{output} is the head itself and is never overwritten; choose another name.")
    if sheet and sheet.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UserError(f"{sheet} should end in .png or .jpg.")
    for path in (output, sheet):
        if path and not path.resolve().parent.is_dir():
            raise UserError(f"The folder {path.resolve().parent} does not exist; make it first.")
    from retarget.blender import Blender
    from retarget.registration.create import create_shapes as create
    from retarget.registration.sheet import draw_sheet

    blender = Blender(program)
    created = create(head, output, strength=strength, replace=replace, force=force, blender=blender)
    for sentence in created.sentences:
        click.echo(sentence)
    click.echo(f"Wrote {output}.")
    if sheet:
        draw_sheet(output, created.registration, sheet, blender)
        click.echo(f"Wrote {sheet}: look at it before you use the keys.")
