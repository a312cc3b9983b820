"""A network half way between what a run began from and what came out.

A run on renders goes on gaining on renders while what an earlier network knew of photographs is slowly lost. On the
straight line between both ends most of the gain is had, and less is lost (Wortsman et al., Robust fine-tuning of
zero-shot models, CVPR 2022).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmface_core.errors import UserError
from mmface_core.network.detail import Residual


@torch.no_grad()
def move_half_way(net: nn.Module, earlier: dict[str, Tensor]) -> None:
    """Replace every weight and running statistic of `net` by its mean with the earlier network's, in place.

    Residual blocks that the earlier network lacks add half of what they add. UserError where anything else is missing
    there, or of another size.
    """
    lacking = [
        (name, block)
        for name, block in net.named_modules()
        if isinstance(block, Residual) and not any(key.startswith(f"{name}.") for key in earlier)
    ]
    new = tuple(f"{name}." for name, _ in lacking)
    for name, value in net.state_dict().items():
        if not value.is_floating_point() or name.startswith(new):
            continue
        if name not in earlier or earlier[name].shape != value.shape:
            raise UserError(f"The run did not begin from these weights: {name} is missing there, or of another size.")
        value.lerp_(earlier[name].to(value), 0.5)
    for _, block in lacking:
        block.last_norm.weight.mul_(0.5)
        block.last_norm.bias.mul_(0.5)
