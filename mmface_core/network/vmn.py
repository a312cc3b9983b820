"""VMN, the volumetric sub-network: a picture to a capped solid head, depth as channels, once for each stack."""

from __future__ import annotations

import math
from typing import NamedTuple, cast

from torch import Tensor, nn
from torch.nn import functional as F

from mmface_core.network.config import NetworkConfig
from mmface_core.network.hourglass import Bottleneck, Hourglass, start_small

EMPTY_PRIOR = 0.15
"""Share of occupied voxels assumed at the start: the score's bias begins there, or the first steps only learn it."""


class VolumetricOutput(NamedTuple):
    """logits: per stack (B, D, h, w) at the feature maps' own resolution; features: last stack's map (B, C, h, w)."""

    logits: list[Tensor]
    features: Tensor


class VolumetricNetwork(nn.Module):
    """A stem, then stacked hourglasses with x = x + conv(features) + conv(score) between them."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width, ratio = config.channels, config.bottleneck
        self.quarter = config.input_size // 4
        self.first = nn.Conv2d(3, config.stem_channels, 7, stride=4, padding=3, bias=False)
        self.second = _second(config)
        self.hourglasses = nn.ModuleList(
            Hourglass(width, config.depth, ratio, config.growth) for _ in range(config.stacks)
        )
        self.heads = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(inplace=True)) for _ in range(config.stacks)
        )
        self.scores = nn.ModuleList(nn.Conv2d(width, config.volume_size, 1) for _ in range(config.stacks))
        self.merge_features = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(config.stacks - 1))
        self.merge_scores = nn.ModuleList(nn.Conv2d(config.volume_size, width, 1) for _ in range(config.stacks - 1))
        for score in self.scores:
            start_small(score, 0.02, math.log(EMPTY_PRIOR / (1.0 - EMPTY_PRIOR)))
        for merge in self.merge_scores:
            # Logits are several units wide: a full-sized start would drown the features.
            start_small(merge, 0.01)

    def forward(self, crop: Tensor) -> VolumetricOutput:
        """(B, 3, S, S) RGB in 0..1, S the input size or half of it -> `VolumetricOutput` with h = w = map_size."""
        # No mean is subtracted: the normalisation after the first convolution does it, and 0 stays the black border.
        # A picture of half the size takes half the stride, so that every later layer sees faces at the same scale.
        stride = int(crop.shape[-1]) // self.quarter
        x = self.second(F.conv2d(crop, self.first.weight, stride=stride, padding=3))
        logits, features = [], x
        for i, hourglass in enumerate(self.hourglasses):
            features = self.heads[i](hourglass(x))
            logits.append(self.scores[i](features))
            if i + 1 < len(self.hourglasses):
                x = x + self._merge(i, features)
        return VolumetricOutput(logits, features)

    def _merge(self, i: int, features: Tensor) -> Tensor:
        """conv1x1(features) + conv1x1(score), as one convolution: the score is itself linear in the features."""
        back = cast(nn.Conv2d, self.merge_features[i])
        score, merge = cast(nn.Conv2d, self.scores[i]), cast(nn.Conv2d, self.merge_scores[i])
        through = merge.weight.flatten(1)  # (C, D)
        weight = back.weight.flatten(1) + through @ score.weight.flatten(1)
        bias = cast(Tensor, back.bias) + cast(Tensor, merge.bias) + through @ cast(Tensor, score.bias)
        return F.conv2d(features, weight[:, :, None, None], bias)


def _second(config: NetworkConfig) -> nn.Module:
    """From a quarter of the input to the hourglasses' maps, which are as fine or half as fine."""
    layers: list[nn.Module] = [nn.BatchNorm2d(config.stem_channels), nn.ReLU(inplace=True)]
    channels = config.stem_channels
    if config.map_size < config.input_size // 4:
        layers.append(nn.Conv2d(channels, config.channels, 3, stride=2, padding=1, bias=False))
        layers += [nn.BatchNorm2d(config.channels), nn.ReLU(inplace=True)]
        channels = config.channels
    layers.append(Bottleneck(channels, config.channels, config.bottleneck))
    return nn.Sequential(*layers)


def resize_volume(logits: Tensor, size: int) -> Tensor:
    """(B, D, h, w) -> (B, D, size, size), bilinear with cell centres kept where they are in the crop."""
    if logits.shape[-1] == size:
        return logits
    return F.interpolate(logits, size=(size, size), mode="bilinear", align_corners=False)
