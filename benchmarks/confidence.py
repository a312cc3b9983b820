"""What tells faces from other things: the features behind the confidence, on renders that no weights have seen.

    python benchmarks/confidence.py [--weights FILE.onnx] [--count 300]

Faces are held-out renders and held-out portraits, spoilt as training pictures are; the rest are crops that a detector
might take for a face: pieces of portraits away from the face, faces at a wrong size or upside down, backgrounds,
noise. Printed: quantiles of both features and of the detector's score, and what share of each kind the confidence in
use would believe. The constants in `mmface_core/capture/reconstruct.py` are set by this and by nothing else; how much
a detector's word counts (`TrackConfig.worth`) rests on its scores here too, but was raised after photos had shown
refused faces. Needs the training cache.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mmface_core.capture.detect import FaceDetector
from mmface_core.capture.reconstruct import Evidence, Reconstructor, confidence
from mmface_core.capture.track import TrackConfig
from mmface_core.model.face_model import FaceModel
from mmface_core.network.inference import Predictor
from train.data.augment import augment
from train.data.background import sample_background
from train.data.loader import VALIDATION_SEED
from train.data.portraits.store import load_store
from train.data.sample import warp
from train.data.streams import SampleMaker

QUANTILES = (1, 5, 25, 50, 75, 95, 99)
BATCH = 16


def faces(maker: SampleMaker, count: int) -> Iterator[np.ndarray]:
    for index in range(count):
        yield maker.sample(VALIDATION_SEED + 7, index)["crop"]


def others(maker: SampleMaker, count: int) -> Iterator[np.ndarray]:
    """Crops that show no face, or none that fits the crop."""
    store, rng = maker.store, np.random.default_rng(VALIDATION_SEED + 8)
    assert store is not None
    for index in range(count):
        picture = store.picture(index % len(store))
        kind = index % 4
        if kind == 0:  # a corner of a portrait: hair, shoulder, room
            corner = rng.choice([0.0, 256.0], 2) + rng.uniform(-30, 30, 2)
            zoom = rng.uniform(1.5, 3.0)
        elif kind == 1:  # the face far too large or far too small
            corner, zoom = np.array([128.0, 128.0]), rng.choice([rng.uniform(3.5, 6.0), rng.uniform(0.15, 0.3)])
        elif kind == 2:  # upside down
            picture, corner, zoom = picture[::-1], np.array([128.0, 128.0]), rng.uniform(0.9, 1.3)
        else:
            yield augment(rng, sample_background(rng, 256, maker._random_picture if rng.random() < 0.3 else None))
            continue
        matrix = np.array([[zoom, 0.0, 127.5 - zoom * corner[0]], [0.0, zoom, 127.5 - zoom * corner[1]]])
        yield augment(rng, warp(np.ascontiguousarray(picture), matrix, 256, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--count", type=int, default=300)
    args = parser.parse_args()
    maker = SampleMaker(256, load_store(held_out=True), {"textured": 0.7, "portrait": 0.3}, cartoons=False)
    predictor, detector = Predictor(args.weights), FaceDetector()
    reader, config = Reconstructor(predictor, FaceModel.load()), TrackConfig()
    for name, crops in (("faces", list(faces(maker, args.count))), ("others", list(others(maker, args.count)))):
        parts = [
            reader.refined(predictor.predict(np.stack(crops[start : start + BATCH])))[1]
            for start in range(0, len(crops), BATCH)
        ]
        evidence = Evidence(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
        sure = confidence(evidence)
        print(f"{name} ({len(crops)}), quantiles {QUANTILES} %:")
        print("  points to fitted mesh, px ", np.percentile(evidence.apart, QUANTILES).round(2))
        print("  mesh on the volume, share ", np.percentile(evidence.agreement, QUANTILES).round(2))
        found = [max((d.score for d in detector.detect_whole(crop)), default=0.0) for crop in crops]
        print("  the detector's best score ", np.percentile(found, QUANTILES).round(2))
        print("  confidence                ", np.percentile(sure, QUANTILES).round(2))
        print(
            f"  begun (over {config.start}): {100 * (sure > config.start).mean():.1f} %, "
            f"kept (over {config.keep}): {100 * (sure > config.keep).mean():.1f} %"
        )


if __name__ == "__main__":
    main()
