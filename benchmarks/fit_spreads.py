"""Choose the spreads of the fit to the network's points, on renders and generated portraits alone.

    python benchmarks/fit_spreads.py [--weights FILE.onnx] [--count 1200] [--rounds 2]

The truth is known exactly on renders. Spreads are changed one after the other, by the factors below, and what lowers
the cost is kept: the error of the mesh's 68 landmarks (%), of weights and of pose, each over what the present
settings give. The result goes into `FitConfig` by hand. No photo takes part. Needs the training cache.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmface_core.capture.reconstruct import Reconstructor
from mmface_core.geometry.fit import FaceParameters, FitConfig, spread_of
from mmface_core.model.face_model import FaceModel
from mmface_core.network.inference import Prediction, Predictor
from train.data.portraits.store import load_store
from train.data.sample import Sample
from train.data.streams import TEXTURED, SampleMaker

SEED = 77  # samples that no training run draws
FACTORS = (0.6, 0.8, 1.3, 1.7)
SCALARS = ("rotation", "log_scale", "translation", "identity")
UNITS = ("brow", "eyeLook", "eyeBlink", "eye", "jaw", "mouthSmile", "mouth", "cheek", "nose")
KINDS = ("iris", "lid", "lip", "brow", "nose", "outline")
BATCH = 16


def spelled_out(config: FitConfig) -> FitConfig:
    """The same settings with a spread of its own for every group of units and kind of points."""
    return replace(
        config,
        units=tuple((name, spread_of(name, config.units, config.expression)) for name in UNITS),
        points=tuple((name, spread_of(name, config.points, config.point_px)) for name in KINDS),
    )


def changes(config: FitConfig) -> Iterator[tuple[str, FitConfig]]:
    """Every neighbour of the settings, with a name."""
    for factor in FACTORS:
        for name in SCALARS:
            yield f"{name} x {factor}", replace(config, **{name: getattr(config, name) * factor})
        for table in ("units", "points"):
            rows = getattr(config, table)
            for i, (name, value) in enumerate(rows):
                changed = (*rows[:i], (name, value * factor), *rows[i + 1 :])
                yield f"{table} {name} x {factor}", replace(config, **{table: changed})


class Trial:
    """Predictions on samples with their truth, and the cost of settings on them."""

    def __init__(self, reader: Reconstructor, predictor: Predictor, samples: list[Sample]) -> None:
        self.reader = reader
        crops = np.stack([sample["crop"] for sample in samples])
        parts = [predictor.predict(crops[i : i + BATCH]) for i in range(0, len(crops), BATCH)]
        p = Prediction(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
        self.points, self.guess = p.points, reader.guess(p)
        self.true = np.stack([sample["points"] for sample in samples])[:, :68]
        self.size = np.sqrt(np.ptp(np.stack([s["points"][:68] for s in samples]), axis=1).prod(1))
        self.expression = np.stack([sample["expression"] for sample in samples])
        self.rotation = np.stack([sample["rotation"] for sample in samples])
        self.exact = np.array([int(sample["stream"]) == TEXTURED for sample in samples])

    def figures(self, face: FaceParameters) -> np.ndarray:
        """Landmark error in %, weight error (root mean square over the units), pose error in degrees."""
        apart = np.linalg.norm(self.reader.fitter.points(face)[:, :68] - self.true, axis=2).mean(1)
        difference = (face.expression - self.expression)[self.exact]
        cosine = (np.einsum("bij,bij->b", face.rotation, self.rotation) - 1.0) / 2.0
        turned = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))[self.exact]
        return np.array([(100.0 * apart / self.size).mean(), np.sqrt((difference**2).mean()), turned.mean()])

    def of(self, config: FitConfig) -> np.ndarray:
        return self.figures(self.reader.fitter_like(config).fit(self.guess, self.points))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--count", type=int, default=1200)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    maker = SampleMaker(256, load_store(), {"textured": 0.7, "portrait": 0.3}, cartoons=False)
    samples = [maker.sample(SEED, index) for index in range(args.count)]
    predictor = Predictor(args.weights)
    trial = Trial(Reconstructor(predictor, FaceModel.load()), predictor, samples)
    best = spelled_out(FitConfig())
    unit = trial.of(best)
    print(f"network alone: {trial.figures(trial.guess).round(4)}, present fit: {unit.round(4)} (%, weights, degrees)")
    cost = 3.0
    for _ in range(args.rounds):
        for name in dict(changes(best)):
            moved = dict(changes(best))[name]  # the neighbour of where we are now, not of where the round began
            figures = trial.of(moved)
            now = float((figures / unit).sum())
            if now < cost - 1e-4:
                best, cost = moved, now
                print(f"  {name}: {cost:.4f}  {figures.round(4)}", flush=True)
    print(best)


if __name__ == "__main__":
    main()
