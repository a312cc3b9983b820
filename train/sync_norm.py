"""Batch normalisation over the batches of all ranks, so that two ranks with half a batch learn what one would.

torch's SyncBatchNorm needs a GPU; this one reduces through any backend, gloo included, in both passes.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F


class _SumOverRanks(torch.autograd.Function):
    """The sum of every rank's tensor, in all of them; so is its gradient."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        total = x.contiguous().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        total = grad.contiguous().clone()
        dist.all_reduce(total)
        return total


class SyncedNorm(nn.modules.batchnorm._BatchNorm):
    """Takes the place of a BatchNorm of any dimension, with its parameters, its buffers and their names."""

    @classmethod
    def of(cls, norm: nn.modules.batchnorm._BatchNorm) -> SyncedNorm:
        """The synchronised twin, which shares the tensors of `norm`."""
        made = cls(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        for name, parameter in norm.named_parameters(recurse=False):
            setattr(made, name, parameter)
        for name, buffer in norm.named_buffers(recurse=False):
            setattr(made, name, buffer)
        return made

    def _check_input_dim(self, input: Tensor) -> None:
        """Any dimension will do."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, ...) -> the same, normalised over B and the rest of every rank."""
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        wide = x if x.dtype == torch.float64 else x.float()
        over = [0, *range(2, x.dim())]
        count = float(x.numel() // x.shape[1] * dist.get_world_size())
        mean = _SumOverRanks.apply(wide.sum(over)) / count
        shape = [1, -1, *[1] * (x.dim() - 2)]
        centred = wide - mean.reshape(shape)
        variance = _SumOverRanks.apply(centred.square().sum(over)) / count
        with torch.no_grad():
            share = cast(float, self.momentum)
            cast(Tensor, self.running_mean).lerp_(mean.detach(), share)
            cast(Tensor, self.running_var).lerp_(variance.detach() * (count / max(count - 1.0, 1.0)), share)
            cast(Tensor, self.num_batches_tracked).add_(1)
        out = centred * (self.weight * torch.rsqrt(variance + self.eps)).reshape(shape) + self.bias.reshape(shape)
        return out.to(x.dtype)


def synchronise(net: nn.Module) -> None:
    """Replace every batch normalisation of `net` by its synchronised twin, in place."""
    for name, child in net.named_children():
        if isinstance(child, nn.modules.batchnorm._BatchNorm):
            setattr(net, name, SyncedNorm.of(child))
        else:
            synchronise(child)
