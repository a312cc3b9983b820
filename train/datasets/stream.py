"""Batches of a dataset for the training loop: in an order that (seed, number) fixes, whoever reads them.

The samples that `numbered_batches` asks for are places of the shuffled list, epoch after epoch. A picture that cannot
be used gives way to the next in the order, and is counted in the batch's `bad`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from mmface_core.conventions import CROP_SIZE
from mmface_core.errors import UserError
from mmface_core.model.face_model import FaceModel
from train.batch import Place, numbered_batches
from train.datasets.cropping import CropKind, box_crop
from train.datasets.index import Index, open_dataset
from train.datasets.labels import BadItem, Item
from train.datasets.truth import TruthMaker

FITTED_TRUST = {"identity": 0.2, "expression": 0.5, "volume": 0.5}  # a fit to 68 points is no truth
MOST_BAD_IN_A_ROW = 100


@dataclass(frozen=True)
class Augment:
    """How far a training crop strays, as VRN does it: turn (degrees), shift (px of the crop), scale, colour gains."""

    turn: float = 45.0
    shift: float = 20.0
    scale: float = 0.15
    colour: float = 0.4


NONE = Augment(0.0, 0.0, 0.0, 0.0)


class Order:
    """The place -> item of an endless shuffled list; blocks of a dataset's neighbours stay together."""

    def __init__(self, indices: Sequence[Index], seed: int) -> None:
        self.items = [(number, item) for number, index in enumerate(indices) for item in index.items]
        self._blocks: list[np.ndarray] = []
        start = 0
        for index in indices:
            stop = start + len(index.items)
            size = index.dataset.block
            self._blocks += [np.arange(first, min(first + size, stop)) for first in range(start, stop, size)]
            start = stop
        self.seed = seed
        self._epoch, self._order = -1, np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self.items)

    def at(self, place: int) -> tuple[int, Item]:
        """(which dataset, item) at a place from 0 on."""
        epoch, row = divmod(place, len(self.items))
        if epoch != self._epoch:
            rng = np.random.default_rng([self.seed, epoch])
            self._order = np.concatenate([self._blocks[i] for i in rng.permutation(len(self._blocks))])
            self._epoch = epoch
        return self.items[self._order[row]]


class DatasetSamples:
    """Samples of datasets for one face model: `sample(place)` is a function of (seed, place)."""

    def __init__(
        self,
        roots: Sequence[str],
        model: FaceModel,
        size: int,
        seed: int,
        crop: CropKind = "box",
        augment: Augment = NONE,
    ) -> None:
        cv2.setNumThreads(1)
        if not roots:
            raise UserError("The training data names no datasets.")
        self.indices = [open_dataset(root) for root in roots]
        if any(index.dataset.key == "florence" for index in self.indices):
            raise UserError("Florence's pictures carry no landmarks, so nothing can be trained on them.")
        self.order = Order(self.indices, seed)
        self.truths = TruthMaker(model)
        self.size, self.seed, self.crop, self.augment = size, seed, crop, augment

    def sample(self, place: int) -> dict[str, np.ndarray]:
        """The sample at a place, with `bad`: how many unusable ones it stands in for."""
        for skipped in range(MOST_BAD_IN_A_ROW):
            number, item = self.order.at(place + skipped)
            try:
                return self._make(number, item, place) | {"bad": np.float32(skipped)}
            except BadItem as error:
                last = f"{item.name}: {error}"
        raise UserError(f"{MOST_BAD_IN_A_ROW} pictures in a row cannot be used, the last {last}.")

    def _make(self, number: int, item: Item, place: int) -> dict[str, np.ndarray]:
        dataset = self.indices[number].dataset
        labels = dataset.labels(item)
        pixels = labels.pixels
        image = dataset.picture(item)
        rng = np.random.default_rng([self.seed, 7, place])
        a = self.augment
        if self.crop == "box":
            turn = np.radians(rng.uniform(-a.turn, a.turn))
            shift = rng.uniform(-a.shift, a.shift, 2)
            crop = box_crop(pixels, 1.0 + rng.uniform(-a.scale, a.scale), turn, shift)
        else:
            crop = self.truths.crop_by_pose(pixels)
        truth = self.truths.truth(labels, crop, image.shape[0])
        picture = crop.extract(image)
        if a.colour:
            picture = np.clip(picture * rng.uniform(1 - a.colour, 1 + a.colour, 3), 0, 255).astype(np.uint8)
        if self.size != CROP_SIZE:
            picture = np.asarray(cv2.resize(picture, (self.size, self.size), interpolation=cv2.INTER_AREA))
        one = np.float32(1.0)
        fitted = {name: np.float32(value) for name, value in FITTED_TRUST.items()}
        trust = {name: one for name in fitted} if truth.exact else fitted
        made = {
            "crop": picture,
            "identity": truth.identity,
            "expression": truth.expression,
            "rotation": truth.pose.rotation.astype(np.float32),
            "scale": np.float32(truth.pose.scale),
            "translation": truth.pose.translation.astype(np.float32),
            "identity_weight": trust["identity"],
            "expression_weight": np.full(len(truth.expression), trust["expression"], np.float32),
            "pose_weight": one,
            "points_weight": one,
            "volume_weight": trust["volume"],
        }
        return made


class DatasetBatches(IterableDataset):
    """A rank's batches from a place of the run on."""

    def __init__(self, config: Mapping[str, Any], model: Path | None, size: int, seed: int, place: Place) -> None:
        """config: `datasets`, `crop`, `augment` (true, false, or fields of `Augment`)."""
        self.config, self.model, self.size, self.seed, self.place = dict(config), model, size, seed, place

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        if get_worker_info() is not None:
            torch.set_num_threads(1)
        samples = open_samples(self.config, FaceModel.load(self.model), self.size, self.seed)
        return numbered_batches(samples.sample, self.place)


def open_samples(config: Mapping[str, Any], model: FaceModel, size: int, seed: int) -> DatasetSamples:
    """The samples that a run's `data` describes. UserError where its fields do not fit."""
    wanted = config.get("augment", True)
    try:
        augment = Augment(**wanted) if isinstance(wanted, Mapping) else (Augment() if wanted else NONE)
    except TypeError as error:
        raise UserError(f"The data's augment has unknown fields ({error}).") from error
    roots = [str(root) for root in config["datasets"]]
    return DatasetSamples(roots, model, size, seed, config.get("crop", "box"), augment)


def make_dataset_loader(
    config: Mapping[str, Any], model: Path | None, size: int, seed: int, place: Place, workers: int
) -> DataLoader:
    """Batches of `DatasetBatches`, read by worker processes in their own order."""
    extra: dict[str, Any] = {"multiprocessing_context": "spawn", "prefetch_factor": 2} if workers else {}
    return DataLoader(DatasetBatches(config, model, size, seed, place), batch_size=None, num_workers=workers, **extra)
