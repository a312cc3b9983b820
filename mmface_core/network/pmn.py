"""PMN, the parametric sub-network: the volume, the last feature map and the direct points to the face's parameters.

The volume alone has lost eyelids, lips and gaze, so its five 3D convolutions are joined by strided 2D convolutions on
the last feature map, by what a closer look at eyes and mouth saw (`detail`), and by the heat-map points, whose
parameters are quick to learn: they are a function of geometry alone, which can even be trained without pictures
(`PointRegressor`). What neither says alone (whether a lip is thick or drawn in, where teeth show) is read off both
together (`mixed`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmface_core.conventions import CROP_CENTRE, NOMINAL_SCALE
from mmface_core.network.config import NetworkConfig
from mmface_core.network.hourglass import start_small

TRANSLATION_UNIT = 16.0
"""Pixels for one unit of the translation outputs."""
EXPRESSION_START = 0.06
"""Where squashed expression weights begin: the mean of real units, not the sigmoid's 0.5."""
POSE_SIZE = 9
"""log scale, six rotation values, two translation values."""


class PoseOutput(NamedTuple):
    """rotation_6d (B, 6), scale (B,) px/mm and translation (B, 2) px, in the 256-pixel crop."""

    rotation_6d: Tensor
    scale: Tensor
    translation: Tensor


def decode_pose(raw: Tensor) -> PoseOutput:
    """(B, 9) network outputs near zero -> a pose near the nominal one (frontal, 1.28 px/mm, centred)."""
    scale = NOMINAL_SCALE * torch.exp(raw[:, 0].clamp(-1.5, 1.5))
    frontal = raw.new_tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    translation = CROP_CENTRE + TRANSLATION_UNIT * raw[:, 7:9]
    return PoseOutput(raw[:, 1:7] + frontal, scale, translation)


def normalise_points(points: Tensor) -> Tensor:
    """(B, P, 2) crop px -> (B, 2P + 3): points less their mean over their spread, then mean and log spread."""
    mean = points.mean(dim=1, keepdim=True)
    centred = points - mean
    spread = torch.sqrt((centred * centred).mean(dim=(1, 2), keepdim=True) + 1.0)
    place = torch.cat([(mean - CROP_CENTRE) / 32.0, torch.log(spread / 40.0)], dim=2)
    return torch.cat([(centred / spread).flatten(1), place.flatten(1)], dim=1)


class PointRegressor(nn.Module):
    """Points to raw parameters: a multi-layer perceptron that model samples alone can train, without pictures."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        hidden, outputs = config.hidden, config.n_identity + config.n_expression + POSE_SIZE
        self.layers = nn.Sequential(
            nn.Linear(2 * config.n_points + 3, hidden),
            nn.LayerNorm(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden),
            nn.LayerNorm(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, outputs),
        )
        start_small(self.layers[-1], 0.01)

    def forward(self, points: Tensor) -> Tensor:
        """(B, P, 2) crop px -> (B, n_identity + n_expression + 9) raw values, to be added to the image's."""
        return self.layers(normalise_points(points))


