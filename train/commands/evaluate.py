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
@click.option("--both-ways", is_flag=True, help="Read the renders also mirrored, as capture reads still pictures.")
@click.option("--labels", type=click.Choice(["reannotated", "3d"]), default="reannotated", help="Of *_extra.npz files.")
@click.option("--refine", type=click.Choice(["none", "icp", "points", "icp+points"]))
@click.option("--by-skin", is_flag=True, help="Also by how light the skin looks in the picture.")
@click.option("--curve", type=click.Path(path_type=Path), help="Draw the cumulative error curves into this .svg.")
@click.option(
    "--worst",
    type=click.Path(path_type=Path),
    help="Write a sheet of the worst of N further renders into this .png; with painted skin, so they show no portrait.",
)
@click.option("--table1", is_flag=True, help="FOLDERS are datasets (or index files, or KIND:FOLDER): print Table 1.")
@click.option(
    "--figure4", type=click.Path(path_type=Path), help="Draw the datasets' error curves into this .svg or .png."
)
@click.option(
    "--model", type=click.Path(path_type=Path), help="The face model (.npz) that the weights were trained with."
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Also write the table's figures here.")
@click.option("--latex", type=click.Path(path_type=Path), help="Also write the table as LaTeX here.")
@click.option("--bands", type=click.Path(path_type=Path), help="Yaw angles for the bands: name,degrees, or a .npy.")
@click.option("--crop", type=click.Choice(["box", "pose"]), help="How faces are cut, if not as the weights ask.")
@click.option("--pixel-origin", type=click.Choice(["0", "1"]), default="0", help="How label files count pixels.")
@click.option("--limit", default=0, help="Measure so many faces of each dataset only.")
@click.option("--seed", default=0, help="Of the renders: another seed draws other heads.")
def evaluate(
    folders: Sequence[Path],
    weights: Path | None,
    renders: int,
    both_ways: bool,
    labels: str,
    refine: str | None,
    by_skin: bool,
    curve: Path | None,
    worst: Path | None,
    seed: int,
    table1: bool,
    figure4: Path | None,
    model: Path | None,
    json_path: Path | None,
    latex: Path | None,
    bands: Path | None,
    crop: str | None,
    pixel_origin: str,
    limit: int,
) -> None:
    """Measure weights on FOLDERS of annotated pictures (.pts, or AFLW2000-3D's *_extra.npz), as capture really runs.

    Landmark errors are in % of sqrt(w*h) of the annotated 68-point box. With --table1 or --figure4 the FOLDERS are the
    paper's datasets, faces are cropped by their true landmarks, and each variant of the paper's Table 1 is measured.
    """
    import tempfile

    from mmface_core.errors import UserError

    if not folders and not renders:
        raise UserError("Name folders of annotated pictures, or ask for --renders N.")
    if worst is not None and not renders:
        raise UserError("--worst shows renders; say with --renders N of how many.")
    with tempfile.TemporaryDirectory() as scratch:
        exported = _exported(weights, Path(scratch), model)
        if table1 or figure4 is not None:
            from train.commands.table1 import print_table1

            request = {"crop": crop, "pixel_origin": int(pixel_origin), "limit": limit}
            print_table1(folders, exported, model, request, bands, table1, figure4, json_path, latex)
            return
        if model is not None:
            raise UserError("--model goes with --table1 and --figure4.")
        if folders:
            _annotated(folders, exported, labels, refine, by_skin, curve)
        if renders:
            _rendered(exported, renders, refine, seed, worst, both_ways)


def _exported(weights: Path | None, scratch: Path, model: Path | None) -> Path | None:
    """Weights that capture can load: a checkpoint is exported into `scratch` first."""
    if weights is None or weights.suffix != ".pt":
        return weights
    from mmface_core.model.face_model import FaceModel
    from train.export import export_checkpoint

    return export_checkpoint(weights, scratch, FaceModel.load(model))


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


def _rendered(
    weights: Path | None, count: int, refine: str | None, seed: int, worst: Path | None, both_ways: bool
) -> None:
    from typing import cast

    from mmface_core.capture.both_ways import BothWays
    from mmface_core.capture.reconstruct import Predicts, ReconstructConfig, Refine
    from mmface_core.model.face_model import FaceModel
    from mmface_core.network.inference import Predictor
    from train.data.loader import heldout_sample
    from train.measure.rendered import compare, point_errors, read_rendered
    from train.measure.worst import worst_sheet
    from train.picture_file import write_picture

    indices = range(seed * 1_000_000, seed * 1_000_000 + count)
    model, single = FaceModel.load(), Predictor(weights)
    predictor: Predicts = BothWays(single, model) if both_ways else single
    config = ReconstructConfig() if refine is None else ReconstructConfig(cast(Refine, refine))
    samples = [heldout_sample(index) for index in indices]
    states = read_rendered(predictor, model, samples, config)
    click.echo(f"Network: {predictor.description}. Refinement: {config.refine}.")
    for line in compare(states, samples, model).lines():
        click.echo(line)
    if worst is not None:
        samples = [heldout_sample(index, shares={"procedural": 1.0}) for index in indices]
        states = read_rendered(predictor, model, samples, config)
        write_picture(worst, worst_sheet(states, samples, point_errors(states, samples), 12))
        click.echo(f"Wrote {worst}.")
