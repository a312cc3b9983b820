"""What turns gradients into steps, and how long the steps are over a stage."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from mmface_core.network.mmface import MMFaceNet
from train.config import RunConfig, Stage
from train.muon import Muon, inner_matrices


def make_optimisers(net: MMFaceNet, config: RunConfig) -> list[torch.optim.Optimizer]:
    """AdamW, and before it Muon for the inner matrices where the run asks for it. Each step sets their rate anew."""
    inner = inner_matrices(net) if config.optimiser == "muon" else []
    taken = {id(p) for p in inner}
    rest = parameter_groups([p for p in net.parameters() if id(p) not in taken], config.weight_decay)
    adamw = torch.optim.AdamW(rest, lr=1e-3, fused=True)
    return [Muon(inner, 1e-3, config.weight_decay), adamw] if inner else [adamw]


def parameter_groups(parameters: list[nn.Parameter], decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices and kernels, none for biases and normalisation."""
    matrices = [p for p in parameters if p.dim() > 1]
    vectors = [p for p in parameters if p.dim() <= 1]
    return [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]


def learning_rate(stage: Stage, progress: float, images: int) -> float:
    """Warm-up over the stage's first images, then a cosine to the final rate at the end of its budget, or one drop."""
    span = stage.learning_rate - stage.final_learning_rate
    fallen = 0.5 * (1.0 + math.cos(math.pi * progress)) if stage.drop_at <= 0 else float(progress < stage.drop_at)
    rate = stage.final_learning_rate + span * fallen
    return rate * min(1.0, (images + stage.batch) / max(1, stage.warmup_images))
