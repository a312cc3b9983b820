"""Table 1 for any weights and any of the datasets: every face measured under every variant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from mmface_core.capture.load import reconstruct_config
from mmface_core.capture.reconstruct import Reconstructor
from mmface_core.errors import UserError
from mmface_core.geometry.camera import weak_perspective
from mmface_core.model.face_model import FaceModel
from mmface_core.network.inference import Predictor
from train.datasets.cropping import CropKind, box_crop
from train.datasets.index import Index
from train.datasets.labels import BadItem, Labels
from train.datasets.truth import Truth, TruthMaker
from train.measure.annotations import yaw_of
from train.measure.protocol import Measured, nme2d, nme3d
from train.measure.variants import ROWS, Shapes, Variants

BATCH = 8


@dataclass(frozen=True)
class Request:
    """How to measure. crop: None takes what the network was trained on. labels: "original" or "reannotated".

    yaws: name of a picture -> degrees, for the bands, instead of the labels' own pose. pixel_origin: what the label
    files call the centre of the first pixel. limit: measure only so many faces, evenly spread; 0 for all.
    """

    crop: CropKind | None = None
    labels: str = "original"
    yaws: Mapping[str, float] | None = None
    pixel_origin: int = 0
    limit: int = 0


@dataclass
class TableResult:
    """What was measured on one dataset. rows: variant -> figures of the faces, in their order; yaw_deg alike.

    dense: whether NME3D is over the whole mesh (the labels are this model's parameters) or over the 68 points.
    exact_pose: the same for the row with the true pose. bad: reason -> count of pictures left out.
    """

    dataset: str
    labels: str
    rows: dict[str, list[Measured]] = field(default_factory=dict)
    yaw_deg: list[float] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    dense: bool = False
    exact_pose: bool = False
    banded: bool = True
    bad: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Face:
    name: str
    picture: np.ndarray
    true: np.ndarray  # (68, 2 or 3) crop px
    truth: Truth | None
    yaw_deg: float


def measure_dataset(
    predictor: Predictor,
    model: FaceModel,
    index: Index,
    request: Request,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> TableResult:
    """Every face of an index under every variant. UserError where none can be measured."""
    predictor.check_model(model)
    reader = Reconstructor(predictor, model, reconstruct_config(model, "points"))
    maker = TruthMaker(model)
    result = TableResult(index.dataset.title, request.labels, banded=index.dataset.bands)
    result.bad.update(index.bad)
    variants: Variants | None = None
    kept: list[_Face] = []
    total = len(chosen(index, request.limit))
    faces = _faces(index, maker, request, request.crop or predictor.config.crop, result.bad)
    for done, face in enumerate(faces, start=1):
        if variants is None:
            result.dense = face.truth is not None
            result.exact_pose = result.dense
            variants = Variants(model, reader, result.dense)
        kept.append(face)
        if len(kept) == BATCH:
            _measure(predictor, model, variants, kept, result)
            kept = []
        progress(done, total)
    if variants is None:
        raise UserError(f"No face of {index.dataset.title} can be measured ({dict(result.bad) or 'it is empty'}).")
    if kept:
        _measure(predictor, model, variants, kept, result)
    return result


def chosen(index: Index, limit: int) -> list[int]:
    """Which items of an index are measured: all, or `limit` of them evenly spread."""
    count = len(index.items)
    if not 0 < limit < count:
        return list(range(count))
    return [int(place) for place in np.linspace(0, count - 1, limit).round()]


def _faces(index: Index, maker: TruthMaker, request: Request, kind: CropKind, bad: Counter[str]) -> Iterator[_Face]:
    for number in chosen(index, request.limit):
        item = index.items[number]
        try:
            labels = index.dataset.labels(item)
            points = _points(labels, request)
            image = index.dataset.picture(item)
        except BadItem as error:
            bad[str(error)] += 1
            continue
        crop = box_crop(points) if kind == "box" else maker.crop_by_pose(points)
        truth = maker.truth(labels, crop, image.shape[0]) if maker.exact(labels) else None
        yaw = _yaw(item.name, labels, points, maker, request)
        yield _Face(item.name, crop.extract(image), np.asarray(crop.points_to_crop(points)), truth, yaw)


def _points(labels: Labels, request: Request) -> np.ndarray:
    """True points (68, 2) or with depth (68, 3), 0-based px. Raises BadItem where the wanted set is not there."""
    if request.labels == "reannotated":
        if labels.reannotated is None:
            raise BadItem("no re-annotated landmarks")
        return labels.reannotated - request.pixel_origin
    if labels.points is None:
        raise BadItem("no landmarks")
    points = labels.points - request.pixel_origin
    return points if labels.depth is None else np.column_stack([points, labels.depth])


def _yaw(name: str, labels: Labels, points: np.ndarray, maker: TruthMaker, request: Request) -> float:
    if request.yaws is not None:
        short = name.rsplit("/", 1)[-1]
        if short not in request.yaws:
            raise UserError(f"The file of yaw angles has no line for {short}.")
        return request.yaws[short]
    return labels.yaw_deg if labels.yaw_deg is not None else yaw_of(points, maker.neutral)


def _measure(
    predictor: Predictor, model: FaceModel, variants: Variants, faces: list[_Face], result: TableResult
) -> None:
    prediction = predictor.predict(np.stack([face.picture for face in faces]))
    made = variants.of(prediction, [face.truth for face in faces], [face.true[:, :2] for face in faces])
    for face, shapes in zip(faces, made, strict=True):
        true_mesh = _true_mesh(model, face.truth) if result.dense and face.truth is not None else None
        for name in ROWS:
            if name in shapes:
                result.rows.setdefault(name, []).append(_figures(shapes[name], face.true, true_mesh))
        result.yaw_deg.append(face.yaw_deg)
        result.names.append(face.name)


def _figures(shapes: Shapes, true: np.ndarray, mesh: np.ndarray | None) -> Measured:
    flat, diagonal = nme2d(shapes.marks, true)
    if mesh is not None and shapes.mesh is not None:
        return Measured(flat, diagonal, nme3d(shapes.mesh, mesh))
    return Measured(flat, diagonal, nme3d(shapes.marks, true) if true.shape[1] == 3 else float("nan"))


def _true_mesh(model: FaceModel, truth: Truth) -> np.ndarray:
    codes = [torch.from_numpy(code)[None] for code in (truth.identity, truth.expression)]
    pose = [torch.from_numpy(np.asarray(part, np.float32))[None] for part in truth.pose]
    return weak_perspective(model.shape(*codes), *pose)[0].numpy()


def read_yaws(path: Path, names: list[str]) -> dict[str, float]:
    """Yaw in degrees by picture: a CSV of name,degrees, or a .npy of one angle for each picture in order of name."""
    try:
        if path.suffix == ".npy":
            values = np.load(path, allow_pickle=False).reshape(-1).astype(float)
            if len(values) != len(names):
                raise UserError(f"{path} holds {len(values)} angles; the dataset has {len(names)} pictures.")
            return dict(zip(sorted(names), values.tolist(), strict=True))
        rows = [line.split(",") for line in path.read_text().splitlines() if line.strip()]
        return {Path(name.strip()).stem: float(value) for name, value in rows}
    except (OSError, ValueError) as error:
        raise UserError(f"The yaw angles {path} cannot be read ({error}).") from error
