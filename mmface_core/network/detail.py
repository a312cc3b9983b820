"""A closer look at eyes and mouth: patches cut from the picture around the first points, with networks of their own.

The hourglasses see the whole face in cells of eight pixels, in which a lid or an iris is lost. Each patch is sampled at
nearly full resolution where the heat-maps first found its points; a small network places those points again and hands
on what it saw to the expression. Both eyes share one network: the right one is looked at in the mirror. A patch that
holds nose, lips and chin shows the lips at two thirds of the picture's resolution, so these get a tighter one of their
own, cut around where the mouth's found them.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmface_core.conventions import CROP_SIZE
from mmface_core.network.config import NetworkConfig
from mmface_core.network.hourglass import start_small
from mmface_core.network.points import soft_argmax

PATCH = 64
"""Side of a patch in samples."""
EYE_REACH, MOUTH_REACH = 0.9, 1.18
"""Half a patch's side, in spreads of all points: it covers its points, from frowns to open jaws, in 998 of 1000."""
LIP_REACH, LEAST_LIP_REACH = 2.6, 0.45
"""Half a lip patch's side, in spreads of the lips' points; but at least so many spreads of all points, since in profile
lips are small and their points a guess."""
JITTER = 0.04
"""Training: standard deviation of the patch's place (part of its side) and log size, as wrong first points make it."""


class DetailOutput(NamedTuple):
    """points (B, P, 2) crop px, those of the patches placed anew; second (B, P, 2) px, the same before the look at the
    lips alone; features (B, patches * detail_features), None without patches.
    """

    points: Tensor
    second: Tensor
    features: Tensor | None


