"""Fit pose, expression and some identity of a face model to points seen in the picture, near a first guess.

A few damped Gauss-Newton steps, batched. Every parameter is held by a Gaussian prior around the guess; expression
weights of named units are also bounded to 0..1, by freezing those that a step would push through their bound.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mmface_core.geometry.rotation import from_axis_angle
from mmface_core.model.face_model import FaceModel

_POSE = 6  # rotation vector, log scale, translation


class FaceParameters(NamedTuple):
    """Faces: identity (B, K), expression (B, M), rotation (B, 3, 3), scale (B,) px/mm, translation (B, 2) px."""

    identity: Tensor
    expression: Tensor
    rotation: Tensor
    scale: Tensor
    translation: Tensor


@dataclass(frozen=True)
class FitConfig:
    """Spreads of the priors, and how much the points are believed.

    rotation (rad), log_scale, translation (px), expression and identity (code units) are standard deviations around the
    guess; n_identity codes are moved, the others stay. point_px is the spread of a point, robust_px where its influence
    ends growing. steps of Gauss-Newton. bounded: expression stays within 0..1.
    """

    rotation: float = 0.06
    log_scale: float = 0.03
    translation: float = 4.0
    expression: float = 0.1
    identity: float = 0.5
    n_identity: int = 24
    point_px: float = 2.0
    robust_px: float = 6.0
    steps: int = 3
    bounded: bool = True


class PointFitter:
    """The face model seen at P points of its surface only: what a fit to those points needs, prepared once."""

    def __init__(self, model: FaceModel, vertices: Tensor, weights: Tensor, config: FitConfig | None = None) -> None:
        """vertices (P, 3) i64 and weights (P, 3) are barycentric places on the model's mesh."""
        self.config = FitConfig() if config is None else config

        def at(array: Tensor) -> Tensor:  # (..., V, 3) -> (..., P, 3)
            return (array[..., vertices, :] * weights[..., None]).sum(-2)

        self.mean = at(model.mean)
        self.identity_basis = at(model.identity_basis)
        self.expression_basis = at(model.expression_basis)
        self._basis = torch.cat([self.expression_basis, self.identity_basis[: self.config.n_identity]])  # (N, P, 3)

    def points(self, face: FaceParameters) -> Tensor:
        """The points in the picture, (B, P, 2) px."""
        camera = self._head_points(face) @ face.rotation.transpose(-1, -2)
        flat = face.scale[:, None, None] * camera[..., :2]
        return torch.stack(
            (flat[..., 0] + face.translation[:, None, 0], face.translation[:, None, 1] - flat[..., 1]), -1
        )

    def _head_points(self, face: FaceParameters) -> Tensor:
        def combine(codes: Tensor, basis: Tensor) -> Tensor:
            return (codes @ basis.flatten(1)).unflatten(1, basis.shape[1:])

        return self.mean + combine(face.identity, self.identity_basis) + combine(face.expression, self.expression_basis)

    def fit(self, guess: FaceParameters, seen: Tensor, belief: Tensor | None = None) -> FaceParameters:
        """The faces near `guess` whose points lie near those seen.

        seen (B, P, 2) px; belief (P,) or (B, P) divides a point's spread: 2 is twice as sure.
        """
        c = self.config
        batch, n_expression = guess.expression.shape
        n_identity = self._basis.shape[0] - n_expression
        spreads = [c.rotation] * 3 + [c.log_scale] + [c.translation] * 2
        spreads += [c.expression] * n_expression + [c.identity] * n_identity
        prior = seen.new_tensor(spreads).pow(-2)  # (6 + N,)
        base = torch.full(seen.shape[:2], 1.0 / c.point_px, device=seen.device, dtype=seen.dtype)
        if belief is not None:
            base = base * belief

        face, moved = guess, seen.new_zeros(batch, prior.shape[0])  # `moved`: the way from the guess, for the prior
        for _ in range(c.steps):
            jacobian, predicted = self._linearised(face)
            residual = predicted - seen
            distance = residual.norm(dim=-1)
            weight = base**2 / (1 + (distance / c.robust_px) ** 2)  # Cauchy
            weighted = (weight[:, :, None, None] * jacobian).flatten(1, 2)  # (B, 2P, 6 + N)
            normal = weighted.transpose(1, 2) @ jacobian.flatten(1, 2) + torch.diag(prior)
            gradient = (weighted.transpose(1, 2) @ residual.flatten(1)[..., None])[..., 0] + prior * moved
            free = torch.ones_like(gradient, dtype=torch.bool)
            step = _solve(normal, gradient, free)
            if c.bounded:
                value = face.expression
                wanted = value + step[:, _POSE : _POSE + n_expression]
                free[:, _POSE : _POSE + n_expression] = (wanted > 0) & (wanted < 1)
                # Those that would leave go to their bound first; the others then find their best place beside them.
                fixed = torch.zeros_like(step)
                fixed[:, _POSE : _POSE + n_expression] = wanted.clamp(0, 1) - value
                fixed = torch.where(free, torch.zeros_like(fixed), fixed)
                shifted = gradient + (normal @ fixed[..., None])[..., 0]
                step = fixed + _solve(normal, shifted, free)
            face, moved = self._stepped(face, step, moved)
        return face

    def _linearised(self, face: FaceParameters) -> tuple[Tensor, Tensor]:
        """Derivatives (B, P, 2, 6 + N) of the points by the parameters, and the points (B, P, 2)."""
        camera = face.scale[:, None, None] * (self._head_points(face) @ face.rotation.transpose(-1, -2))
        x, y, z = camera.unbind(-1)
        zero, one = torch.zeros_like(x), torch.ones_like(x)
        # Columns: rotation about the camera's x, y, z; log scale; shift right, down. Rows: picture x, picture y (down).
        across = torch.stack((zero, z, -y, x, one, zero), dim=-1)
        down = torch.stack((z, zero, -x, -y, zero, one), dim=-1)
        turn = face.scale[:, None, None] * face.rotation[:, :2]  # (B, 2, 3)
        shape = torch.einsum("npj,bij->bpin", self._basis, turn) * turn.new_tensor([1.0, -1.0])[:, None]
        jacobian = torch.cat((torch.stack((across, down), dim=2), shape), dim=-1)
        seen = torch.stack((x + face.translation[:, None, 0], face.translation[:, None, 1] - y), dim=-1)
        return jacobian, seen

    def _stepped(self, face: FaceParameters, step: Tensor, moved: Tensor) -> tuple[FaceParameters, Tensor]:
        n_expression = face.expression.shape[1]
        end = _POSE + n_expression
        expression = face.expression + step[:, _POSE:end]
        identity = face.identity.clone()
        identity[:, : step.shape[1] - end] += step[:, end:]
        stepped = FaceParameters(
            identity,
            expression.clamp(0, 1) if self.config.bounded else expression,
            from_axis_angle(step[:, :3]) @ face.rotation,
            face.scale * torch.exp(step[:, 3]),
            face.translation + step[:, 4:6],
        )
        return stepped, moved + step


def _solve(normal: Tensor, gradient: Tensor, free: Tensor) -> Tensor:
    """The Gauss-Newton step (B, N) in the free parameters; 0 in the others."""
    both = free[:, :, None] & free[:, None, :]
    kept = torch.where(both, normal, torch.zeros_like(normal)) + torch.diag_embed((~free).to(normal.dtype))
    factor = torch.linalg.cholesky(kept)
    right = torch.where(free, -gradient, torch.zeros_like(gradient))
    return torch.cholesky_solve(right[..., None], factor)[..., 0]
