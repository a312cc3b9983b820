"""Figures on held-out renders, whose truth is known exactly: points, weights, pose and volume."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mmface_core.geometry.camera import weak_perspective
from mmface_core.geometry.rotation import angle_between
from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.network.mmface import MMFaceNet, NetworkOutput
from mmface_core.network.vmn import resize_volume
from train.targets import TargetMaker, Targets

Batch = dict[str, Tensor]
INNER = slice(17, 68)


def picture_tensor(crop: Tensor) -> Tensor:
    """(B, S, S, 3) u8 -> (B, 3, S, S) f32 in 0..1; a view over channels-last memory, as the convolutions like it."""
    return crop.permute(0, 3, 1, 2).float().div_(255.0)


@torch.no_grad()
def evaluate(net: MMFaceNet, samples: Batch, maker: TargetMaker, batch: int = 32) -> dict[str, float]:
    """Figures of `net` (set to evaluation mode and back) on stacked samples.

    nme, nme51: points of the predicted mesh under the predicted pose, % of sqrt(w*h) of the true 68 points' box;
    direct51: the heat-map points. r: mean correlation over units with any spread; r_jaw, r_blink: of those units;
    pose_deg: median rotation error; iou: predicted volume against the true one; identity_mm: RMS over the mesh.
    """
    training = net.training
    net.eval()
    errors: dict[str, list[Tensor]] = {}
    weights: list[Tensor] = []
    for start in range(0, len(samples["crop"]), batch):
        part = {key: value[start : start + batch] for key, value in samples.items()}
        targets = maker(part)
        device = next(net.parameters()).device
        output = on_cpu(net(picture_tensor(part["crop"].to(device))))
        for name, value in _errors(output, targets, part, maker).items():
            errors.setdefault(name, []).append(value)
        weights.append(output.expression)
    net.train(training)
    means = {name: float(torch.cat(values).mean()) for name, values in errors.items() if name != "pose_deg"}
    means["pose_deg"] = float(torch.cat(errors["pose_deg"]).median())
    return means | correlations(torch.cat(weights).numpy(), samples["expression"].numpy())


def on_cpu(output: NetworkOutput) -> NetworkOutput:
    """The output where the samples lie."""
    return NetworkOutput(
        *([part.cpu() for part in value] if isinstance(value, list) else value.cpu() for value in output)
    )


def correlations(predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Mean r over units, and r of the jaw and of the blinks; predicted and true (N, 52). Nothing for other codes."""
    if true.shape[1] != len(ARKIT_NAMES):
        return {}  # plain components have no names to look up
    spread = (true.std(axis=0) > 0.02) & (predicted.std(axis=0) > 1e-6)
    r = np.zeros(true.shape[1])
    for i in np.flatnonzero(spread):
        r[i] = np.corrcoef(predicted[:, i], true[:, i])[0, 1]
    index = {name: i for i, name in enumerate(ARKIT_NAMES)}
    used = true.std(axis=0) > 0.02
    return {
        "r": float(r[used].mean()) if used.any() else 0.0,
        "r_jaw": float(r[index["jawOpen"]]),
        "r_blink": float((r[index["eyeBlinkLeft"]] + r[index["eyeBlinkRight"]]) / 2),
        "r_smile": float((r[index["mouthSmileLeft"]] + r[index["mouthSmileRight"]]) / 2),
        "r_gaze": float((r[index["eyeLookOutLeft"]] + r[index["eyeLookDownLeft"]]) / 2),
    }


def _errors(output: NetworkOutput, targets: Targets, part: Batch, maker: TargetMaker) -> dict[str, Tensor]:
    true = targets.points[:, :68]
    box = true.amax(dim=1) - true.amin(dim=1)
    size = torch.sqrt(box[:, 0] * box[:, 1])
    pose = (output.rotation, output.scale, output.translation)
    mesh = weak_perspective(maker.points(output.identity, output.expression), *pose)[:, :68, :2]
    mesh_error = 100.0 * (mesh - true).norm(dim=2) / size[:, None]
    direct = 100.0 * (output.points[:, :68] - true).norm(dim=2) / size[:, None]
    solid = resize_volume(output.volume_logits[-1], maker.volume_size) > 0
    occupied = targets.volume > 0.5
    both = (solid & occupied).flatten(1).sum(dim=1)
    either = (solid | occupied).flatten(1).sum(dim=1)
    shape = (output.identity - part["identity"]) @ maker.model.identity_basis.flatten(1)
    return {
        "nme": mesh_error.mean(dim=1),
        "nme51": mesh_error[:, INNER].mean(dim=1),
        "direct51": direct[:, INNER].mean(dim=1),
        "pose_deg": torch.rad2deg(angle_between(output.rotation, part["rotation"])),
        "iou": both / either.clamp(min=1),
        "identity_mm": shape.reshape(len(shape), -1, 3).square().sum(dim=2).mean(dim=1).sqrt(),
    }
