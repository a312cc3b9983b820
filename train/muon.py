"""Muon: a step that turns a layer's matrix as far along every direction as along every other.

A matrix's momentum is made orthogonal by a few Newton-Schulz iterations (Jordan et al. 2024, "Muon: an optimizer for
hidden layers in neural networks"). The step then has the root mean square that AdamW's has, so that both go by one
learning rate (Liu et al. 2025, "Muon is scalable for LLM training").
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import torch
from torch import Tensor, nn

from mmface_core.network.mmface import MMFaceNet

MOMENTUM: Final = 0.95
SCHULZ: Final = (3.4445, -4.7750, 2.0315)  # of the quintic that Jordan et al. found to bring small values up quickest
SCHULZ_STEPS: Final = 5
STEP_SIZE: Final = 0.2  # root mean square of an AdamW step, before the learning rate
LEAST_SIDE: Final = 8  # rows and columns from which a matrix has directions enough


def inner_matrices(net: MMFaceNet) -> list[nn.Parameter]:
    """The kernels and matrices between other layers, which Muon is for: in a layer that ends in answers (heat-maps,
    parameters) each row has a meaning and a size of its own.
    """
    answers = {id(p) for layer in _answer_layers(net) for p in layer.parameters()}
    inner = [p for p in net.parameters() if p.dim() > 1 and id(p) not in answers]
    return [p for p in inner if min(_as_matrix(p).shape) >= LEAST_SIDE]


def _answer_layers(net: MMFaceNet) -> list[nn.Module]:
    pmn = net.pmn
    branches = (pmn.identity, pmn.expression, pmn.pose, pmn.points.layers)
    layers: list[nn.Module] = [*net.vmn.scores, net.point_head.scores, *(branch[-1] for branch in branches)]
    if pmn.mixed is not None:
        layers.append(pmn.mixed[-1])
    if net.detail is not None:
        looks = (net.detail.eye, net.detail.mouth, net.detail.lips)
        layers += [look.heat for look in looks if look is not None]
    return layers


def orthogonal(matrices: Tensor) -> Tensor:
    """(n, a, b) -> (n, a, b): singular values that are not tiny come to 0.7 to 1.2, singular vectors stay.

    In bf16, which the iteration bears.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.bfloat16()
    x = x.mT if tall else x
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    a, b, c = SCHULZ
    for _ in range(SCHULZ_STEPS):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum and decoupled weight decay, for kernels and matrices of any number of sides."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, weight_decay: float) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step of the parameters that have a gradient."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            by_shape: dict[torch.Size, list[nn.Parameter]] = {}
            for parameter in parameters:
                by_shape.setdefault(_as_matrix(parameter).shape, []).append(parameter)
            for shape, alike in by_shape.items():
                directions = orthogonal(torch.stack([_as_matrix(self._ahead(p)) for p in alike]))
                length = group["lr"] * STEP_SIZE * max(shape) ** 0.5
                for parameter, direction in zip(alike, directions, strict=True):
                    parameter.mul_(1.0 - group["lr"] * group["weight_decay"])
                    parameter.sub_(direction.reshape(parameter.shape), alpha=length)

    def _ahead(self, parameter: nn.Parameter) -> Tensor:
        """The gradient blended with its running mean, which takes it in."""
        state, gradient = self.state[parameter], parameter.grad
        assert gradient is not None
        if "mean" not in state:
            state["mean"] = torch.zeros_like(parameter)
        state["mean"].lerp_(gradient, 1.0 - MOMENTUM)
        return gradient.lerp(state["mean"], MOMENTUM)


def _as_matrix(parameter: Tensor) -> Tensor:
    """(out, in, ...) -> (out, everything else)."""
    return parameter.reshape(len(parameter), -1)
