"""Checkpoints: everything a run needs to go on, written atomically."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

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


def network_from_checkpoint(path: Path, averaged: bool = True) -> MMFaceNet:
    """The trained network in evaluation mode; `averaged` takes the moving average of its weights."""
    content = load_checkpoint(path)
    net = MMFaceNet(NetworkConfig.from_dict(content["network"]))
    net.load_state_dict(content["average" if averaged else "model"])
    return net.eval()
