"""Does ICP on the network's own volume improve its pose? On the rendered test set, which no weights have seen.

    python benchmarks/icp_network.py [--count 100] [--seed 0] [--weights FILE.onnx] [--markdown FILE]

This is the real case: two predictions, mesh and volume, that disagree with each other and with the truth. Rows: the
network's pose (the paper's PMN); after ICP on its own volume, as it is (64^3) and interpolated to 128^3 and 192^3
(which adds voxels and no knowledge), with the robust kernel at several widths; and after ICP on the true solid at
64/128/192, still with the network's mesh and pose: what a perfect volume would give. Needs the training cache.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from mmface_core.geometry.align import LEVELS, Alignment, Level, align, icp_vertex_numbers
from mmface_core.geometry.rotation import angle_between
from mmface_core.model.face_model import FaceModel
from mmface_core.model.surface_points import SurfacePoints
from mmface_core.network.inference import Predictor
from train.data.loader import heldout_sample
from train.targets import TargetMaker

SIZES = (64, 128, 192)
KERNELS_PX = (2.0, 4.0, 8.0)
HEAD = "| volume | kernel px | median degrees | mean | better than before % | converged % | agreement | steps |\n" + (
    "| --- " * 8 + "|"
)


def with_kernel(width: float) -> tuple[Level, ...]:
    return tuple(level if level.cells else level._replace(kernel_px=width) for level in LEVELS)


def degrees(rotation: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Angles (B,) between rotations (B, 3, 3)."""
    return np.degrees(angle_between(torch.from_numpy(rotation).double(), torch.from_numpy(truth).double()).numpy())


class Column:
    """What one way of reading the pose gave, over all pictures."""

    def __init__(self) -> None:
        self.off: list[float] = []
        self.agreement: list[float] = []
        self.steps: list[int] = []
        self.converged: list[bool] = []

    def add(self, found: Alignment, truth: np.ndarray) -> None:
        self.off += list(degrees(found.rotation, truth))
        self.agreement += list(found.agreement)
        self.steps += list(found.iterations)
        self.converged += list(found.converged)

    def cells(self, before: np.ndarray) -> str:
        off = np.array(self.off)
        return (
            f"{np.median(off):.2f} | {off.mean():.2f} | {100 * (off < before).mean():.0f} | "
            f"{100 * np.mean(self.converged):.0f} | {np.mean(self.agreement):.2f} | {np.mean(self.steps):.1f}"
        )


def measure(predictor: Predictor, model: FaceModel, count: int, seed: int) -> str:
    skin = SurfacePoints(model, icp_vertex_numbers(model))
    truths = {size: TargetMaker(model, size) for size in SIZES}
    before: list[float] = []
    columns: dict[tuple[str, float], Column] = {}
    for index in range(count):
        sample = heldout_sample(seed * 1_000_000 + index)
        said = predictor.predict(sample["crop"][None])
        truth = np.asarray(sample["rotation"], np.float32)[None]
        before += list(degrees(said.rotation, truth))
        start = (skin.shape(said.identity, said.expression), said.rotation, said.scale, said.translation)
        codes = [torch.from_numpy(np.asarray(sample[k], np.float32)[None]) for k in ("identity", "expression")]
        pose = tuple(
            torch.from_numpy(np.asarray(sample[k], np.float32)[None]) for k in ("rotation", "scale", "translation")
        )
        for size in SIZES:
            own = F.interpolate(
                torch.from_numpy(said.volume)[:, None], size=(size,) * 3, mode="trilinear", align_corners=False
            )[:, 0].numpy()
            for width in KERNELS_PX:
                key = (f"the network's, {size}^3", width)
                columns.setdefault(key, Column()).add(align(own, *start, levels=with_kernel(width)), truth)
            solid = truths[size].volume(*codes, pose).numpy()
            columns.setdefault((f"the true one, {size}^3", 4.0), Column()).add(align(solid, *start), truth)
    was = np.array(before)
    lines = [HEAD, f"| none: the network's pose | | {np.median(was):.2f} | {was.mean():.2f} | | | | |"]
    lines += [f"| {name} | {width:g} | {column.cells(was)} |" for (name, width), column in columns.items()]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> str:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="another one draws other heads")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--markdown", type=Path, help="also write the table here")
    options = parser.parse_args(arguments)
    model = FaceModel.load()
    text = f"### {options.count} held-out renders\n\n" + measure(
        Predictor(options.weights, threads=1), model, options.count, options.seed
    )
    print(text)
    if options.markdown:
        options.markdown.write_text(text + "\n")
    return text


if __name__ == "__main__":
    main()
