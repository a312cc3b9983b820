"""Checkpoints: everything a run needs to go on, written atomically."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from mmface_core.errors import UserError
from mmface_core.network.config import NetworkConfig
from mmface_core.network.mmface import MMFaceNet
from mmface_core.whole_file import replacing

SCHEMA = "mmface-checkpoint/1"
LIPS, MOUTH = "detail.lips.", "detail.mouth."


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint, whole or not at all: a reader never meets half a file."""
    with replacing(path) as file:
        torch.save({"schema": SCHEMA, **content}, file)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote; UserError where it is missing, broken or of another version."""
    if not path.is_file():
        raise UserError(f"There is no checkpoint at {path}.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UserError(f"{path} is not a checkpoint that can be read ({type(error).__name__}).") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise UserError(f"{path} is a checkpoint of another version of mmface; train or export it anew.")
    return content


def load_weights(path: Path) -> dict[str, Tensor]:
    """A checkpoint's average, or exported .safetensors as f32; UserError where there are none."""
    if path.suffix != ".safetensors":
        return load_checkpoint(path)["average"]
    if not path.is_file():
        raise UserError(f"There are no weights at {path}.")
    return {name: value.float() for name, value in load_file(path).items()}


def start_from(net: MMFaceNet, path: Path) -> str:
    """Copy into `net` what fits of a checkpoint's average or of exported .safetensors; returns a line that says so.

    Layers that are missing there, or of another size, keep their fresh start; but inputs that a layer has more than it
    had there begin without weight, and a look at the lips begins as the look at the mouth, points of its own included.
    """
    values = load_weights(path)
    own = net.state_dict()
    fitting = {}
    for name, mine in own.items():
        value = _found(name, values, net.config)
        if value is not None and (value := _widened(value, mine.shape)).shape == mine.shape:
            fitting[name] = value
    net.load_state_dict(fitting, strict=False)
    learnt = sum(own[name].numel() for name in fitting)
    total = sum(value.numel() for value in own.values())
    return f"started from {path}: {100 * learnt / total:.0f} % of the weights, the rest anew"


def _found(name: str, values: dict[str, Tensor], config: NetworkConfig) -> Tensor | None:
    """The value of that name; for the lips' look, where it has none, what the mouth's look has for these points."""
    if name in values or not name.startswith(LIPS):
        return values.get(name)
    value = values.get(MOUTH + name.removeprefix(LIPS))
    if value is None or not name.startswith(f"{LIPS}heat."):
        return value
    if len(value) != len(config.mouth_points):
        return None
    return value[[config.mouth_points.index(point) for point in config.lip_points]]


def _widened(value: Tensor, shape: torch.Size) -> Tensor:
    """A matrix with columns of zeros for the inputs that it lacks; anything else as it is."""
    if value.dim() != 2 or len(shape) != 2 or value.shape[1] >= shape[1]:
        return value
    return torch.cat([value, value.new_zeros(len(value), shape[1] - value.shape[1])], dim=1)


def network_from_checkpoint(path: Path, averaged: bool = True) -> MMFaceNet:
    """The trained network in evaluation mode; `averaged` takes the moving average of its weights."""
    content = load_checkpoint(path)
    net = MMFaceNet(NetworkConfig.from_dict(content["network"]))
    net.load_state_dict(content["average" if averaged else "model"])
    return net.eval()