class ParametricNetwork(nn.Module):
    """Three branches (identity with one more layer, expression, pose) on the joined volume and picture features."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        hidden = config.hidden
        self.volume_layers = _volume_layers(config) if config.read_volume else None
        self.map_layers = _map_layers(config) if config.read_picture else None
        joined = config.volume_convs[-1][0] if config.read_volume else 0
        joined += hidden if config.read_picture else 0
        joined += config.patches * config.detail_features if config.read_picture else 0
        self.identity = nn.Sequential(
            nn.Linear(joined, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, config.n_identity),
        )
        self.expression = _branch(joined, hidden, config.n_expression)
        self.pose = _branch(joined, hidden, POSE_SIZE)
        self.points = PointRegressor(config)
        self.mixed = _mixed(joined + 2 * config.n_points + 3, config) if config.mixed and config.read_picture else None
        for branch in (self.identity, self.expression, self.pose):
            start_small(branch[-1], 0.01)

    def forward(
        self, volume: Tensor, features: Tensor, points: Tensor, seen: Tensor | None
    ) -> tuple[Tensor, Tensor, PoseOutput]:
        """Probabilities (B, D, h, w), the pooled last map (B, C, 32, 32), points (B, P, 2) px and what a closer look
        saw (B, patches * detail_features), None where there is none, -> parameters.

        Returns identity (B, n_identity), expression (B, n_expression) and the pose in crop pixels.
        """
        parts = []
        if self.volume_layers is not None:
            parts.append(self.volume_layers(volume.unsqueeze(1)).flatten(1))
        if self.map_layers is not None:
            parts.append(self.map_layers(features))
            if seen is not None:
                parts.append(seen)
        joined = torch.cat(parts, dim=1)
        expression = self.expression(joined)
        if self.mixed is not None:
            expression = expression + self.mixed(torch.cat([joined, normalise_points(points).to(joined.dtype)], dim=1))
        raw = torch.cat([self.identity(joined), expression, self.pose(joined)], dim=1)
        # Mixed precision ends here: a pixel of 256 has no room in eight bits.
        raw = raw.float()
        return self.decode(raw + self.points(points) if self.config.read_picture else raw)

    def decode(self, raw: Tensor) -> tuple[Tensor, Tensor, PoseOutput]:
        """(B, n_identity + n_expression + 9) raw values -> identity, expression (squashed where asked), pose."""
        identity, expression, pose = raw.split([self.config.n_identity, self.config.n_expression, POSE_SIZE], dim=1)
        return identity, squash(expression, self.config.squash_expression), decode_pose(pose)


def squash(raw: Tensor, active: bool) -> Tensor:
    """Sigmoid that is 0.06 at zero, so that untrained units rest nearly neutral; identity where not `active`."""
    if not active:
        return raw
    return torch.sigmoid(4.0 * raw + math.log(EXPRESSION_START / (1.0 - EXPRESSION_START)))


class PatchConv3d(nn.Conv3d):
    """A 3D convolution whose stride is its kernel, computed as one matrix product over the patches.

    The same arithmetic as `nn.Conv3d`, whose backward pass for one input channel is many times slower on a CPU.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, D, H, W) -> (B, channels, D / kd, H / kh, W / kw)."""
        batch, _, *sides = x.shape
        kd, kh, kw = self.kernel_size
        d, h, w = sides[0] // kd, sides[1] // kh, sides[2] // kw
        patches = x.reshape(batch, d, kd, h, kh, w, kw).permute(0, 1, 3, 5, 2, 4, 6)
        out = F.linear(patches.reshape(-1, kd * kh * kw), self.weight.flatten(1), self.bias)
        return out.reshape(batch, d, h, w, self.out_channels).permute(0, 4, 1, 2, 3)


def _branch(joined: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(joined, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, outputs))


def _mixed(inputs: int, config: NetworkConfig) -> nn.Sequential:
    """Everything to corrections of the expression; zero at first, so that it may join a trained network."""
    width = config.mixed
    layers: list[nn.Module] = []
    for size in (inputs, width):
        layers += [nn.Linear(size, width), nn.LayerNorm(width), nn.ReLU(inplace=True)]
    last = nn.Linear(width, config.n_expression)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, last)


def _volume_layers(config: NetworkConfig) -> nn.Sequential:
    layers: list[nn.Module] = []
    channels_in, last = 1, len(config.volume_convs) - 1
    for i, (channels, kernel, stride, padding) in enumerate(config.volume_convs):
        if i == 0:
            across = kernel * config.map_size // config.volume_size
            patch = (kernel, across, across)
            layers.append(PatchConv3d(1, channels, patch, patch, bias=False))
        else:
            layers.append(nn.Conv3d(channels_in, channels, kernel, stride, padding, bias=i == last))
        if i != last:
            layers.append(nn.BatchNorm3d(channels))
        layers.append(nn.LeakyReLU(0.2, inplace=True))
        channels_in = channels
    return nn.Sequential(*layers)


def _map_layers(config: NetworkConfig) -> nn.Sequential:
    layers: list[nn.Module] = []
    channels_in, side = config.channels, 32
    for channels in config.map_convs:
        layers += [nn.Conv2d(channels_in, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels)]
        layers.append(nn.ReLU(inplace=True))
        channels_in, side = channels, side // 2
    layers += [nn.Flatten(), nn.Linear(channels_in * side * side, config.hidden), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
