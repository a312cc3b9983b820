"""Losses of the network: Eq. 3 to 7 of the paper, Eq. 4 and Eq. 8 as named alternatives, and auxiliary terms.

All are means, in millimetres, pixels of the 256-pixel crop, or plain weights, so that their sizes do not depend on the
mesh, the volume's resolution or the batch. Every parametric term takes per-sample trust (B,), 0..1. Eq. 5 and Eq. 6 are
quadratic forms: |U a|^2 = a^T (U^T U) a, so the mesh itself is never built for them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmface_core.geometry.camera import weak_perspective


def gram_matrix(basis: Tensor, vertex_weights: Tensor | None = None) -> Tensor:
    """(K, V, 3) mm -> (K, K): mean over vertices of U_v^T U_v, so that a^T G a is a mean squared distance in mm^2.

    vertex_weights (V,) tilts the mean towards some vertices (their own mean is taken out).
    """
    rows = basis if vertex_weights is None else basis * (vertex_weights / vertex_weights.mean()).sqrt()[None, :, None]
    rows = rows.flatten(1)
    return rows @ rows.T / basis.shape[1]


class VolumeLoss(torch.autograd.Function):
    """Binary cross-entropy on logits whose gradient is formed in the forward pass, where the values still are warm."""

    @staticmethod
    def forward(ctx, logits: Tensor, target: Tensor, trust: Tensor) -> Tensor:
        weight = trust.reshape(-1, *[1] * (logits.dim() - 1)) / logits.numel()
        loss = (F.softplus(logits).sub_(logits * target).flatten(1).mean(dim=1) * trust).mean()
        ctx.save_for_backward(torch.sigmoid(logits).sub_(target).mul_(weight))
        return loss

    @staticmethod
    def backward(ctx, grad: Tensor):
        (gradient,) = ctx.saved_tensors
        return gradient * grad, None, None


def volume_loss(logits: Tensor, target: Tensor, trust: Tensor | None = None) -> Tensor:
    """Eq. 3 (with its minus sign): binary cross-entropy, mean over voxels. logits, target (B, D, H, W), target 0..1.

    Where the logits are coarser across than the target, the target is averaged down to them.
    """
    if target.shape[-1] != logits.shape[-1]:
        target = F.avg_pool2d(target, target.shape[-1] // logits.shape[-1])
    return VolumeLoss.apply(logits, target, logits.new_ones(len(logits)) if trust is None else trust)


def code_loss(codes: Tensor, target: Tensor, trust: Tensor | None = None) -> Tensor:
    """Eq. 4: mean squared difference of codes (B, K); `trust` (B,) or (B, K)."""
    squared = (codes - target).square()
    if trust is None:
        return squared.mean()
    return (squared * (trust if trust.dim() == 2 else trust[:, None])).mean()


def geometry_loss(codes: Tensor, target: Tensor, gram: Tensor, trust: Tensor | None = None) -> Tensor:
    """Eq. 5 and Eq. 6: mean squared distance in mm^2 between the vertices of two codes (B, K), all else equal.

    trust (B,) per sample, or (B, K) per code: its square root then scales the difference of the codes.
    """
    difference = codes - target
    if trust is not None and trust.dim() == 2:
        difference, trust = difference * trust.sqrt(), None
    squared = ((difference @ gram) * difference).sum(dim=1)
    return squared.mean() if trust is None else (squared * trust).mean()


def pose_loss(
    landmarks: Tensor,
    pose: tuple[Tensor, Tensor, Tensor],
    target_pose: tuple[Tensor, Tensor, Tensor],
    trust: Tensor | None = None,
) -> Tensor:
    """Eq. 7: mean squared distance in px^2 of the true landmarks (B, F, 3) mm under two poses.

    A pose is (rotation (B, 3, 3), scale (B,) px/mm, translation (B, 2) px).
    """
    predicted = weak_perspective(landmarks, *pose)[..., :2]
    target = weak_perspective(landmarks, *target_pose)[..., :2]
    squared = (predicted - target).square().sum(dim=2).mean(dim=1)
    return squared.mean() if trust is None else (squared * trust).mean()


def projection_loss(
    points: Tensor,
    pose: tuple[Tensor, Tensor, Tensor],
    target_points: Tensor,
    target_pose: tuple[Tensor, Tensor, Tensor],
) -> Tensor:
    """Eq. 8: mean squared distance in px^2 with shape and pose both predicted; points (B, N, 3) mm of each shape."""
    predicted = weak_perspective(points, *pose)[..., :2]
    target = weak_perspective(target_points, *target_pose)[..., :2]
    return (predicted - target).square().sum(dim=2).mean()


def points_loss(points: Tensor, target: Tensor, trust: Tensor | None = None, knee: float = 1.0) -> Tensor:
    """Huber distance (quadratic below `knee` px, then linear) of picture points (B, P, 2); trust (B,) or (B, P)."""
    distance = F.smooth_l1_loss(points, target, reduction="none", beta=knee).sum(dim=2)
    if trust is None:
        return distance.mean()
    return (distance * (trust if trust.dim() == 2 else trust[:, None])).mean()


def pair_loss(points: Tensor, target: Tensor, pairs: Tensor, trust: Tensor | None = None) -> Tensor:
    """How wrongly two points of a pair are apart: Huber of the difference of their offsets, px.

    points, target (B, P, 2); pairs (N, 2) point numbers, for example of an upper and a lower lid. Landmark error alone
    hides this: two points can both be two pixels off and the eye right, or each one off and the eye shut.
    """
    gap = points[:, pairs[:, 0]] - points[:, pairs[:, 1]]
    return points_loss(gap, target[:, pairs[:, 0]] - target[:, pairs[:, 1]], trust)


class GeometryTerms(nn.Module):
    """The Gram matrices of a face model's bases for Eq. 5 and Eq. 6, kept where the network is; buffers only."""

    identity_gram: Tensor
    expression_gram: Tensor

    def __init__(self, identity_basis: Tensor, expression_basis: Tensor) -> None:
        """identity_basis (K, V, 3) and expression_basis (M, V, 3), mm."""
        super().__init__()
        self.register_buffer("identity_gram", gram_matrix(identity_basis), persistent=False)
        self.register_buffer("expression_gram", gram_matrix(expression_basis), persistent=False)
