"""Fit the face model to the 478 points of all portraits at once: identity, expression within 0..1, weak perspective.

The jaw's outline is fitted point to curve: each outline point pulls on whatever vertex of the jaw then lies furthest
out in its direction, only along the outline's normal. Point to point it would make jaws too wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmface_core.geometry.camera import weak_perspective
from mmface_core.geometry.rotation import from_axis_angle
from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.model.face_model import FaceModel
from train.data.portraits.correspond import Correspondence

# MediaPipe's face outline from the subject's left temple down round the chin to the right one.
OUTLINE = (454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234)
# What points alone cannot tell from other units, or what portraits do not show: never used by the fit.
FROZEN = ("tongueOut", "cheekPuff", "mouthClose", "jawForward", "jawLeft", "jawRight")
# Units that ordinary smiling portraits hardly use: a stronger pull to zero keeps them for who needs them.
RARE = (
    "mouthFunnel",
    "mouthLeft",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
)
LIDS = ("eyeBlinkLeft", "eyeBlinkRight", "eyeWideLeft", "eyeWideRight")


@dataclass(frozen=True)
class FitSettings:
    """Strengths of the fit. The data term is the mean squared distance in px times `data`."""

    steps: int = 220
    rate: float = 0.03
    data: float = 60.0
    outline: float = 8.0
    identity: float = 0.35
    expression: float = 0.8
    rare: float = 5.0
    lids: float = 3.0


@dataclass(frozen=True)
class Fit:
    """Parameters of B portraits (numpy): identity (B, K), expression (B, M), rotation (B, 3, 3), scale (B,),
    translation (B, 2) px, error (B,) mean distance of the points in % of sqrt(w*h) of their box."""

    identity: np.ndarray
    expression: np.ndarray
    rotation: np.ndarray
    scale: np.ndarray
    translation: np.ndarray
    error: np.ndarray


def fit(points: np.ndarray, places: Correspondence, settings: FitSettings | None = None, batch: int = 256) -> Fit:
    """Fit the default model to detected points (B, 478, >=2) px of square portraits, `batch` at a time."""
    model, settings = FaceModel.load(), settings or FitSettings()
    parts = [_fit_batch(model, points[i : i + batch], places, settings) for i in range(0, len(points), batch)]
    names = ("identity", "expression", "rotation", "scale", "translation", "error")
    return Fit(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _fit_batch(model: FaceModel, points: np.ndarray, places: Correspondence, settings: FitSettings) -> Fit:
    """`fit` for as many portraits as fit into the processor's cache."""
    target = torch.from_numpy(points[:, places.index, :2]).float()  # (B, n, 2)
    outline = torch.from_numpy(points[:, list(OUTLINE), :2]).float()
    normals = _outline_normals(outline)
    size = (target.amax(1) - target.amin(1)).prod(1).sqrt()  # (B,)
    weight = torch.from_numpy(1.0 / (0.7 + places.spread)).float()
    weight = weight / weight.mean()

    n = len(places.index)
    jaw = _jaw_vertices(model)
    mean, basis = _points_basis(model, torch.from_numpy(places.vertices), torch.from_numpy(places.weights), jaw)

    count = len(points)
    identity = torch.zeros(count, model.n_identity)
    expression = torch.full((count, model.n_expression), 0.02)
    turn = torch.zeros(count, 3)
    log_scale = (size / 110.0).log()
    translation = target.mean(1)
    parameters = [identity, expression, turn, log_scale, translation]
    pull = _expression_pull(settings)
    frozen = torch.tensor([ARKIT_NAMES.index(name) for name in FROZEN])
    rates = [3.0, 0.7, 0.35, 0.35, 30.0]
    for parameter in parameters:
        parameter.requires_grad_(True)
    groups = [{"params": [p], "lr": settings.rate * r} for p, r in zip(parameters, rates, strict=True)]
    optimiser = torch.optim.Adam(groups, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [g["lr"] for g in groups], settings.steps, pct_start=0.1)
    active = torch.zeros(outline.shape[:2], dtype=torch.long)

    def project() -> tuple[Tensor, Tensor]:
        vertices = (mean + torch.cat((identity, expression), 1) @ basis).reshape(count, -1, 3)
        pixels = weak_perspective(vertices, from_axis_angle(turn), log_scale.exp(), translation)[..., :2]
        return pixels[:, :n], pixels[:, n:]

    for step in range(settings.steps):
        rigid = step < settings.steps // 5
        marks, rim = project()
        # Distances in px of a face of 130 px, whatever the portrait's size.
        unit = (130.0 / size)[:, None]
        distance = (((marks - target) * unit[..., None]) ** 2).sum(-1)
        robust = 4.0 * ((1.0 + distance / 4.0).sqrt() - 1.0) * 2.0
        loss = settings.data * (robust * weight).mean(1)
        if not rigid:
            if step % 40 == 0:
                active = _furthest_out(rim.detach(), outline, normals)
            chosen = rim.gather(1, active[..., None].expand(-1, -1, 2))
            across = ((chosen - outline) * normals).sum(-1) * unit
            loss = loss + settings.outline * (2.0 * ((1.0 + across**2 / 2.0).sqrt() - 1.0)).mean(1)
        loss = loss + settings.identity * (identity**2).sum(1)
        loss = loss + (pull * (expression**2 + 0.15 * expression.abs())).sum(1)
        optimiser.zero_grad()
        loss.sum().backward()
        if rigid:
            identity.grad = expression.grad = None
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            expression.clamp_(0.0, 1.0)
            expression[:, frozen] = 0.0
            identity.clamp_(-3.0, 3.0)

    with torch.no_grad():
        marks, _ = project()
        error = 100.0 * (marks - target).norm(dim=-1).mean(1) / size
        rotation = from_axis_angle(turn)
    arrays = [identity, expression, rotation, log_scale.exp(), translation, error]
    return Fit(*(array.detach().numpy() for array in arrays))


