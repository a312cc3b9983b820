"""The network as it is exported: bytes in, the arrays of `Prediction` out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmface_core.network.mmface import MMFaceNet
from mmface_core.network.vmn import resize_volume


class InferenceNet(nn.Module):
    """MMFaceNet as it is exported: pictures of bytes in, the arrays of `Prediction` out."""

    def __init__(self, net: MMFaceNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        """(B, S, S, 3) u8 RGB -> tensors in the order of `OUTPUTS`."""
        output = self.net(crops.permute(0, 3, 1, 2).float() / 255.0)
        volume = torch.sigmoid(resize_volume(output.volume_logits[-1], self.net.config.volume_size))
        return (
            volume,
            output.identity,
            output.expression,
            output.rotation,
            output.scale,
            output.translation,
            output.points,
        )
