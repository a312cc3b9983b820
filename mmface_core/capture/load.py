"""Load everything that capture needs, from the bundled files or from those that a user names."""

import os
from dataclasses import replace
from pathlib import Path
from typing import cast

from mmface_core.capture.detect import FaceDetector
from mmface_core.capture.engine import CaptureConfig, CaptureEngine
from mmface_core.capture.reconstruct import ReconstructConfig, Refine
from mmface_core.capture.stages import NO_STAGES, Stages
from mmface_core.geometry.compiling import compile_icp
from mmface_core.geometry.fit import FitConfig
from mmface_core.model.face_arrays import AnyFaceModel, FaceArrays
from mmface_core.network.inference import Predictor

PLAIN_SPREAD = 0.3
"""Standard deviation of a plain expression component around the network's guess, in units of the code."""


def load_engine(
    weights: Path | None = None,
    refine: str | None = None,
    model: Path | None = None,
    workers: int = 0,
    stages: Stages = NO_STAGES,
    fit: FitConfig | None = None,
) -> CaptureEngine:
    """The capture engine with the bundled weights (or those of `weights`) and the default face model (or `model`).

    refine: see `ReconstructConfig`; None is the best known. workers: threads that read frames of a video side by side,
    0: one for each core, up to four. stages: where the time goes is counted there. fit: how far the fit to the points
    may go; None is for people. Raises UserError where a file is missing or does not fit.
    """
    workers = workers or min(4, available_cores())
    # One thread for each run: frames side by side use the cores better than the parts of one small network do.
    predictor = Predictor(weights, threads=1)
    face_model = FaceArrays.load(model)
    predictor.check_model(face_model)
    compile_icp()
    reconstruct = reconstruct_config(face_model, refine)
    config = CaptureConfig(reconstruct if fit is None else replace(reconstruct, fit=fit))
    return CaptureEngine(predictor, face_model, FaceDetector(), config, workers, stages)


def reconstruct_config(model: AnyFaceModel, refine: str | None = None) -> ReconstructConfig:
    """How the network is corrected for a model: units keep their bounds and spreads, plain components have none."""
    config = ReconstructConfig() if refine is None else ReconstructConfig(cast(Refine, refine))
    if model.expression_names:
        return config
    return replace(config, fit=FitConfig(expression=PLAIN_SPREAD, units=(), bounded=False))


def available_cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
