"""Fit pose, expression and some identity of a face model to points seen in the picture, near a first guess.

A few Gauss-Newton steps, batched. Every parameter is held by a Gaussian prior around the guess; expression weights of
named units are also bounded to 0..1, by freezing those that a step would push through their bound. NumPy rather than
torch, because a frame's single face is done in a fraction of the time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmface_core.model.surface_points import SurfacePoints

Array = NDArray[np.float32]

_POSE = 6  # rotation vector, log scale, translation


class FaceParameters(NamedTuple):
    """Faces, f32: identity (B, K), expression (B, M), rotation (B, 3, 3), scale (B,) px/mm, translation (B, 2) px."""

    identity: Array
    expression: Array
    rotation: Array
    scale: Array
    translation: Array


@dataclass(frozen=True)
class FitConfig:
    """Spreads of the priors, and how much the points are believed.

    rotation (rad), log_scale, translation (px), expression and identity (code units) are standard deviations around the
    guess; n_identity codes are moved, the others stay. units: spreads of expression weights by the start of a name, the
    first that fits; expression is that of all others. point_px is the spread of a point, points those of some kinds of
    points (`mmface_core.model.dense_points.point_kinds`); robust_px where a point's influence ends growing. steps of
    Gauss-Newton. bounded: expression stays within 0..1.

    The values are what `benchmarks/fit_spreads.py` found for the bundled weights, rounded; smiles
    are taken with the rest of the mouth.
    """

    rotation: float = 0.014
    log_scale: float = 0.012
    translation: float = 0.92
    expression: float = 0.1
    units: tuple[tuple[str, float], ...] = (
        ("brow", 0.1),
        ("eyeLook", 0.023),
        ("eyeBlink", 0.048),
        ("eye", 0.06),
        ("jaw", 0.029),
        ("mouth", 0.036),
        ("cheek", 0.048),
        ("nose", 0.048),
    )
    identity: float = 0.68
    n_identity: int = 24
    point_px: float = 2.0
    points: tuple[tuple[str, float], ...] = (
        ("iris", 0.96),
        ("lid", 0.96),
        ("lip", 1.3),
        ("brow", 1.6),
        ("nose", 1.25),
        ("outline", 3.4),
    )
    robust_px: float = 6.0
    steps: int = 2
    bounded: bool = True


class PointFitter:
    """Fits faces to P points of the model's surface."""

    def __init__(
        self,
        surface: SurfacePoints,
        config: FitConfig | None = None,
        unit_names: Sequence[str] = (),
        point_kinds: Sequence[str] = (),
    ) -> None:
        """unit_names (M) and point_kinds (P) say which of the config's spreads count; without them all are alike."""
        self.surface = surface
        self.config = FitConfig() if config is None else config
        units = unit_names or [""] * len(surface.expression_basis)
        kinds = point_kinds or [""] * len(surface)
        self._unit_spread = np.array([spread_of(unit, self.config.units, self.config.expression) for unit in units])
        self._point_px = np.array([spread_of(kind, self.config.points, self.config.point_px) for kind in kinds])
        free_identity = surface.identity_basis[: self.config.n_identity]
        self._basis = np.concatenate([surface.expression_basis, free_identity]).transpose(1, 2, 0).copy()  # (P, 3, N)

    def points(self, face: FaceParameters) -> Array:
        """The points in the picture, (B, P, 2) px."""
        return _picture(self._camera(face), face.translation)

    def _camera(self, face: FaceParameters) -> Array:
        """The points (B, P, 3) px in the camera frame (y up), around the head's origin."""
        head = self.surface.shape(face.identity, face.expression)
        return face.scale[:, None, None] * (head @ face.rotation.transpose(0, 2, 1))

    def fit(self, guess: FaceParameters, seen: Array, belief: Array | None = None) -> FaceParameters:
        """The faces near `guess` whose points lie near those seen.

        seen (B, P, 2) px; belief (P,) or (B, P) divides a point's spread: 2 is twice as sure.
        """
        c = self.config
        batch, n_expression = guess.expression.shape
        end = _POSE + n_expression
        spreads = [c.rotation] * 3 + [c.log_scale] + [c.translation] * 2
        spreads += [*self._unit_spread] + [c.identity] * (self._basis.shape[2] - n_expression)
        prior = (1.0 / np.square(spreads)).astype(np.float32)  # (6 + N,)
        sureness = np.broadcast_to(self._point_px**-2, seen.shape[:2]).astype(np.float32)
        if belief is not None:
            sureness = sureness * np.square(belief)

        face, moved = guess, np.zeros((batch, len(prior)), np.float32)  # `moved`: the way from the guess, for the prior
        for _ in range(c.steps):
            jacobian, predicted = self.linearised(face)
            residual = predicted - seen
            weight = sureness / (1 + np.square(residual).sum(-1) / c.robust_px**2)  # Cauchy
            weighted = (weight[:, :, None, None] * jacobian).reshape(batch, -1, len(prior)).transpose(0, 2, 1)
            normal = weighted @ jacobian.reshape(batch, -1, len(prior)) + np.diag(prior)
            gradient = (weighted @ residual.reshape(batch, -1, 1))[..., 0] + prior * moved
            step = -np.linalg.solve(normal, gradient[..., None])[..., 0]
            if c.bounded:
                step = _bounded(step, normal, gradient, slice(_POSE, end), face.expression)
            face, moved = self._stepped(face, step), moved + step
        return face

    def linearised(self, face: FaceParameters) -> tuple[Array, Array]:
        """Derivatives (B, P, 2, 6 + N) of the points by the parameters, and the points (B, P, 2)."""
        camera = self._camera(face)
        x, y, z = camera[..., 0], camera[..., 1], camera[..., 2]
        jacobian = np.zeros((*camera.shape[:2], 2, _POSE + self._basis.shape[2]), np.float32)
        # Columns: rotation about the camera's x, y, z; log scale; shift right, down. Rows: picture x, picture y (down).
        across, down = jacobian[..., 0, :], jacobian[..., 1, :]
        across[..., 1], across[..., 2], across[..., 3], across[..., 4] = z, -y, x, 1
        down[..., 0], down[..., 2], down[..., 3], down[..., 5] = z, -x, -y, 1
        turn = face.scale[:, None, None] * face.rotation[:, :2] * np.array([[1.0], [-1.0]], np.float32)  # (B, 2, 3)
        jacobian[..., _POSE:] = turn[:, None] @ self._basis
        return jacobian, _picture(camera, face.translation)

    def _stepped(self, face: FaceParameters, step: Array) -> FaceParameters:
        end = _POSE + face.expression.shape[1]
        expression = face.expression + step[:, _POSE:end]
        identity = face.identity.copy()
        identity[:, : step.shape[1] - end] += step[:, end:]
        return FaceParameters(
            identity,
            np.clip(expression, 0, 1) if self.config.bounded else expression,
            rotations(step[:, :3]) @ face.rotation,
            face.scale * np.exp(step[:, 3]),
            face.translation + step[:, 4:6],
        )


