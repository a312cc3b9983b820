"""`mmface evaluate --table1 --figure4`: the paper's table and curve for datasets on the user's disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click


def print_table1(
    datasets: Sequence[Path],
    weights: Path | None,
    model_path: Path | None,
    request_fields: dict[str, Any],
    bands: Path | None,
    table1: bool,
    figure4: Path | None,
    json_path: Path | None,
    latex: Path | None,
) -> None:
    """Measure every dataset under every label set that it has, and print and write what was asked for."""
    import numpy as np

    from mmface_core.errors import UserError
    from mmface_core.model.face_model import FaceModel
    from mmface_core.network.inference import Predictor
    from train.datasets.index import open_dataset
    from train.measure import table_text
    from train.measure.curve import write_chart
    from train.measure.florence import measure_florence
    from train.measure.table1 import Request, TableResult, measure_dataset, read_yaws

    if not datasets:
        raise UserError("Name the datasets to measure on: folders, index files, or KIND:FOLDER.")
    for path in (figure4, json_path, latex):
        if path is not None and not path.resolve().parent.is_dir():
            raise UserError(f"The folder {path.resolve().parent} does not exist; make it first.")
    if figure4 is not None and figure4.suffix.lower() not in (".svg", ".png"):
        raise UserError(f"{figure4} should end in .svg or .png.")
    indices = [open_dataset(where) for where in datasets]
    predictor = Predictor(weights)
    model = FaceModel.load(model_path)
    predictor.check_model(model)
    title = f"Network: {predictor.description}."
    results: list[TableResult] = []
    curves: dict[str, list[tuple[float, float]]] = {}
    for index in indices:
        for line in index.lines():
            click.echo(line, err=True)
        if index.dataset.key == "florence":
            florence = measure_florence(predictor, model, index, Request(**request_fields), _progress)
            for line in [title, *florence.lines()] if table1 else []:
                click.echo(line)
            curves[f"Florence, point to plane ({np.mean(florence.nme3d):.2f} %)"] = cumulative_to(florence.nme3d)
            continue
        names = [Path(item.name).name for item in index.items]
        yaws = read_yaws(bands, names) if bands is not None else None
        for labels in label_sets(index):
            request = Request(**request_fields, labels=labels, yaws=yaws)
            result = measure_dataset(predictor, model, index, request, _progress)
            results.append(result)
            if table1:
                for line in table_text.text(result, title):
                    click.echo(line)
            for name, faces in result.rows.items() if labels == "original" else ():
                errors = [face.nme68 for face in faces]
                curves[f"{result.dataset}, {name} ({np.mean(errors):.2f} %)"] = cumulative_to(errors)
    if json_path is not None:
        json_path.write_text(table_text.as_json(results, title))
        click.echo(f"Wrote {json_path}.")
    if latex is not None:
        latex.write_text(table_text.as_latex(results, title))
        click.echo(f"Wrote {latex}.")
    if figure4 is not None:
        write_chart(figure4, curves, "NME, %; upwards the share of faces below it", CURVE_END)
        click.echo(f"Wrote {figure4}.")


CURVE_END = 10.0  # % NME at the right end


def cumulative_to(errors: Sequence[float]) -> list[tuple[float, float]]:
    """The cumulative curve from 0 to `CURVE_END`."""
    from train.measure.curve import cumulative

    return cumulative(errors, end=CURVE_END)


def label_sets(index: Any) -> list[str]:
    """The label sets of a dataset: the original one, and the re-annotated one where pictures have it."""
    from train.datasets.labels import BadItem

    for item in index.items[:20]:
        try:
            if index.dataset.labels(item).reannotated is not None:
                return ["original", "reannotated"]
        except BadItem:
            continue
    return ["original"]


def _progress(done: int, of: int) -> None:
    if done % 100 == 0 or done == of:
        click.echo(f"{done} of {of} faces", err=True)
