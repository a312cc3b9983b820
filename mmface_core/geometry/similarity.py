"""Similarity transforms between point sets: rotation, one scale, translation (Umeyama 1991), made robust."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Similarity:
    """y = scale * rotation @ x + translation."""

    scale: float
    rotation: Array = field(default_factory=lambda: np.eye(3))
    translation: Array = field(default_factory=lambda: np.zeros(3))

    def apply(self, points: Array) -> Array:
        """Points (N, 3) moved."""
        return self.scale * points @ self.rotation.T + self.translation

    def invert(self, points: Array) -> Array:
        """Points (N, 3) moved back."""
        return (points - self.translation) @ self.rotation / self.scale

    def turn(self, offsets: Array) -> Array:
        """Offsets (..., 3) carried along: rotated and scaled."""
        return self.scale * offsets @ self.rotation.T

    def turn_back(self, offsets: Array) -> Array:
        """Offsets (..., 3) carried back."""
        return offsets @ self.rotation / self.scale


def fit_similarity(source: Array, target: Array, weights: Array | None = None) -> Similarity:
    """The similarity that moves source (N, 3) nearest to target (N, 3) in weighted least squares; no reflection.

    S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 1991.
    Raises ValueError where fewer than three points have a weight.
    """
    weights = np.ones(len(source)) if weights is None else np.asarray(weights, float)
    if (weights > 0).sum() < 3:
        raise ValueError("a similarity needs three points")
    share = weights / weights.sum()
    from_mean, to_mean = share @ source, share @ target
    a, b = source - from_mean, target - to_mean
    u, singular, vt = np.linalg.svd((b * share[:, None]).T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float((singular * sign).sum() / (share @ (a**2).sum(axis=1)))
    return Similarity(scale, rotation, to_mean - scale * rotation @ from_mean)


def fit_similarity_robustly(source: Array, target: Array, weights: Array | None = None, rounds: int = 10) -> Similarity:
    """The same with Geman-McClure weights, so that some wrong pairs do not matter; the spread is found by median."""
    base = np.ones(len(source)) if weights is None else np.asarray(weights, float)
    found = fit_similarity(source, target, base)
    for _ in range(rounds):
        distance = np.linalg.norm(found.apply(source) - target, axis=1)
        spread = 2.0 * float(np.median(distance[base > 0])) + 1e-12
        found = fit_similarity(source, target, base / (1 + (distance / spread) ** 2) ** 2)
    return found
