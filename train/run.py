"""A training run from a configuration file: the trainer joined with the data streams."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import torch
from torch import Tensor

from mmface_core.archive import write_arrays
from mmface_core.errors import UserError
from mmface_core.model.face_model import FaceModel
from mmface_core.whole_file import replacing
from train.batch import Place, stack
from train.config import RunConfig, Stage, read_config, write_config
from train.data.loader import heldout_sample, make_loader, make_ordered_loader
from train.datasets.index import open_dataset
from train.datasets.stream import make_dataset_loader, open_samples
from train.loop import Trainer
from train.parallel import Ranks

LOADER_BATCH = 8
"""A pool takes small helpings, so that it fills steadily."""


def run_training(config_path: Path, folder: Path, report: Callable[[str], None]) -> None:
    """Train as the file says, in `folder`; an existing run there goes on. UserError for a folder of another config."""
    config = read_config(config_path)
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "config.yaml"
    leads = int(os.environ.get("RANK", "0")) == 0
    if leads and kept.is_file() and read_config(kept).network != config.network:
        raise UserError(f"{folder} holds a run of another network; choose another --run-dir.")
    if leads:
        write_config(config, kept)
    ranks = Ranks.from_torchrun()
    if ranks is not None:
        torch.set_num_threads(config.threads)
        _train(config, folder, ranks, report)
        return
    rendezvous = Path(tempfile.mkdtemp()) / "rendezvous"
    spawn = multiprocessing.get_context("spawn")
    others = [
        spawn.Process(target=_run_rank, args=(config, folder, rank, rendezvous)) for rank in range(1, config.processes)
    ]
    for other in others:
        other.start()
    try:
        _run_rank(config, folder, 0, rendezvous, report)
    finally:
        for other in others:
            other.join(timeout=30.0)
            if other.is_alive():
                other.terminate()


def _run_rank(
    config: RunConfig, folder: Path, rank: int, rendezvous: Path, report: Callable[[str], None] = lambda line: None
) -> None:
    torch.set_num_threads(config.threads)
    _train(config, folder, Ranks.join(rank, config.processes, rendezvous), report)


def _train(config: RunConfig, folder: Path, ranks: Ranks, report: Callable[[str], None]) -> None:
    """Train among the others, and leave them."""
    try:
        _train_joined(config, folder, ranks, report)
    finally:
        ranks.leave()


def _train_joined(config: RunConfig, folder: Path, ranks: Ranks, report: Callable[[str], None]) -> None:
    numba.set_num_threads(min(config.threads, numba.get_num_threads()))
    config = with_budgets(config)
    validated = not config.datasets or bool(config.data.get("validation"))
    Trainer(
        config,
        folder,
        FaceModel.load(config.model_path),
        lambda stage, used: _loader(config, stage, used, ranks),
        (lambda size: validation_samples(config, size, folder)) if validated else None,
        report,
        ranks=ranks,
    ).run()


def with_budgets(config: RunConfig) -> RunConfig:
    """The run with its stages' epochs as images of its datasets. UserError where there are none to count."""
    if not any(stage.epochs and not (stage.images or stage.minutes) for stage in config.stages):
        return config
    if not config.datasets:
        raise UserError("Epochs need datasets in `data`; give a budget in images or minutes.")
    size = sum(len(open_dataset(root).items) for root in config.datasets)
    stages = tuple(
        stage if stage.images or stage.minutes else replace(stage, images=max(1, round(stage.epochs * size)))
        for stage in config.stages
    )
    return replace(config, stages=stages)


def validation_samples(config: RunConfig, size: int, folder: Path) -> dict[str, Tensor]:
    """The held-out renders at `size` px, or pictures of the datasets that `data` names for it; kept in the folder."""
    path = folder / f"validation{size}.npz"
    if not path.is_file():
        if config.datasets:
            data = config.data | {"datasets": config.data["validation"], "augment": False}
            held = open_samples(data, FaceModel.load(config.model_path), size, 0)
            count = min(config.validation_samples, len(held.order))
            samples = stack([held.sample(place) for place in range(count)])
        else:
            samples = stack([heldout_sample(i, size) for i in range(config.validation_samples)])
        with replacing(path) as kept:
            write_arrays(kept, {key: value.numpy() for key, value in samples.items()})
    with np.load(path) as file:
        return {key: torch.from_numpy(file[key]) for key in file.files}


def _loader(config: RunConfig, stage: Stage, used: int, ranks: Ranks) -> Iterable[dict[str, Tensor]]:
    if config.pool:
        seed = config.seed + 101 * ranks.rank  # a stream of its own for each process
        return make_loader(config.data | {"start": used}, stage.input_size, seed, LOADER_BATCH, config.workers)
    if stage.batch % ranks.count:
        raise UserError(f"Stage {stage.name!r} has batches of {stage.batch}, which {ranks.count} ranks cannot share.")
    place = Place(used, stage.batch, ranks.rank, ranks.count)
    size, seed, workers = stage.input_size, config.seed, config.workers
    if config.datasets:
        return make_dataset_loader(config.data, config.model_path, size, seed, place, workers)
    return make_ordered_loader(config.data, size, seed, place, workers)
