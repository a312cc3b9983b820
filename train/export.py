"""From a checkpoint to the files that `Predictor` reads: NAME.onnx, NAME.safetensors and NAME.json."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file

from mmface_core.errors import UserError
from mmface_core.model.face_model import FaceModel
from mmface_core.network.inference import OUTPUTS, SCHEMA, model_fingerprint
from mmface_core.network.inference_net import InferenceNet
from mmface_core.network.mmface import MMFaceNet
from train.checkpoint import load_checkpoint, load_weights, network_from_checkpoint
from train.half_way import move_half_way

OPSET = 17


def export_checkpoint(checkpoint: Path, folder: Path, model: FaceModel, earlier: Path | None = None) -> Path:
    """Write the averaged weights of `checkpoint` into `folder`; returns the .onnx. UserError where it cannot.

    earlier: weights that its run began from; what is written then lies half way to them.
    """
    net = network_from_checkpoint(checkpoint)
    if earlier is not None:
        move_half_way(net, load_weights(earlier))
    return export_network(net, folder, model, int(load_checkpoint(checkpoint)["images"]))


def export_network(net: MMFaceNet, folder: Path, model: FaceModel, images: int) -> Path:
    """Write a network's files; its weights are rounded to half precision first, in which torch's copy is stored."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder {folder} cannot be written ({error.strerror}).") from error
    net = net.eval()
    rounded = {name: value.half() for name, value in net.state_dict().items() if value.is_floating_point()}
    net.load_state_dict({name: value.float() for name, value in rounded.items()}, strict=False)
    path = folder / f"{net.config.name}.onnx"
    write_onnx(net, path)
    save_file({name: value.contiguous() for name, value in rounded.items()}, path.with_suffix(".safetensors"))
    card = {
        "schema": SCHEMA,
        "config": net.config.to_dict(),
        "images": images,
        "expression_names": list(model.expression_names),
        "point_names": list(model.point_names),
        "model": model_fingerprint(model),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    path.with_suffix(".json").write_text(json.dumps(card, indent=1) + "\n")
    return path


def write_onnx(net: MMFaceNet, path: Path) -> None:
    """Trace the network into an ONNX file with a free batch size."""
    size = net.config.input_size
    example = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's notes on shapes that are constant here
        torch.onnx.export(
            InferenceNet(net).eval(),
            (example,),
            str(path),
            input_names=["crops"],
            output_names=list(OUTPUTS),
            dynamic_axes={name: {0: "batch"} for name in ("crops", *OUTPUTS)},
            opset_version=OPSET,
            dynamo=False,
        )
