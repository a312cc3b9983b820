"""Samples for the training loop: endless streams, batches from worker processes, and fixed validation sets."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from train.batch import stack
from train.data.portraits.store import load_store
from train.data.sample import Sample
from train.data.streams import DEFAULT_SHARES, SampleMaker

VALIDATION_SEED = 20_000_003


def make_stream(config: Mapping[str, Any], size: int, seed: int, worker: int) -> Iterator[Sample]:
    """An endless stream of samples at `size` px for one worker.

    config: `shares` {"textured": 0.6, "portrait": 0.3, "procedural": 0.1}, `workers` (how many share the stream, 1),
    `start` (first index, 0: a resumed run goes on where it stopped), `augment` (1.0: so many of the
    pictures are spoiled).
    Worker w of n makes the samples start + w, start + w + n, ... of `seed`.
    """
    shares = dict(config.get("shares") or DEFAULT_SHARES)
    needs_portraits = any(shares.get(name, 0) for name in ("textured", "portrait"))
    maker = SampleMaker(size, load_store() if needs_portraits else None, shares, float(config.get("augment", 1.0)))
    index = int(config.get("start", 0)) + worker
    while True:
        yield maker.sample(seed, index)
        index += int(config.get("workers", 1))


_makers: dict[tuple[int, tuple], SampleMaker] = {}


def heldout_sample(index: int, size: int = 256, shares: Mapping[str, float] | None = None) -> Sample:
    """Sample `index` of the rendered test set: held-out portraits, a seed of its own, no augmentation."""
    wanted = dict(shares or {"textured": 1.0})
    key = (size, tuple(sorted(wanted.items())))
    if key not in _makers:
        _makers[key] = SampleMaker(size, load_store(held_out=True), wanted, augmented=0.0, cartoons=False)
    return _makers[key].sample(VALIDATION_SEED, index)


class SampleDataset(IterableDataset):
    """`make_stream` as a torch dataset: each loader worker makes its own share of the indices."""

    def __init__(self, config: Mapping[str, Any], size: int, seed: int) -> None:
        self.config, self.size, self.seed = dict(config), size, seed

    def __iter__(self) -> Iterator[Sample]:
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        os.environ["LP_NUM_THREADS"] = "0"
        return make_stream(self.config | {"workers": workers}, self.size, self.seed, worker)


def make_loader(config: Mapping[str, Any], size: int, seed: int, batch: int, workers: int) -> DataLoader:
    """Batches of stacked samples from worker processes; workers are spawned, since OpenGL does not survive a fork."""
    dataset = SampleDataset(config, size, seed)
    extra: dict[str, Any] = {}
    if workers:
        extra = {"multiprocessing_context": "spawn", "prefetch_factor": 4, "persistent_workers": True}
    return DataLoader(dataset, batch_size=batch, num_workers=workers, collate_fn=stack, **extra)
