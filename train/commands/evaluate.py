"""`mmface evaluate`: figures of a checkpoint on held-out renders."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--samples", default=160, show_default=True, help="Held-out renders to measure on.")
def evaluate(checkpoint: Path, samples: int) -> None:
    """Measure CHECKPOINT on renders of held-out portraits, whose truth is known exactly."""
    from mmface_core.model.face_model import FaceModel
    from train import evaluate as figures
    from train.checkpoint import network_from_checkpoint
    from train.data.loader import heldout_sample, stack
    from train.targets import TargetMaker

    net = network_from_checkpoint(checkpoint)
    maker = TargetMaker(FaceModel.load(), net.config.volume_size)
    batch = stack([heldout_sample(index, net.config.input_size) for index in range(samples)])
    for name, value in figures.evaluate(net, batch, maker).items():
        click.echo(f"{name:12} {value:8.3f}")
