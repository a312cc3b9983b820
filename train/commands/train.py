"""`mmface train`: run a training configuration, or go on with one."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--run-dir", type=click.Path(path_type=Path), required=True, help="Folder of the run; an old one resumes."
)
@click.option("--plot", type=click.Path(path_type=Path), help="Only draw the run's progress so far into this .svg.")
def train(config: Path, run_dir: Path, plot: Path | None) -> None:
    """Train the network as CONFIG (YAML) says; started again with the same folder, go on where it stopped."""
    if plot is not None:
        from train.measure.curve import write_progress

        write_progress(plot, run_dir)
        click.echo(f"Wrote {plot}.")
        return
    from train.memory import keep_freed_memory, wait_without_spinning

    wait_without_spinning()  # both before torch is loaded
    keep_freed_memory()
    from train.run import run_training

    run_training(config, run_dir, report=click.echo)
