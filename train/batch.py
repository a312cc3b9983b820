"""Samples to batches, and which samples a batch of a run takes, whoever makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import get_worker_info


@dataclass(frozen=True)
class Place:
    """Where in a run a rank begins: `start` images into it; `batch` samples a step, shared by `ranks` processes."""

    start: int
    batch: int
    rank: int = 0
    ranks: int = 1


def numbered_batches(
    sample: Callable[[int], Mapping[str, np.ndarray]], place: Place
) -> Iterator[dict[str, torch.Tensor]]:
    """A rank's batches without end, in a data loader's worker or outside one.

    Batch k of the whole run takes the samples k B to (k + 1) B; a rank takes its part of each batch, a worker every
    n-th batch. So two ranks see what one would see, and a resumed run goes on where it stopped.
    """
    info = get_worker_info()
    worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
    part = place.batch // place.ranks
    number = place.start // place.batch + worker
    while True:
        first = number * place.batch + place.rank * part
        yield stack([sample(first + row) for row in range(part)])
        number += workers


def stack(samples: Sequence[Mapping[str, np.ndarray]]) -> dict[str, torch.Tensor]:
    """Samples to one batch of tensors, each with a leading batch dimension."""
    return {key: torch.from_numpy(np.stack([sample[key] for sample in samples])) for key in samples[0]}
