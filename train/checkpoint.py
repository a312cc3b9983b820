"""Checkpoints: everything a run needs to go on, written atomically."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from mmface_core.errors import UserError
from mmface_core.network.config import NetworkConfig
from mmface_core.network.mmface import MMFaceNet

SCHEMA = "mmface-checkpoint/1"


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write beside `path` first, then rename: a reader never meets half a file."""
    beside = path.with_suffix(".part")
    torch.save({"schema": SCHEMA, **content}, beside)
    os.replace(beside, path)


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


def start_from(net: MMFaceNet, path: Path) -> str:
    """Copy into `net` what fits of a checkpoint's average or of exported .safetensors; returns a line that says so.

    Layers that are missing there, or of another size, keep their fresh start.
    """
    if path.suffix == ".safetensors":
        if not path.is_file():
            raise UserError(f"There are no weights at {path}.")
        values = {name: value.float() for name, value in load_file(path).items()}
    else:
        values = load_checkpoint(path)["average"]
    own = net.state_dict()
    fitting = {name: value for name, value in values.items() if name in own and own[name].shape == value.shape}
    net.load_state_dict(fitting, strict=False)
    learnt = sum(own[name].numel() for name in fitting)
    total = sum(value.numel() for value in own.values())
    return f"started from {path}: {100 * learnt / total:.0f} % of the weights, the rest anew"


def network_from_checkpoint(path: Path, averaged: bool = True) -> MMFaceNet:
    """The trained network in evaluation mode; `averaged` takes the moving average of its weights."""
    content = load_checkpoint(path)
    net = MMFaceNet(NetworkConfig.from_dict(content["network"]))
    net.load_state_dict(content["average" if averaged else "model"])
    return net.eval()
