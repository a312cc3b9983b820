"""Where batches come from: the loader in order, or a pool of rendered samples that are used a few times each.

Rendering a sample costs more processor time than learning from it. The pool keeps the newest ones, and each draw of a
sample differs: mirrored or not, shifted, other gains. Both sides wait for each other: learning where it would use
samples too often, rendering where it would take time from learning for samples that are hardly used.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from mmface_core.conventions import CROP_SIZE
from mmface_core.model.arkit import MIRRORED_UNIT
from train.data.mirror import identity_mirror

Batch = dict[str, Tensor]

HEAD_START = 0.3
"""Part of a pool that is filled at full speed, before rendering waits for learning."""


class SamplePool:
    """A ring of samples filled by a thread from a loader's batches; `draw` takes random ones and varies them."""

    def __init__(self, loader: Iterable[Batch], capacity: int, reuse: float, seed: int, point_mirror: Tensor) -> None:
        """reuse: mean number of uses of a sample, at which both sides wait; the first samples are `HEAD_START`."""
        self.capacity, self.reuse, self.point_mirror = capacity, reuse, point_mirror
        self.rng = np.random.default_rng(seed)
        self.store: Batch = {}
        self.filled = self.received = self.drawn = 0
        self.fault: BaseException | None = None
        self._changed = threading.Condition()
        self._stop = self._hungry = False
        self._thread = threading.Thread(target=self._fill, args=(loader,), daemon=True)
        self._thread.start()

    def draw(self, count: int) -> Batch:
        """A batch of `count` samples, each varied anew. Raises what the loader raised, if it did."""
        least = min(self.capacity, 16 * count)
        with self._changed:
            while self.filled < least or self.drawn > self.reuse * (self.received - least) + 2 * least:
                if self.fault is not None:
                    raise RuntimeError("the sample loader stopped") from self.fault
                self._hungry = True
                self._changed.notify_all()
                self._changed.wait(1.0)
            self._hungry = False
            rows = torch.from_numpy(self.rng.integers(self.filled, size=count))
            batch = {key: values[rows] for key, values in self.store.items()}
            self.drawn += count
            self._changed.notify_all()
        return vary(batch, self.rng, self.point_mirror)

    def close(self) -> None:
        """Stop the filling thread."""
        self._stop = True
        with self._changed:
            self._changed.notify_all()
        self._thread.join(timeout=10.0)

    def _fill(self, loader: Iterable[Batch]) -> None:
        try:
            for batch in loader:
                if self._stop:
                    return
                self._put(batch)
                self._wait_for_use()
        except BaseException as error:
            self.fault = error

    def _wait_for_use(self) -> None:
        """Until the samples beyond the head start have been used as often as they should be."""
        with self._changed:
            while not (self._stop or self._hungry) and self.received > self._enough():
                self._changed.wait(1.0)

    def _enough(self) -> float:
        """So many samples are worth having by now."""
        return HEAD_START * self.capacity + self.drawn / self.reuse

    def _put(self, batch: Batch) -> None:
        count = len(batch["crop"])
        with self._changed:
            if not self.store:
                self.store = {
                    key: torch.zeros((self.capacity, *value.shape[1:]), dtype=value.dtype)
                    for key, value in batch.items()
                }
            rows = torch.arange(self.received, self.received + count) % self.capacity
            for key, value in batch.items():
                self.store[key][rows] = value
            self.received += count
            self.filled = min(self.capacity, self.received)
            self._changed.notify_all()


def vary(batch: Batch, rng: np.random.Generator, point_mirror: Tensor) -> Batch:
    """Mirror half of the samples, shift each by a few pixels and change its gains, with labels to match."""
    count = len(batch["crop"])
    batch = mirror_some(batch, torch.from_numpy(rng.random(count) < 0.5), point_mirror)
    crop = batch["crop"].numpy()
    size = crop.shape[1]
    reach = size // 32
    moved = np.empty_like(crop)
    shift = rng.integers(-reach, reach + 1, (count, 2))
    for i in range(count):
        moved[i] = shifted(crop[i], *shift[i])
    pixels = torch.from_numpy(shift).float() * (CROP_SIZE / size)
    gain = rng.uniform(0.85, 1.15, (count, 1, 1, 1)) * rng.uniform(0.95, 1.05, (count, 1, 1, 3))
    tables = np.clip(np.arange(256)[None, :, None] * gain[:, 0], 0, 255).astype(np.uint8)  # (B, 256, 3)
    for i in range(count):
        for channel in range(3):
            moved[i, ..., channel] = tables[i, :, channel][moved[i, ..., channel]]
    labels = {"translation": batch["translation"] + pixels, "points": batch["points"] + pixels[:, None]}
    return batch | labels | {"crop": torch.from_numpy(moved)}


def shifted(picture: np.ndarray, dx: int, dy: int) -> np.ndarray:
    """The picture (S, S, 3) moved right by dx and down by dy, its border repeated."""
    size = picture.shape[0]
    rows = np.clip(np.arange(size) - dy, 0, size - 1)
    columns = np.clip(np.arange(size) - dx, 0, size - 1)
    return picture[rows][:, columns]


def mirror_some(batch: Batch, chosen: Tensor, point_mirror: Tensor) -> Batch:
    """The batch with the samples `chosen` (B,) bool replaced by their mirror images, labels included."""
    flip = torch.tensor([-1.0, 1.0, 1.0])
    mirrored = {
        "crop": batch["crop"].flip(2),
        "identity": batch["identity"] @ torch.from_numpy(identity_mirror()).T,
        "expression": batch["expression"][:, MIRRORED_UNIT],
        "expression_weight": batch["expression_weight"][:, MIRRORED_UNIT],
        "rotation": flip[:, None] * batch["rotation"] * flip,
        "translation": _mirrored_x(batch["translation"]),
        "points": _mirrored_x(batch["points"])[:, point_mirror],
    }
    return batch | {
        key: torch.where(chosen.reshape(-1, *[1] * (value.dim() - 1)), value, batch[key])
        for key, value in mirrored.items()
    }


def _mirrored_x(pixels: Tensor) -> Tensor:
    """Pixels (..., 2) of the 256 crop in its mirror image."""
    return torch.stack([CROP_SIZE - 1 - pixels[..., 0], pixels[..., 1]], dim=-1)
