"""How small a face may be: held-out renders, shrunk to so many pixels before they are read.

    python benchmarks/picture_resolution.py [--weights FILE.onnx] [--count 400] [--sides 256 128 64 ...]

A crop shows 200 mm at the head, so the 63 mm between an adult's pupils are a third of its side. Each crop is shrunk as
a distant camera would show it, and enlarged to the network's 256 pixels as capture enlarges small faces. Needs the
training cache.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from mmface_core.model.face_model import FaceModel
from mmface_core.network.inference import Predictor
from train.data.loader import heldout_sample
from train.measure.rendered import GROUPS, compare, group_mean, read_rendered


def shrunk(crop: np.ndarray, side: int) -> np.ndarray:
    """The crop (256, 256, 3) as a picture of so many pixels shows it, enlarged again."""
    small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, crop.shape[:2], interpolation=cv2.INTER_LINEAR), np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--sides", type=int, nargs="+", default=[256, 208, 176, 128, 96, 64, 48])
    args = parser.parse_args()
    model, predictor = FaceModel.load(), Predictor(args.weights)
    samples = [heldout_sample(index) for index in range(args.count)]
    print(f"| side px | inner 51 % | pose deg | weights | closed lids | {' | '.join(GROUPS)} |")
    print(f"|{' --- |' * (5 + len(GROUPS))}")
    for side in args.sides:
        seen = [sample | {"crop": shrunk(sample["crop"], side)} for sample in samples]
        figures = compare(read_rendered(predictor, model, seen), seen, model)
        cells = [f"{figures.nme51:.2f}", f"{figures.pose_deg[0]:.2f}", f"{figures.weight_error.mean():.3f}"]
        cells += [f"{figures.closed:.2f}", *(f"{group_mean(figures.r, name):.2f}" for name in GROUPS)]
        print(f"| {side} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
