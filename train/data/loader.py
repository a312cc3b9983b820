"""Samples for the training loop: endless streams, batches in order or not, and fixed validation sets."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from train.batch import Place, numbered_batches, stack
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
    maker = make_maker(config, size)
    index = int(config.get("start", 0)) + worker
    while True:
        yield maker.sample(seed, index)
        index += int(config.get("workers", 1))


def make_maker(config: Mapping[str, Any], size: int) -> SampleMaker:
    """The maker of a run's samples at `size` px; config: `shares` and `augment`, see `make_stream`."""
    shares = dict(config.get("shares") or DEFAULT_SHARES)
    store = load_store() if needs_portraits(shares) else None
    return SampleMaker(size, store, shares, float(config.get("augment", 1.0)))


def needs_portraits(shares: Mapping[str, float]) -> bool:
    """Whether any stream of a mixture shows portraits; where none does, they are not in the background either."""
    return any(shares.get(name, 0) for name in ("textured", "portrait"))


_makers: dict[tuple[int, tuple], SampleMaker] = {}


def heldout_sample(index: int, size: int = 256, shares: Mapping[str, float] | None = None) -> Sample:
    """Sample `index` of the rendered test set: held-out portraits, a seed of its own, no augmentation."""
    wanted = dict(shares or {"textured": 1.0})
    key = (size, tuple(sorted(wanted.items())))
    if key not in _makers:
        store = load_store(held_out=True) if needs_portraits(wanted) else None
        _makers[key] = SampleMaker(size, store, wanted, augmented=0.0, cartoons=False)
    return _makers[key].sample(VALIDATION_SEED, index)


class SampleDataset(IterableDataset):
    """`make_stream` as a torch dataset: each loader worker makes its own share of the indices, in no order overall."""

    def __init__(self, config: Mapping[str, Any], size: int, seed: int) -> None:
        self.config, self.size, self.seed = dict(config), size, seed

    def __iter__(self) -> Iterator[Sample]:
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        os.environ["LP_NUM_THREADS"] = "0"
        return make_stream(self.config | {"workers": workers}, self.size, self.seed, worker)


class OrderedBatches(IterableDataset):
    """A rank's batches from a place of the run on, sample by sample as one process without workers would make them."""

    def __init__(self, config: Mapping[str, Any], size: int, seed: int, place: Place) -> None:
        self.config, self.size, self.seed, self.place = dict(config), size, seed, place

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        os.environ["LP_NUM_THREADS"] = "0"
        maker = make_maker(self.config, self.size)
        return numbered_batches(lambda index: maker.sample(self.seed, index), self.place)


def make_loader(config: Mapping[str, Any], size: int, seed: int, batch: int, workers: int) -> DataLoader:
    """Helpings of `batch` stacked samples for a pool, from worker processes."""
    return DataLoader(SampleDataset(config, size, seed), batch_size=batch, collate_fn=stack, **_worker_options(workers))


def make_ordered_loader(config: Mapping[str, Any], size: int, seed: int, place: Place, workers: int) -> DataLoader:
    """The batches of `OrderedBatches`, made by worker processes in turn."""
    return DataLoader(OrderedBatches(config, size, seed, place), batch_size=None, **_worker_options(workers))


def _worker_options(workers: int) -> dict[str, Any]:
    """Workers are spawned, since OpenGL does not survive a fork."""
    if not workers:
        return {}
    spawned = {"multiprocessing_context": "spawn", "prefetch_factor": 4, "persistent_workers": True}
    return {"num_workers": workers, **spawned}
