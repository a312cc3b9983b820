"""`mmface export`: weights for `mmface capture` from a training checkpoint."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the exported files.")
@click.option("--model", type=click.Path(path_type=Path), help="The face model (.npz) that it was trained for.")
@click.option(
    "--half-way-to",
    "earlier",
    type=click.Path(path_type=Path),
    help="Weights (.safetensors or .pt) that the run began from: export the mean of both.",
)
def export(checkpoint: Path, output: Path, model: Path | None, earlier: Path | None) -> None:
    """Export CHECKPOINT's averaged weights as ONNX, with the copy for torch and the description beside it."""
    from mmface_core.model.face_model import FaceModel
    from train.export import export_checkpoint

    path = export_checkpoint(checkpoint, output, FaceModel.load(model), earlier)
    click.echo(f"Wrote {path}.")
