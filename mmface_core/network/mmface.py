"""MMFaceNet: VMN, direct points, the closer look and PMN in a row, from a crop to a volume and a face's parameters."""

from __future__ import annotations

from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmface_core.geometry.rotation import from_6d
from mmface_core.network.config import NetworkConfig
from mmface_core.network.detail import DetailNetwork, DetailOutput
from mmface_core.network.pmn import ParametricNetwork
from mmface_core.network.points import PointHead
from mmface_core.network.vmn import VolumetricNetwork

HEAD_CELLS = 32
"""Side of the pooled last feature map, from which points and parameters are read."""


class NetworkOutput(NamedTuple):
    """What one crop says, in the conventions of the 256-pixel crop (0-based pixel centres, y down, z to the camera).

    volume_logits: per stack (B, D, h, w) before the sigmoid, depth first, at the maps' own resolution across.
    identity (B, K) in standard deviations; expression (B, M), in 0..1 where the config squashes it.
    rotation_6d (B, 6); rotation (B, 3, 3) head to camera; scale (B,) px/mm; translation (B, 2) px.
    points (B, P, 2) px, from heat-maps, without the face model: those of eyes and mouth as the closer look places them;
    first_points (B, P, 2) px, all as the hourglasses' maps place them; second_points (B, P, 2) px, before the look at
    the lips alone.
    """

    volume_logits: list[Tensor]
    identity: Tensor
    expression: Tensor
    rotation_6d: Tensor
    rotation: Tensor
    scale: Tensor
    translation: Tensor
    points: Tensor
    first_points: Tensor
    second_points: Tensor


class MMFaceNet(nn.Module):
    """The whole network of the paper, its sizes in a `NetworkConfig`."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.vmn = VolumetricNetwork(config)
        self.point_head = PointHead(config)
        self.detail = DetailNetwork(config) if config.looks_closer else None
        self.pmn = ParametricNetwork(config)

    def forward(self, crop: Tensor, volume: Tensor | None = None, still: bool = False) -> NetworkOutput:
        """(B, 3, S, S) RGB in 0..1, S the config's input size or half of it -> `NetworkOutput`.

        `volume` (B, D, H, H), 0..1, replaces the predicted solid as PMN's input: the paper's stage on true volumes.
        `still`: volume and first points get no gradients.
        """
        with torch.no_grad() if still else nullcontext():
            logits, features = self.vmn(crop)
            # Cells of 8 crop pixels whatever the maps' size, fine enough for a soft-argmax at a quarter of the cost.
            features = self.pooled(features)
            first = self.point_head(features)
        points, second, seen = self.look_closer(crop, first)
        if volume is None:
            volume = torch.sigmoid(logits[-1])
        elif volume.shape[-1] != self.config.map_size:
            volume = F.avg_pool2d(volume, volume.shape[-1] // self.config.map_size)
        # Detached: the points stay what their own loss makes of them; the regressor also learns without pictures.
        identity, expression, pose = self.pmn(volume, features, points.detach(), seen)
        rotation = from_6d(pose.rotation_6d)
        placed = (pose.rotation_6d, rotation, pose.scale, pose.translation)
        return NetworkOutput(logits, identity, expression, *placed, points, first, second)

    def from_volume(self, volume: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Identity, expression, rotation, scale and translation from a volume (B, D, H, H) alone, where the config's
        parametric part sees nothing else: the paper's second stage, which needs no picture.
        """
        if self.config.read_picture:
            raise ValueError("this network's parametric part sees the picture too")
        if volume.shape[-1] != self.config.map_size:
            volume = F.avg_pool2d(volume, volume.shape[-1] // self.config.map_size)
        nothing = volume.new_zeros(0)
        identity, expression, pose = self.pmn(volume, nothing, nothing, None)
        return identity, expression, from_6d(pose.rotation_6d), pose.scale, pose.translation

    def look_closer(self, crop: Tensor, first: Tensor) -> DetailOutput:
        """The points with those of eyes and mouth placed again, and what was seen there; unchanged without patches."""
        if self.detail is None:
            return DetailOutput(first, first, None)
        # Detached: where a patch is cut is the first points' own business.
        return self.detail(crop, first.detach())

    @staticmethod
    def pooled(features: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C, 32, 32) by averaging whole blocks."""
        factor = int(features.shape[-1]) // HEAD_CELLS
        return features if factor == 1 else F.avg_pool2d(features, factor)
