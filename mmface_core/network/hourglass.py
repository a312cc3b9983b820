"""The hourglass and its pre-activation bottlenecks (Newell et al. 2016, "Stacked Hourglass Networks")."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


def start_small(layer: nn.Module, std: float, bias: float = 0.0) -> None:
    """Set a layer's weights to small normal values and its bias to a constant, so that its outputs begin there."""
    for name, parameter in layer.named_parameters(recurse=False):
        if name == "weight":
            nn.init.normal_(parameter, std=std)
        else:
            nn.init.constant_(parameter, bias)


class Bottleneck(nn.Module):
    """Pre-activation residual: BN-ReLU-1x1, BN-ReLU-3x3, BN-ReLU-1x1, added to the input (1x1 where widths differ)."""

    def __init__(self, channels_in: int, channels_out: int, ratio: int) -> None:
        super().__init__()
        inner = channels_out // ratio
        self.norm1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, inner, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, padding=1, bias=False)
        self.norm3 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, channels_out, 1)
        self.skip = nn.Conv2d(channels_in, channels_out, 1) if channels_in != channels_out else nn.Identity()
        # The residual starts near zero, so that a deep stack begins as its skips and the first steps stay tame.
        nn.init.normal_(self.conv3.weight, std=0.3 * (2.0 / inner) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, H, W) -> (B, channels_out, H, W)."""
        y = self.conv1(F.relu(self.norm1(x), inplace=True))
        y = self.conv2(F.relu(self.norm2(y), inplace=True))
        y = self.conv3(F.relu(self.norm3(y), inplace=True))
        return y + self.skip(x)


class Hourglass(nn.Module):
    """`depth` levels of max-pooling down and nearest up-sampling back, each level with a residual skip branch."""

    def __init__(self, channels: int, depth: int, ratio: int, growth: int) -> None:
        super().__init__()
        inner = channels + growth
        # Below the top level arithmetic is cheap, and a wider bottleneck costs little there.
        inner_ratio = max(2, ratio // 2)
        self.skip = Bottleneck(channels, channels, ratio)
        self.down = Bottleneck(channels, inner, inner_ratio)
        self.inner = Hourglass(inner, depth - 1, inner_ratio, growth) if depth > 1 else Bottleneck(inner, inner, 2)
        self.up = Bottleneck(inner, channels, inner_ratio)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W); H and W divisible by 2 ** depth."""
        low = self.up(self.inner(self.down(F.max_pool2d(x, 2))))
        return self.skip(x) + F.interpolate(low, scale_factor=2.0, mode="nearest")
