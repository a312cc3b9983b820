"""Load everything that capture needs, from the bundled files or from those that a user names."""

from pathlib import Path
from typing import cast

from mmface_core.capture.detect import FaceDetector
from mmface_core.capture.engine import CaptureConfig, CaptureEngine
from mmface_core.capture.reconstruct import ReconstructConfig, Refine
from mmface_core.model.face_model import FaceModel
from mmface_core.network.inference import Predictor


def load_engine(weights: Path | None = None, refine: str | None = None) -> CaptureEngine:
    """The capture engine with the bundled weights (or those of `weights`) and the default face model.

    refine: see `ReconstructConfig`; None is the best known. Raises UserError where a file is missing or does not fit.
    """
    predictor = Predictor(weights)
    model = FaceModel.load()
    predictor.check_model(model)
    config = CaptureConfig(ReconstructConfig() if refine is None else ReconstructConfig(cast(Refine, refine)))
    return CaptureEngine(predictor, model, FaceDetector(), config)