class PatchNetwork(nn.Module):
    """One patch to its points, as parts of the patch, and to a vector of features."""

    def __init__(self, points: int, config: NetworkConfig, deep_blocks: int = 0) -> None:
        super().__init__()
        width, features = config.detail_width, config.detail_features
        self.stem = nn.Sequential(
            *_convolution(3, width // 2, kernel=5, stride=2),
            *_convolution(width // 2, width, kernel=3, stride=2),
            *(Residual(width) for _ in range(config.detail_blocks)),
        )
        self.fine = FineMap(width // 2, width, config) if config.fine_width else None
        self.heat = nn.Conv2d(config.fine_width or width, points, 1)
        self.deep = nn.Sequential(*(Residual(2 * width) for _ in range(deep_blocks)))
        self.narrow = nn.Sequential(
            *_convolution(width, width + width // 2, kernel=3, stride=2),
            *_convolution(width + width // 2, 2 * width, kernel=3, stride=2),
            nn.Flatten(),
            nn.Linear(2 * width * 16, features),
            nn.ReLU(inplace=True),
        )
        start_small(self.heat, 0.05)

    def forward(self, patch: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, 64, 64) -> points (B, n, 2) as parts of the patch, -1 to 1, x right and y down; features (B, F)."""
        half = self.stem[:3](patch)  # (B, width / 2, 32, 32)
        quarter = self.stem[3:](half)  # (B, width, 16, 16)
        heat = self.heat(quarter if self.fine is None else self.fine(half, quarter))
        points = (soft_argmax(heat) + 0.5) * (2.0 / CROP_SIZE) - 1.0
        cells = self.deep(self.narrow[:-3](quarter))  # (B, 2 width, 4, 4)
        return points, self.narrow[-3:](cells)


class FineMap(nn.Module):
    """What a patch shows at a quarter of its resolution, made sharp by what it shows at half of it.

    A lip or a lid lies within a cell of the coarse map, five to seven pixels of the crop, and a soft-argmax places a
    point to about a fifth of a cell.
    """

    def __init__(self, half: int, quarter: int, config: NetworkConfig) -> None:
        super().__init__()
        width = config.fine_width
        self.from_half = nn.Conv2d(half, width, 1)
        self.from_quarter = nn.Conv2d(quarter, width, 1)
        self.layers = nn.Sequential(
            *_convolution(width, width, kernel=3, stride=1), *(Residual(width) for _ in range(config.fine_blocks))
        )

    def forward(self, half: Tensor, quarter: Tensor) -> Tensor:
        """(B, half, 32, 32) and (B, quarter, 16, 16) -> (B, width, 32, 32)."""
        coarse = F.interpolate(self.from_quarter(quarter), scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.layers(F.relu(self.from_half(half) + coarse))


class Residual(nn.Module):
    """Two 3x3 convolutions added to their input, at first with a factor of zero: a block that joins trained layers
    changes nothing before it has learnt something.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        norm = nn.BatchNorm2d(width)
        nn.init.zeros_(norm.weight)
        self.layers = nn.Sequential(
            *_convolution(width, width, kernel=3, stride=1), nn.Conv2d(width, width, 3, padding=1, bias=False), norm
        )

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        """The layer whose weight and bias say how much the block adds."""
        return cast(nn.BatchNorm2d, self.layers[-1])

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.layers(x), inplace=True)


class DetailNetwork(nn.Module):
    """The patches of a face: both eyes and the mouth, then the lips."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.eye_points = list(config.eye_points)
        self.eye_points_right = list(config.eye_points_right)
        self.mouth_points = list(config.mouth_points)
        self.lip_points = list(config.lip_points)
        self.eye = PatchNetwork(len(self.eye_points), config)
        blocks = config.mouth_blocks
        self.mouth = PatchNetwork(len(self.mouth_points), config, blocks)
        self.lips = PatchNetwork(len(self.lip_points), config, blocks) if self.lip_points else None
        placed = self.eye_points + self.eye_points_right + self.mouth_points
        self.register_buffer("order", _order(config.n_points, placed), persistent=False)
        self.register_buffer("lip_order", _order(config.n_points, self.lip_points), persistent=False)

    order: Tensor
    lip_order: Tensor

    def forward(self, crop: Tensor, first: Tensor) -> DetailOutput:
        """(B, 3, S, S) RGB in 0..1 and the heat-maps' points (B, P, 2) crop px -> `DetailOutput`."""
        spread = _spread(first)
        left = self._place(first[:, self.eye_points], EYE_REACH * spread)
        right = self._place(first[:, self.eye_points_right], EYE_REACH * spread)
        mouth = self._place(first[:, self.mouth_points], MOUTH_REACH * spread)
        eyes = torch.cat([cut(crop, *left), cut(crop, *right).flip(3)])
        eye_points, eye_features = self.eye(eyes)
        mouth_points, mouth_features = self.mouth(cut(crop, *mouth))
        left_points, right_points = eye_points.chunk(2)
        right_points = right_points * right_points.new_tensor([-1.0, 1.0])
        fine = [first, to_crop(left_points, *left), to_crop(right_points, *right), to_crop(mouth_points, *mouth)]
        second = torch.cat(fine, dim=1)[:, self.order]
        features = [*eye_features.chunk(2), mouth_features]
        if self.lips is None:
            return DetailOutput(second, second, torch.cat(features, dim=1))
        # Detached: where the lips are cut is the second points' own business.
        lips = second[:, self.lip_points].detach()
        place = self._place(lips, lip_reach(lips, spread))
        lip_points, lip_features = self.lips(cut(crop, *place))
        points = torch.cat([second, to_crop(lip_points, *place)], dim=1)[:, self.lip_order]
        return DetailOutput(points, second, torch.cat([*features, lip_features], dim=1))

    def _place(self, points: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
        """A patch's centre (B, 2) and half side (B,), crop px, from the points (B, n, 2) that it is about."""
        centre = points.mean(dim=1)
        if self.training:
            centre = centre + 2.0 * JITTER * reach[:, None] * torch.randn_like(centre)
            reach = reach * torch.exp(JITTER * torch.randn_like(reach))
        return centre, reach


def _spread(points: Tensor) -> Tensor:
    """(B, n, 2) px -> (B,) px: root mean square distance from their mean along an axis."""
    centred = points - points.mean(dim=1, keepdim=True)
    return torch.sqrt((centred * centred).mean(dim=(1, 2)) + 1.0)


def lip_reach(lips: Tensor, spread: Tensor) -> Tensor:
    """Half the side (B,) px of a patch around lips (B, n, 2) px in a face of this spread (B,) px."""
    return torch.maximum(LIP_REACH * _spread(lips), LEAST_LIP_REACH * spread)


def _order(count: int, placed: list[int]) -> Tensor:
    """Where each of `count` points stands in [all points, those of `placed` anew]."""
    order = list(range(count))
    for place, point in enumerate(placed):
        order[point] = count + place
    return torch.tensor(order)


def cut(crop: Tensor, centre: Tensor, reach: Tensor) -> Tensor:
    """Patches (B, 3, 64, 64) of crops (B, 3, S, S), bilinear, black beyond the border.

    centre (B, 2) and half side (B,), in pixels of the 256 crop whatever S is.
    """
    line = (torch.arange(PATCH, device=crop.device, dtype=crop.dtype) + 0.5) * (2.0 / PATCH) - 1.0
    grid = torch.stack([line.repeat(PATCH, 1), line[:, None].repeat(1, PATCH)], dim=2)  # (64, 64, 2) x, y
    unit = (centre + 0.5) * (2.0 / CROP_SIZE) - 1.0  # pixel centres to grid_sample's -1..1 between outer edges
    place = unit[:, None, None] + grid * (reach * (2.0 / CROP_SIZE))[:, None, None, None]
    return F.grid_sample(crop, place, mode="bilinear", padding_mode="zeros", align_corners=False)


def to_crop(points: Tensor, centre: Tensor, reach: Tensor) -> Tensor:
    """Points (B, n, 2) as parts -1..1 of a patch -> crop px."""
    return centre[:, None] + reach[:, None, None] * points


def _convolution(channels_in: int, channels_out: int, kernel: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    ]