def _points_basis(model: FaceModel, vertices: Tensor, weights: Tensor, jaw: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (3 m,) and basis (K + M, 3 m) of n barycentric places (n, 3) followed by the jaw's vertices; m = n + jaw."""
    basis = torch.cat((model.identity_basis, model.expression_basis))
    mean = torch.cat(((model.mean[vertices] * weights[..., None]).sum(1), model.mean[jaw]))
    places = (basis[:, vertices] * weights[..., None]).sum(2)
    return mean.reshape(-1), torch.cat((places, basis[:, jaw]), 1).reshape(len(basis), -1)


def _expression_pull(settings: FitSettings) -> Tensor:
    pull = torch.full((len(ARKIT_NAMES),), settings.expression)
    for names, strength in ((RARE, settings.rare), (LIDS, settings.lids)):
        pull[[ARKIT_NAMES.index(name) for name in names]] = strength
    return pull


def _jaw_vertices(model: FaceModel) -> Tensor:
    """Skin vertices that can form the jaw's outline: within 28 mm of the jaw landmarks and not behind the ears."""
    skin = model.mean[model.skin]
    marks = model.landmarks(torch.zeros(1, model.n_identity), torch.zeros(1, model.n_expression))[0, :17]
    near = torch.cdist(skin, marks).amin(1) < 28.0
    return torch.nonzero(near & (skin[:, 2] > marks[[0, 16], 2].mean() - 12.0))[::2, 0]


def _outline_normals(outline: Tensor) -> Tensor:
    """Outward unit normals (B, k, 2) of the open polylines (B, k, 2)."""
    along = torch.zeros_like(outline)
    along[:, 1:-1] = outline[:, 2:] - outline[:, :-2]
    along[:, 0], along[:, -1] = outline[:, 1] - outline[:, 0], outline[:, -1] - outline[:, -2]
    normal = torch.stack((-along[..., 1], along[..., 0]), -1)
    normal = normal / normal.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    away = outline - outline[:, [0, -1]].mean(1, keepdim=True)
    return normal * torch.where((normal * away).sum((1, 2), keepdim=True) < 0, -1.0, 1.0)


def _furthest_out(rim: Tensor, outline: Tensor, normals: Tensor, band_px: float = 7.0) -> Tensor:
    """For each outline point (B, k) the rim vertex furthest along its normal among those that lie across from it."""
    chosen = []
    for k in range(outline.shape[1]):
        offset = rim - outline[:, None, k]  # (B, C, 2)
        out = (offset * normals[:, None, k]).sum(-1)
        tangent = offset[..., 0] * normals[:, None, k, 1] - offset[..., 1] * normals[:, None, k, 0]
        beside = (tangent.abs() - band_px).clamp_min(0.0)
        chosen.append((out - 4.0 * beside).argmax(1))
    return torch.stack(chosen, 1)
