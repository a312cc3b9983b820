"""The trained network, ready to use: ONNX Runtime on the CPU, torch on a CUDA device where there is one."""

from __future__ import annotations

import ctypes
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmface_core.errors import UserError
from mmface_core.model.face_arrays import AnyFaceModel
from mmface_core.network.config import NetworkConfig
from mmface_core.paths import asset

if TYPE_CHECKING:
    from mmface_core.network.inference_net import InferenceNet

SCHEMA = "mmface-weights/1"
DEFAULT_WEIGHTS = "lite.onnx"
OUTPUTS = ("volume", "identity", "expression", "rotation", "scale", "translation", "points")

Backend = Literal["onnxruntime", "torch"]


class Prediction(NamedTuple):
    """What the network says about B crops, in pixels of the 256 crop (see `mmface_core.conventions`), all f32.

    volume (B, D, H, W) probability of the last stack; identity (B, K); expression (B, M) in 0..1; rotation (B, 3, 3)
    head to camera; scale (B,) px/mm; translation (B, 2) px; points (B, P, 2) px.
    """

    volume: NDArray[np.float32]
    identity: NDArray[np.float32]
    expression: NDArray[np.float32]
    rotation: NDArray[np.float32]
    scale: NDArray[np.float32]
    translation: NDArray[np.float32]
    points: NDArray[np.float32]


class Predictor:
    """Loads exported weights and runs them; `description` says which file and which backend."""

    def __init__(self, weights: Path | None = None, backend: Backend | None = None, threads: int = 0) -> None:
        """weights: an exported .onnx (None: the bundled one), its .json and .safetensors beside it.

        backend: None takes torch where CUDA is available and ONNX Runtime otherwise. threads: 0 leaves the choice to
        the backend. Raises UserError where a file is missing, broken or of another version.
        """
        self.path = asset(DEFAULT_WEIGHTS) if weights is None else Path(weights)
        self.card = read_card(self.path)
        self.config = NetworkConfig.from_dict(self.card["config"])
        self.backend: Backend = backend or ("torch" if cuda_is_there() else "onnxruntime")
        self.device = "cuda" if self.backend == "torch" and cuda_is_there() else "cpu"
        if self.backend == "torch":
            self._net = _load_torch(self.path.with_suffix(".safetensors"), self.config).to(self.device)
        else:
            self._session = _load_onnx(self.path, threads)

    @property
    def description(self) -> str:
        """For example `lite (lite.onnx, 120k images), ONNX Runtime on the CPU`."""
        runs = "ONNX Runtime on the CPU" if self.backend == "onnxruntime" else f"torch on {self.device}"
        return f"{self.config.name} ({self.path.name}, {self.card['images'] // 1000}k images), {runs}"

    def predict(self, crops: NDArray[np.uint8]) -> Prediction:
        """(B, 256, 256, 3) u8 RGB crops -> `Prediction`."""
        size = self.config.input_size
        if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[1:] != (size, size, 3):
            raise ValueError(f"crops must be (B, {size}, {size}, 3) uint8, not {crops.shape} {crops.dtype}")
        if self.backend == "onnxruntime":
            return Prediction(*self._session.run(list(OUTPUTS), {"crops": np.ascontiguousarray(crops)}))
        import torch

        with torch.inference_mode():
            outputs = self._net(torch.from_numpy(crops).to(self.device))
        return Prediction(*(output.float().cpu().numpy() for output in outputs))

    def check_model(self, model: AnyFaceModel) -> None:
        """UserError where the weights were trained with another face model, whose codes would mean other faces."""
        if self.card["model"] != model_fingerprint(model):
            raise UserError(f"{self.path} was trained with another face model than the one that is loaded.")


def read_card(weights: Path) -> dict[str, Any]:
    """The description that lies beside exported weights; UserError where the pair does not fit together."""
    if not weights.is_file():
        raise UserError(f"There are no weights at {weights}.")
    path = weights.with_suffix(".json")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{weights} lacks its description {path.name} beside it.") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}).") from error
    if not isinstance(card, dict) or card.get("schema") != SCHEMA:
        found = card.get("schema") if isinstance(card, dict) else None
        raise UserError(f"{weights} is of version {found!r}; this program reads {SCHEMA!r}. Export the weights again.")
    if missing := [key for key in ("sha256", "config", "model", "images") if key not in card]:
        raise UserError(f"{path} lacks {', '.join(missing)}. Export the weights again.")
    if hashlib.sha256(weights.read_bytes()).hexdigest() != card["sha256"]:
        raise UserError(f"{weights} is damaged or does not belong to {path.name}.")
    return card


def cuda_is_there() -> bool:
    """Whether torch can use a CUDA device. Torch, a second of import, is asked only where there is a driver at all."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    import torch

    return torch.cuda.is_available()


def model_fingerprint(model: AnyFaceModel) -> str:
    """A hash of what a network's codes refer to: mean and bases of the skin, in hundredths of a millimetre."""
    digest = hashlib.sha256()
    for basis in (model.mean, model.identity_basis, model.expression_basis):
        array = np.asarray(basis.cpu() if hasattr(basis, "cpu") else basis, np.float64)
        digest.update(np.rint(100.0 * array[..., model.skin, :]).astype(np.int32).tobytes())
    return digest.hexdigest()


def _load_onnx(path: Path, threads: int):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Spinning threads win microseconds and take whole cores from the decoder and the detector.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise UserError(f"ONNX Runtime cannot load {path} ({error}).") from error


def _load_torch(path: Path, config: NetworkConfig) -> InferenceNet:
    from safetensors.torch import load_file

    from mmface_core.network.inference_net import InferenceNet
    from mmface_core.network.mmface import MMFaceNet

    if not path.is_file():
        raise UserError(f"The torch backend needs {path}, which is missing.")
    net = MMFaceNet(config)
    try:
        fits = net.load_state_dict({name: value.float() for name, value in load_file(path).items()}, strict=False)
    except Exception as error:
        raise UserError(f"{path} does not fit the network {config.name!r} ({type(error).__name__}).") from error
    # Counters of batches are of use to training alone, and are not exported.
    if lacking := [name for name in fits.missing_keys if not name.endswith("num_batches_tracked")]:
        raise UserError(f"{path} lacks {len(lacking)} of the network's layers, {lacking[0]} among them.")
    return InferenceNet(net).eval()
