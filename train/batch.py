"""Samples to batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch


def stack(samples: Sequence[Mapping[str, np.ndarray]]) -> dict[str, torch.Tensor]:
    """Samples to one batch of tensors, each with a leading batch dimension."""
    return {key: torch.from_numpy(np.stack([sample[key] for sample in samples])) for key in samples[0]}
