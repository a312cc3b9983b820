"""A training run from a configuration file: the trainer joined with the data streams."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numba
import numpy as np
import torch
from torch import Tensor

from mmface_core.errors import UserError
from mmface_core.model.face_model import FaceModel
from train.config import RunConfig, Stage, read_config, write_config
from train.data.loader import heldout_sample, make_loader, stack
from train.loop import Trainer
from train.parallel import Ranks

LOADER_BATCH = 8


def run_training(config_path: Path, folder: Path, report: Callable[[str], None]) -> None:
    """Train as the file says, in `folder`; an existing run there goes on. UserError for a folder of another config."""
    config = read_config(config_path)
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "config.yaml"
    if kept.is_file() and read_config(kept).network != config.network:
        raise UserError(f"{folder} holds a run of another network; choose another --run-dir.")
    write_config(config, kept)
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
    numba.set_num_threads(min(config.threads, numba.get_num_threads()))
    Trainer(
        config,
        folder,
        FaceModel.load(),
        lambda stage, used: _loader(config, stage, used, rank),
        lambda size: validation_samples(config, size, folder),
        report,
        ranks=Ranks.join(rank, config.processes, rendezvous),
    ).run()


def validation_samples(config: RunConfig, size: int, folder: Path) -> dict[str, Tensor]:
    """The held-out renders at `size` px, kept in the run's folder."""
    path = folder / f"validation{size}.npz"
    if not path.is_file():
        samples = stack([heldout_sample(i, size) for i in range(config.validation_samples)])
        np.savez(path, **{key: value.numpy() for key, value in samples.items()})
    with np.load(path) as file:
        return {key: torch.from_numpy(file[key]) for key in file.files}


def _loader(config: RunConfig, stage: Stage, used: int, rank: int) -> Iterable[dict[str, Tensor]]:
    # A pool takes small helpings, so that it fills steadily; in order, a batch is a step.
    batch = LOADER_BATCH if config.pool else stage.batch
    seed = config.seed + 101 * rank  # a stream of its own for each process
    return make_loader(config.data | {"start": used}, stage.input_size, seed, batch, config.workers)
