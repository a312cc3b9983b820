"""Choose the spreads of the fits to the network's points, on renders and generated portraits alone.

    python benchmarks/fit_spreads.py [--weights FILE.onnx] [--count 1200] [--people 80] [--looks 12] [--rounds 2]

First those of the fit that every picture gets, then those of the fit that a take's frames get once more when the
person's identity is held; for these, pictures of the same people under other expressions, poses and lights stand in for
frames. The truth is known exactly on renders. Spreads are changed one after the other, by the factors below, and what
lowers the cost is kept: the error of the mesh's 68 landmarks (%), of weights and of pose, each over what the present
settings give. The results go into `FitConfig` by hand. No photo takes part. Needs the training cache.
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
from mmface_core.network.inference import Predictor
from train.data.portraits.store import load_store
from train.data.sample import Sample
from train.data.streams import TEXTURED, SampleMaker
from train.measure.rendered import GROUPS, correlation, group_mean, predict_samples

SEED = 77  # samples that no training run draws
FACTORS = (0.6, 0.8, 1.3, 1.7)
SCALARS = ("rotation", "log_scale", "translation", "identity")
UNITS = ("brow", "eyeLook", "eyeBlink", "eye", "jaw", "mouthSmile", "mouth", "cheek", "nose")
KINDS = ("iris", "lid", "lip", "brow", "nose", "outline")


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
    """Samples with their truth, the faces that a fit to them begins from, and the cost of its settings."""

    def __init__(self, reader: Reconstructor, samples: list[Sample], guess: FaceParameters, points: np.ndarray) -> None:
        """guess: n faces in px of the 256 crop; points (n, P, 2): the network's."""
        self.reader, self.guess, self.points = reader, guess, points
        self.true = np.stack([sample["points"] for sample in samples])[:, :68]
        self.size = np.sqrt(np.ptp(self.true, axis=1).prod(1))
        self.expression = np.stack([sample["expression"] for sample in samples])
        self.trusted = np.stack([sample["expression_weight"] for sample in samples]) >= 1.0  # and so not a portrait's
        self.rotation = np.stack([sample["rotation"] for sample in samples])
        self.exact = np.array([int(sample["stream"]) == TEXTURED for sample in samples])

    def figures(self, face: FaceParameters) -> np.ndarray:
        """Landmark error in %, weight error (root mean square over the units), pose error in degrees."""
        apart = np.linalg.norm(self.reader.fitter.points(face)[:, :68] - self.true, axis=2).mean(1)
        difference = (face.expression - self.expression)[self.trusted]
        cosine = (np.einsum("bij,bij->b", face.rotation, self.rotation) - 1.0) / 2.0
        turned = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))[self.exact]
        return np.array([(100.0 * apart / self.size).mean(), np.sqrt((difference**2).mean()), turned.mean()])

    def fitted(self, config: FitConfig) -> FaceParameters:
        return self.reader.fitter_like(config).fit(self.guess, self.points)

    def chosen(self, present: FitConfig, rounds: int) -> FitConfig:
        """The settings that a walk from the present ones ends at, each step told."""
        best = spelled_out(present)
        unit = self.figures(self.fitted(best))
        print(f"before the fit {self.figures(self.guess).round(4)} (%, weights, degrees), after it {unit.round(4)}")
        cost = 3.0
        for _ in range(rounds):
            for name in dict(changes(best)):
                moved = dict(changes(best))[name]  # the neighbour of where we are now, not of where the round began
                figures = self.figures(self.fitted(moved))
                now = float((figures / unit).sum())
                if now < cost - 1e-4:
                    best, cost = moved, now
                    print(f"  {name}: {cost:.4f}  {figures.round(4)}", flush=True)
        print(best)
        return best


def correlations(expression: np.ndarray, trial: Trial, looks: int) -> str:
    """Mean r of each group of units over all pictures, and within a person: with every person's own mean taken off."""
    true = np.where(trial.trusted, trial.expression, np.nan)
    got = np.where(trial.trusted, expression, np.nan)

    def centred(weights: np.ndarray) -> np.ndarray:
        each = weights.reshape(-1, looks, weights.shape[1])
        return (each - np.nanmean(each, axis=1, keepdims=True)).reshape(weights.shape)

    def line(a: np.ndarray, b: np.ndarray) -> str:
        known = np.isfinite(b)
        r = np.array([correlation(a[known[:, i], i], b[known[:, i], i]) for i in range(a.shape[1])])
        return ", ".join(f"{name} {group_mean(r, name):.3f}" for name in GROUPS)

    return f"r {line(got, true)}; within a person {line(centred(got), centred(true))}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--count", type=int, default=1200)
    parser.add_argument("--people", type=int, default=80)
    parser.add_argument("--looks", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    predictor = Predictor(args.weights)
    reader = Reconstructor(predictor, FaceModel.load())

    print("Every picture:")
    maker = SampleMaker(256, load_store(), {"textured": 0.7, "portrait": 0.3}, cartoons=False)
    samples = [maker.sample(SEED, index) for index in range(args.count)]
    read = predict_samples(predictor, samples)
    Trial(reader, samples, reader.guess(read), read.points).chosen(FitConfig(), args.rounds)

    print("A take's frames:")
    maker = SampleMaker(256, load_store(held_out=True), {"textured": 1.0}, cartoons=False)
    samples = [maker.look(SEED, person, look) for person in range(args.people) for look in range(args.looks)]
    read = predict_samples(predictor, samples)
    alone = reader.fitter_like(FitConfig()).fit(reader.guess(read), read.points)
    by_person = alone.identity.reshape(args.people, args.looks, -1)
    held = alone._replace(identity=np.repeat(by_person.mean(1), args.looks, axis=0))
    trial = Trial(reader, samples, held, read.points)
    held_fit = replace(FitConfig(), n_identity=0)
    chosen = trial.fitted(trial.chosen(held_fit, args.rounds))
    faces = {"network": read, "picture": alone, "take": trial.fitted(held_fit), "chosen": chosen}
    for name, face in faces.items():
        error = np.abs(face.expression - trial.expression)[trial.trusted].mean()
        print(f"{name:8} mean weight error {error:.4f}, {correlations(face.expression, trial, args.looks)}")


if __name__ == "__main__":
    main()
