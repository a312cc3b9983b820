"""Samples of the face model alone, without pictures: they teach the points-to-parameters layers what points mean."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from mmface_core.geometry.camera import weak_perspective
from train.data.sampling import sample_expression, sample_identity, sample_pose
from train.targets import PointModel, Targets

SMALLEST_NOISE, LARGEST_NOISE = 0.3, 6.0
"""px; the heat-maps' error runs through this range while they learn."""


class ModelSamples:
    """A table of plausible faces and poses, drawn once, and noisy points of any number of them."""

    def __init__(self, points: PointModel, count: int, seed: int, expression_spread: np.ndarray | None = None) -> None:
        """expression_spread (M,): the deviations of a model's plain components; None draws ARKit units."""
        rng = np.random.default_rng(seed)
        n_identity = len(points.identity)
        poses = [sample_pose(rng) for _ in range(count)]
        self.points = points
        self.identity = torch.from_numpy(np.stack([sample_identity(rng, n_identity) for _ in range(count)]))
        if expression_spread is None:
            expressions = np.stack([sample_expression(rng) for _ in range(count)])
        else:
            expressions = rng.standard_normal((count, len(expression_spread))) * expression_spread
        self.expression = torch.from_numpy(expressions.astype(np.float32))
        self.rotation = torch.from_numpy(np.stack([pose.rotation for pose in poses])).float()
        self.scale = torch.tensor([pose.scale for pose in poses], dtype=torch.float32)
        self.translation = torch.from_numpy(np.stack([pose.translation for pose in poses])).float()

    def draw(self, count: int, generator: torch.Generator) -> tuple[dict[str, Tensor], Targets, Tensor]:
        """(samples as a batch with full trust, their targets without a volume, noisy points (count, P, 2) px).

        Identity, expression and pose are drawn apart from each other, so that a small table makes many faces.
        """
        total = len(self.identity)
        first, second, third = torch.randint(total, (3, count), generator=generator)
        identity, expression = self.identity[first], self.expression[second]
        pose = (self.rotation[third], self.scale[third], self.translation[third])
        points = self.points(identity, expression)
        picture = weak_perspective(points, *pose)[..., :2]
        span = math.log(LARGEST_NOISE / SMALLEST_NOISE)
        sigma = SMALLEST_NOISE * torch.exp(span * torch.rand(count, 1, 1, generator=generator))
        one = torch.ones(count)
        samples = {
            "identity": identity,
            "expression": expression,
            "identity_weight": one,
            "expression_weight": torch.ones_like(expression),
            "pose_weight": one,
            "points_weight": one,
        }
        targets = Targets(points, picture, torch.empty(0), pose)
        return samples, targets, picture + sigma * torch.randn(picture.shape, generator=generator)
