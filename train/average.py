"""An exponential moving average of a network's weights, which generalises better than the last step's."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MovingAverage:
    """Average over about the last `images` samples, less at the start of a run; counters are copied, not averaged."""

    def __init__(self, net: nn.Module, images: float) -> None:
        self.images, self.steps = images, 0
        self.values = {name: value.detach().clone() for name, value in net.state_dict().items()}

    @torch.no_grad()
    def update(self, net: nn.Module, batch: int) -> None:
        """Blend in the weights after one more step on `batch` samples."""
        self.steps += 1
        share = max(batch / self.images, 1.0 / (1.0 + 0.1 * self.steps))
        current = net.state_dict()
        floats = [name for name, value in current.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.values[n] for n in floats], [current[n] for n in floats], min(1.0, share))
        for name, value in current.items():
            if not value.is_floating_point():
                self.values[name].copy_(value)

    def state(self) -> dict[str, Tensor]:
        """Averaged values under the network's own names."""
        return self.values

    def load(self, values: dict[str, Tensor], steps: int) -> None:
        """Go on from a checkpoint."""
        self.values, self.steps = {name: value.clone() for name, value in values.items()}, steps
