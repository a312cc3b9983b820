"""What limits the expression that is read: the network's points, or what is made of them. On renders alone.

    python benchmarks/point_limits.py [--weights FILE.onnx] [--count 2000]

From `count` renders, spoilt as in training, come the covariances of the network's errors: of its parameters, and of its
points. With them the best linear estimate corrects the parameters of 500 held-out renders by the distance between the
points and those that the network's own parameters predict: once with the network's points, once with the true ones.
Besides, what the fit in use would gain from knowing the person, and what true points and identity would allow.
Needs the training cache.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from mmface_core.geometry.fit import FaceParameters, FitConfig, PointFitter
from mmface_core.model.dense_points import point_kinds
from mmface_core.model.face_model import FaceModel
from mmface_core.model.surface_points import SurfacePoints
from mmface_core.network.inference import Predictor
from train.data.loader import heldout_sample
from train.data.portraits.store import load_store
from train.data.sample import Sample
from train.data.streams import SampleMaker
from train.measure.rendered import predict_samples

SEED = 79  # samples that no training run draws
HELD_OUT = 500
TRUE_PX = 0.3  # how far true points are believed: the estimate knows no perspective
LEAST_VARIANCE = 1e-6  # keeps the covariance of parameters regular

# A fit that believes points alone.
FREE = FitConfig(n_identity=0, expression=0.5, units=(), rotation=0.05, log_scale=0.05, translation=3.0, steps=4)

PARTS = ("identity", "expression", "rotation", "scale", "translation")


class Read:
    """Samples as the network reads them: guess and truth as `FaceParameters`, points seen and true (n, P, 2) px."""

    def __init__(self, samples: Sequence[Sample], predictor: Predictor) -> None:
        said = predict_samples(predictor, samples)
        self.guess = FaceParameters(*(getattr(said, part) for part in PARTS))
        self.true = FaceParameters(*(np.stack([s[part] for s in samples]).astype(np.float32) for part in PARTS))
        self.seen = said.points
        self.points = np.stack([s["points"] for s in samples])
        self.trusted = np.stack([s["expression_weight"] for s in samples]) >= 1.0  # not behind dark glasses


def difference(a: FaceParameters, b: FaceParameters) -> np.ndarray:
    """What leads from `a` to `b`, (n, 6 + M + K): rotation vector, log scale, translation, expression, identity."""
    turn = Rotation.from_matrix(b.rotation @ a.rotation.transpose(0, 2, 1)).as_rotvec()
    pose = [turn, np.log(b.scale / a.scale)[:, None], b.translation - a.translation]
    return np.concatenate([*pose, b.expression - a.expression, b.identity - a.identity], axis=1)


def estimate(jacobian: np.ndarray, residual: np.ndarray, prior: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """The best linear estimate (n, N) of parameters of covariance `prior` from residuals (n, 2P) of noise (2P, 2P)."""
    spread = jacobian @ prior  # (n, 2P, N)
    together = spread @ jacobian.transpose(0, 2, 1) + noise
    return (spread.transpose(0, 2, 1) @ np.linalg.solve(together, residual[..., None]))[..., 0]


def report(name: str, expression: np.ndarray, read: Read) -> None:
    """Print mean r over the units and the weights' mean absolute error."""
    units = range(expression.shape[1])
    chosen = [(expression[read.trusted[:, i], i], read.true.expression[read.trusted[:, i], i]) for i in units]
    r = np.mean([np.corrcoef(got, true)[0, 1] for got, true in chosen])
    error = np.mean([np.abs(got - true).mean() for got, true in chosen])
    print(f"{name:44} r {r:.3f}  error {error:.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--count", type=int, default=2000)
    args = parser.parse_args()
    predictor, model = Predictor(args.weights), FaceModel.load()
    maker = SampleMaker(256, load_store(), {"textured": 0.9, "procedural": 0.1}, cartoons=False)
    known = Read([maker.sample(SEED, i) for i in range(args.count)], predictor)
    held = Read([heldout_sample(i) for i in range(HELD_OUT)], predictor)

    names = model.expression_names, point_kinds(model.point_names)
    surface = SurfacePoints(model, model.point_vertices, model.point_weights)
    everything = PointFitter(surface, FitConfig(n_identity=model.n_identity), *names)
    jacobian, predicted = everything.linearised(known.guess)
    errors = difference(known.guess, known.true)
    jacobian = jacobian.reshape(len(errors), -1, errors.shape[1])  # (n, 2P, 6 + M + K)
    explained = np.einsum("nij,nj->ni", jacobian, errors)
    noise = np.cov(((known.seen - predicted).reshape(len(errors), -1) - explained).T)
    prior = np.cov(errors.T) + LEAST_VARIANCE * np.eye(errors.shape[1])

    apart = np.linalg.norm(held.seen - held.points, axis=2)
    kinds = np.array(names[1])
    print(
        "points' median error, px: " + ", ".join(f"{k} {np.median(apart[:, kinds == k]):.2f}" for k in sorted({*kinds}))
    )
    report("the network", held.guess.expression, held)
    fitted = PointFitter(surface, FitConfig(), *names).fit(held.guess, held.seen)
    report("fit in use", fitted.expression, held)
    # What a film could tell beyond a picture: who it is.
    known_person = held.guess._replace(identity=held.true.identity)
    for name, config, points in (
        ("fit in use, true identity", FitConfig(n_identity=0), held.seen),
        ("free fit, true identity, true points", FREE, held.points),
    ):
        report(name, PointFitter(surface, config, *names).fit(known_person, points).expression, held)
    jacobian, predicted = everything.linearised(held.guess)
    jacobian = jacobian.reshape(HELD_OUT, -1, errors.shape[1])
    exact = TRUE_PX**2 * np.eye(len(noise))
    expression = slice(6, 6 + model.n_expression)
    for name, points, spread in (
        ("linear, points' full covariance", held.seen, noise),
        ("linear, points' variances alone", held.seen, np.diag(np.diag(noise))),
        ("linear, true points", held.points, exact),
    ):
        moved = estimate(jacobian, (points - predicted).reshape(HELD_OUT, -1), prior, spread)
        report(name, np.clip(held.guess.expression + moved[:, expression], 0, 1), held)


if __name__ == "__main__":
    main()
