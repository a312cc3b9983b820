"""`mmface dataset`: look through a published dataset and write its index."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("root", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write the index here (.csv) [default: the cache]."
)
@click.option("--kind", help="Which dataset it is, where that is not told by its files.")
def dataset(root: Path, output: Path | None, kind: str | None) -> None:
    """Read every label file of the dataset at ROOT and say what can be used: 300W-LP, AFLW2000-3D, 300-VW, LS3D-W or
    Florence.

    Training and evaluation take the index file, or the folder itself, which is then indexed once.
    """
    from train.datasets.index import build_index, open_dataset, write_index

    def said(count: int) -> None:
        if count % 10000 == 0:
            click.echo(f"{count} label files", err=True)

    if output is None:
        index = open_dataset(f"{kind}:{root}" if kind else root, said)
    else:
        index = build_index(root, kind, said)
        write_index(index, output)
    for line in index.lines():
        click.echo(line)
    if output is not None:
        click.echo(f"Wrote {output}.")