def spread_of(name: str, table: Sequence[tuple[str, float]], default: float) -> float:
    """The spread in a table of (start of name, spread) for a name, the first that fits."""
    return next((value for start, value in table if name.startswith(start)), default)


def rotations(vectors: Array) -> Array:
    """Rotation matrices (B, 3, 3) of rotation vectors (B, 3) in radians, by Rodrigues' formula."""
    angle = np.linalg.norm(vectors, axis=1)[:, None, None]
    x, y, z = (vectors / np.maximum(angle[:, :, 0], 1e-12)).T
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
    turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    return turn.astype(vectors.dtype)


def _picture(camera: Array, translation: Array) -> Array:
    """Picture points (B, P, 2), y down, of camera points (B, P, 3) px, y up."""
    return translation[:, None] + camera[..., :2] * np.array([1, -1], camera.dtype)


def _bounded(step: Array, normal: Array, gradient: Array, part: slice, value: Array) -> Array:
    """The step (B, n) with the parameters of `part`, now (B, m) within 0..1, kept there.

    Those that would leave go to their bound; the others then find their best place beside them.
    """
    wanted = value + step[:, part]
    out = (wanted < 0) | (wanted > 1)
    if not out.any():
        return step
    fixed = np.zeros_like(step)
    fixed[:, part] = np.where(out, np.clip(wanted, 0, 1) - value, 0)
    free = np.ones(step.shape, bool)
    free[:, part] = ~out
    shifted = gradient + (normal @ fixed[..., None])[..., 0]
    both = free[:, :, None] & free[:, None, :]
    kept = np.where(both, normal, np.eye(step.shape[1], dtype=step.dtype))
    return fixed - np.linalg.solve(kept, np.where(free, shifted, 0)[..., None])[..., 0]
