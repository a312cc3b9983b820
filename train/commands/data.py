"""`mmface portraits` and `mmface train-sheet`: prepare the training pictures, and look at them."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("shards", type=click.Path(path_type=Path))
@click.option("--label-python", help="A Python interpreter that has mediapipe (default: this one).")
def portraits(shards: Path, label_python: str | None) -> None:
    """Label the portraits of a folder of tar shards and fit the face model to them.

    Pictures and labels go to the training cache (MMFACE_TRAIN_CACHE, or ~/.cache/mmface/train).
    """
    from mmface_core.errors import UserError
    from train.data.portraits.prepare import prepare

    if not shards.is_dir():
        raise UserError(f"{shards} is not a folder of portrait shards.")
    prepare(shards, label_python, click.echo)


@click.command("train-sheet")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("sheet.png"), show_default=True)
@click.option("--count", default=48, show_default=True, help="Number of samples.")
@click.option("--columns", default=8, show_default=True)
@click.option("--size", default=256, show_default=True, help="Side of the crops in pixels, as the network takes them.")
@click.option("--seed", default=0, show_default=True)
@click.option("--only", type=click.Choice(["textured", "portrait", "procedural"]), help="One stream only.")
@click.option("--marks/--no-marks", default=True, help="Draw the labels' landmarks.")
@click.option("--augment/--no-augment", default=True, help="Spoil the pictures as in training.")
def train_sheet(
    output: Path, count: int, columns: int, size: int, seed: int, only: str | None, marks: bool, augment: bool
) -> None:
    """Write a contact sheet of the pictures that the network is trained on."""
    import itertools

    from train.data.loader import make_stream
    from train.data.sheet import draw_sheet
    from train.picture_file import write_picture

    config = {"augment": augment} | ({"shares": {only: 1.0}} if only else {})
    samples = list(itertools.islice(make_stream(config, size, seed, 0), count))
    write_picture(output, draw_sheet(samples, columns, marks))
    click.echo(f"wrote {count} samples to {output}")
