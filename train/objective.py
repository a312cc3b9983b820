"""The training objective: the terms of `mmface_core.network.losses` put together for one batch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mmface_core.geometry.camera import weak_perspective
from mmface_core.geometry.rotation import from_6d
from mmface_core.network import losses
from mmface_core.network.mmface import MMFaceNet, NetworkOutput
from train.config import LossWeights
from train.targets import PointModel, Targets

MOST_RARE = 4.0


class Objective:
    """Terms by name and their weighted sum; a term is left out where a stage does not train its part."""

    def __init__(
        self, weights: LossWeights, geometry: losses.GeometryTerms, points: PointModel, expressions: Tensor
    ) -> None:
        """`expressions` (n, M): what is drawn in training; it says how rare each unit is."""
        self.weights, self.geometry, self.points = weights, geometry, points
        self.unit_weights = rarity(expressions)

    def volume(self, logits: list[Tensor], targets: Targets, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Eq. 3 for each stack, averaged."""
        terms = [losses.volume_loss(stack, targets.volume, batch["volume_weight"]) for stack in logits]
        return {"volume": torch.stack(terms).mean()}

    def direct(
        self, first: Tensor, second: Tensor, points: Tensor, targets: Targets, batch: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Heat-map points and their gaps: before the closer look, before that at the lips alone, and after it."""
        trust = batch["points_weight"]
        terms: dict[str, Tensor] = {}
        looks = [(points, "points", "point_pairs"), (first, "first_points", "first_pairs")]
        if second is not points:
            looks.append((second, "second_points", "second_pairs"))
        for placed, name, gaps in looks:
            terms[name] = losses.points_loss(placed, targets.points, trust[:, None] * self.points.weights)
            terms[gaps] = losses.pair_loss(placed, targets.points, self.points.pairs, trust)
        return terms

    def parameters(
        self, identity: Tensor, expression: Tensor, pose: tuple, targets: Targets, batch: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Eq. 4 to 7 and the projected points."""
        geometry, trust = self.geometry, batch["points_weight"]
        projected = weak_perspective(self.points(identity, expression), *pose)[..., :2]
        landmarks = targets.points_3d[:, :68]
        return {
            "identity": losses.geometry_loss(
                identity, batch["identity"], geometry.identity_gram, batch["identity_weight"]
            ),
            "codes": losses.code_loss(identity, batch["identity"], batch["identity_weight"]),
            "expression": losses.geometry_loss(
                expression, batch["expression"], geometry.expression_gram, batch["expression_weight"]
            ),
            "weights": losses.code_loss(
                expression, batch["expression"], batch["expression_weight"] * self.unit_weights
            ),
            "pose": losses.pose_loss(landmarks, pose, targets.pose, batch["pose_weight"]),
            "projected": losses.points_loss(projected, targets.points, trust[:, None] * self.points.weights),
            "projected_pairs": losses.pair_loss(projected, targets.points, self.points.pairs, trust),
        }

    def everything(self, output: NetworkOutput, targets: Targets, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """All terms of a forward pass."""
        pose = (output.rotation, output.scale, output.translation)
        return (
            self.volume(output.volume_logits, targets, batch)
            | self.direct(output.first_points, output.second_points, output.points, targets, batch)
            | self.parameters(output.identity, output.expression, pose, targets, batch)
        )

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum of named terms."""
        return sum((getattr(self.weights, name) * term for name, term in terms.items()), torch.zeros(()))

    def regressor(self, net: MMFaceNet, samples: Mapping[str, Tensor], targets: Targets, noisy: Tensor) -> Tensor:
        """The points-to-parameters layers on samples of the face model: no picture, `noisy` (B, P, 2) px points."""
        identity, expression, raw = net.pmn.decode(net.pmn.points(noisy))
        pose = (from_6d(raw.rotation_6d), raw.scale, raw.translation)
        return self.total(self.parameters(identity, expression, pose, targets, samples))


def rarity(expressions: Tensor) -> Tensor:
    """Weights (M,) of the units' squared errors, 1 to `MOST_RARE`: a unit that is seldom on would else stay at zero."""
    variance = expressions.var(dim=0)
    return (variance.mean() / variance.clamp_min(1e-6)).clamp(1.0, MOST_RARE)
