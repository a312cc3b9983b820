"""`mmface evaluate`: figures of weights on annotated pictures and on held-out renders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path))
@click.option("--weights", type=click.Path(path_type=Path), help="An exported .onnx, or a training checkpoint (.pt).")
@click.option("--renders", default=0, help="Also measure on this many held-out renders (needs the training cache).")
@click.option("--labels", type=click.Choice(["reannotated", "3d"]), default="reannotated", help="Of *_extra.npz files.")
@click.option("--refine", type=click.Choice(["none", "icp", "points", "icp+points"]))
@click.option("--by-skin", is_flag=True, help="Also by how light the skin looks in the picture.")
@click.option("--curve", type=click.Path(path_type=Path), help="Draw the cumulative error curves into this .svg.")
@click.option("--worst", type=click.Path(path_type=Path), help="Write a sheet of the worst renders into this .png.")
@click.option("--seed", default=0, help="Of the renders: another seed draws other heads.")
def evaluate(
    folders: Sequence[Path],
    weights: Path | None,
    renders: int,
    labels: str,
    refine: str | None,
    by_skin: bool,
    curve: Path | None,
    worst: Path | None,
    seed: int,
) -> None:
    """Measure weights on FOLDERS of annotated pictures (.pts, or AFLW2000-3D's *_extra.npz), as capture really runs.

    Landmark errors are in % of sqrt(w*h) of the annotated 68-point box.
    """
    import tempfile

    from mmface_core.errors import UserError

    if not folders and not renders:
        raise UserError("Name folders of annotated pictures, or ask for --renders N.")
    with tempfile.TemporaryDirectory() as scratch:
        exported = _exported(weights, Path(scratch))
        if folders:
            _annotated(folders, exported, labels, refine, by_skin, curve)
        if renders:
            _rendered(exported, renders, refine, seed, worst)


def _exported(weights: Path | None, scratch: Path) -> Path | None:
    """Weights that capture can load: a checkpoint is exported into `scratch` first."""
    if weights is None or weights.suffix != ".pt":
        return weights
    from mmface_core.model.face_model import FaceModel
    from train.export import export_checkpoint

    return export_checkpoint(weights, scratch, FaceModel.load())


def _annotated(
    folders: Sequence[Path], weights: Path | None, labels: str, refine: str | None, by_skin: bool, curve: Path | None
) -> None:
    from mmface_core.capture.engine import NoFaceError
    from mmface_core.capture.load import load_engine
    from mmface_core.capture.sources import open_source, read_image
    from train.measure.annotations import read_folder
    from train.measure.curve import write_curves
    from train.measure.landmark_error import face_error, summary
    from train.measure.skin import group_of, skin_angle

    engine = load_engine(weights, refine)
    click.echo(engine.description)
    curves = {}
    for folder in folders:
        errors = []
        for face in read_folder(folder, labels):
            try:
                takes = engine.capture(open_source(face.picture), "all")
            except NoFaceError:
                takes = []
            error = face_error(face.points, face.yaw_deg, takes)
            if by_skin:
                error = replace(error, skin=group_of(skin_angle(read_image(face.picture), face.points)))
            errors.append(error)
        click.echo(f"{folder.name}:")
        for line in summary(errors):
            click.echo(f"  {line}")
        curves[folder.name] = [error.inner51 for error in errors]
    if curve is not None:
        write_curves(curve, curves)
        click.echo(f"Wrote {curve}.")


def _rendered(weights: Path | None, count: int, refine: str | None, seed: int, worst: Path | None) -> None:
    from typing import cast

    import cv2

    from mmface_core.capture.reconstruct import ReconstructConfig, Refine
    from mmface_core.model.face_model import FaceModel
    from mmface_core.network.inference import Predictor
    from train.data.loader import heldout_sample
    from train.measure.rendered import compare, point_errors, read_rendered
    from train.measure.worst import worst_sheet

    samples = [heldout_sample(seed * 1_000_000 + index) for index in range(count)]
    model = FaceModel.load()
    config = ReconstructConfig() if refine is None else ReconstructConfig(cast(Refine, refine))
    states = read_rendered(Predictor(weights), model, samples, config)
    click.echo(f"Refinement: {config.refine}.")
    for line in compare(states, samples, model).lines():
        click.echo(line)
    if worst is not None:
        cv2.imwrite(str(worst), worst_sheet(states, samples, point_errors(states, samples), 12)[..., ::-1])
        click.echo(f"Wrote {worst}.")
