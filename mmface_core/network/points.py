"""Direct points: one heat-map for each point, read off by a spatial soft-argmax in pixels of the 256-pixel crop."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor, nn

from mmface_core.conventions import CROP_SIZE
from mmface_core.network.config import NetworkConfig
from mmface_core.network.hourglass import start_small


def cell_centres(cells: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """(cells,) centres of a map's cells in 0-based pixels of the 256-pixel crop."""
    return (torch.arange(cells, device=device, dtype=dtype) + 0.5) * (CROP_SIZE / cells) - 0.5


def soft_argmax(scores: Tensor) -> Tensor:
    """(B, P, h, w) heat-map scores -> (B, P, 2) expected x and y (down), crop px; differentiable."""
    height, width = scores.shape[-2:]
    scores = scores.float()
    # (B, cells, P) is how channels-last convolutions leave the scores in memory, so no copy is made here.
    heat = torch.softmax(scores.permute(0, 2, 3, 1).flatten(1, 2), dim=1)
    x = cell_centres(width, scores.device, scores.dtype)
    y = cell_centres(height, scores.device, scores.dtype)
    # One matrix product instead of two marginal sums: the map is read once.
    grid = torch.stack([x.repeat(height), y.repeat_interleave(width)], dim=1)
    # Mixed precision stops here: a place among 256 pixels needs more than eight bits.
    mixed = scores.device.type in ("cpu", "cuda") and torch.is_autocast_enabled(scores.device.type)
    with torch.autocast(scores.device.type, enabled=False) if mixed else nullcontext():
        return heat.transpose(1, 2) @ grid


class PointHead(nn.Module):
    """1x1 convolution from the last feature map to P heat-maps, then the soft-argmax."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.scores = nn.Conv2d(config.channels, config.n_points, 1)
        start_small(self.scores, 0.05)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, P, 2) crop px."""
        return soft_argmax(self.scores(features))
