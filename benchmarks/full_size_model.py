"""What the paper's sizes cost here: the face model of 53,215 vertices, the network, its training step, ICP and volumes.

    python benchmarks/full_size_model.py                  # on a model of random numbers of the same size
    python benchmarks/full_size_model.py --model basel.npz

Prints parameters, multiply-accumulates, memory and times; times are the least of a few.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from mmface_core.conventions import CROP_CENTRE
from mmface_core.geometry.icp import icp_vertices, refine_pose
from mmface_core.geometry.voxelize import cap_plane, voxelize
from mmface_core.model.face_model import FaceModel
from mmface_core.model.subdivision import apply_operator, subdivide
from mmface_core.network.config import named_config
from mmface_core.network.mmface import MMFaceNet

VERTICES, IDENTITIES, EXPRESSIONS = 53_215, 199, 29


def least_ms(work: Callable[[], object], repeats: int = 5) -> float:
    work()
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return 1000.0 * best


def full_size_model() -> FaceModel:
    """The bundled skin, refined to the paper's number of vertices, with random bases of the paper's numbers."""
    base = FaceModel.load(parts=["skin"])
    vertices, triangles = base.mean.numpy(), base.triangles.numpy()
    for _ in range(2):
        operator, triangles = subdivide(triangles, len(vertices))
        vertices = apply_operator(operator, vertices)
    missing = VERTICES - len(vertices)
    split, rest = triangles[:missing], triangles[missing:]
    middle = np.arange(len(vertices), VERTICES)
    vertices = np.concatenate([vertices, vertices[split].mean(axis=1)])
    a, b, c = split.T
    triangles = np.concatenate(
        [rest, *(np.stack(part, 1) for part in ((a, b, middle), (b, c, middle), (c, a, middle)))]
    )
    rng = np.random.default_rng(0)
    return FaceModel(
        {
            "schema": np.array("mmface-model/1"),
            "mean": vertices.astype(np.float32),
            "identity_basis": 0.3 * rng.standard_normal((IDENTITIES, VERTICES, 3), np.float32),
            "expression_basis": 0.3 * rng.standard_normal((EXPRESSIONS, VERTICES, 3), np.float32),
            "triangles": triangles,
            "vertex_part": np.zeros(VERTICES, np.int8),
            "part_names": np.array(["skin"]),
            "mirror": np.arange(VERTICES),
            "landmark_vertices": base.landmark_vertices.numpy(),
            "landmark_weights": base.landmark_weights.numpy(),
            "cap_z_mm": np.float32(base.cap_z_mm),
        }
    )


def megabytes(module: torch.nn.Module) -> float:
    tensors = [*module.parameters(), *module.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors) / 1e6


def report_model(model: FaceModel) -> None:
    print(
        f"face model: {model.n_vertices} vertices, {model.n_identity} + {model.n_expression} components, "
        f"{megabytes(model):.0f} MB"
    )
    for batch in (1, 16):
        codes = torch.randn(batch, model.n_identity), torch.randn(batch, model.n_expression)
        whole, marks = least_ms(lambda c=codes: model.shape(*c)), least_ms(lambda c=codes: model.landmarks(*c))
        print(f"  batch {batch:2}: whole mesh {whole:7.2f} ms, the 68 landmarks alone (Eq. 7) {marks:6.2f} ms")


def report_network(steps: int) -> None:
    for name in ("paper-64", "paper-128", "paper"):
        for alone in (False, True):
            config = named_config(name, read_picture=not alone)
            with torch.device("meta"):
                counted = MMFaceNet(config).eval()
                with FlopCounterMode(display=False) as counter, torch.no_grad():
                    counted(torch.empty(1, 3, 256, 256))
            millions = sum(p.numel() for p in counted.parameters()) / 1e6
            what = "PMN sees the volume alone" if alone else "PMN sees picture and points too"
            gmacs = counter.get_total_flops() / 2e9
            line = f"network {name:9} ({what}): {millions:.1f} M parameters, {gmacs:.1f} GMAC"
            if steps and not alone:
                line += _network_times(config, steps)
            print(line, flush=True)


def _network_times(config, steps: int) -> str:
    torch.manual_seed(0)
    net = MMFaceNet(config)
    picture = torch.rand(1, 3, 256, 256)
    net.eval()
    with torch.inference_mode():
        forward = least_ms(lambda: net(picture), steps)
    net.train()
    two = torch.rand(2, 3, 256, 256)

    def step() -> None:
        output = net(two)
        volume = sum(stack.square().mean() for stack in output.volume_logits)
        loss = volume + output.identity.square().mean() + output.expression.square().mean()
        net.zero_grad(set_to_none=True)
        loss.backward()

    return f"; forward {forward:.0f} ms, training {least_ms(step, steps) / 2:.0f} ms a picture"


def report_geometry(model: FaceModel) -> None:
    from mmface_core.geometry.camera import weak_perspective
    from mmface_core.geometry.mesh import cap_triangles

    codes = torch.zeros(1, model.n_identity), torch.zeros(1, model.n_expression)
    pose = torch.eye(3)[None], torch.tensor([1.0]), torch.full((1, 2), CROP_CENTRE)
    closed = cap_triangles(model.part_triangles("skin").numpy(), model.skin.stop)
    vertices = closed.vertices(weak_perspective(model.shape(*codes), *pose)).numpy()
    cap = cap_plane(*(part.numpy() for part in pose), model.cap_z_mm)
    points = model.points(*codes, icp_vertices(model))
    for size in (64, 128, 192):
        solid = least_ms(lambda n=size: voxelize(vertices, closed.triangles, cap, n), 3)
        volume = torch.from_numpy(voxelize(vertices, closed.triangles, cap, size)).float()
        icp = least_ms(lambda v=volume: refine_pose(v, points, *pose), 3)
        print(f"volume {size}^3: voxelise {len(closed.triangles)} triangles {solid:.1f} ms, ICP {icp:.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a converted model (.npz) instead of random numbers")
    parser.add_argument("--steps", type=int, default=3, help="timed passes of the network; 0 only counts")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {options.threads} threads, {'CUDA' if torch.cuda.is_available() else 'CPU'}")
    model = full_size_model() if options.model is None else FaceModel.load(options.model)
    report_model(model)
    report_geometry(model)
    report_network(options.steps)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


if __name__ == "__main__":
    main()
