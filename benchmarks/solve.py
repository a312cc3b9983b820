"""Ten thousand frames from a take to curves on a rig: solve for weights, smooth, resample, lay out, bake.

    python benchmarks/solve.py [--frames 10000] [--no-bake] [--markdown FILE]

The performance is the truth of the bundled clip, repeated with a tremble on it, so that it moves as faces do. Solving
is what a face model with a basis of its own needs; the default model's components are the weights themselves. Baking
runs in a child Blender on the bundled avatar; opening the .blend is given apart. Times are those of one run: wall, and
the process's own CPU time, which what else runs on the machine hardly changes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.model.face_arrays import FaceArrays
from retarget import filters, rotations, timing
from retarget.motion import KeyCurve, RigMotion, RotationCurve, save_motion
from retarget.weights import solve_weights

ROOT = Path(__file__).resolve().parent.parent
AVATAR = ROOT / "examples" / "avatar.blend"
FPS = 30.0

BAKE = """
import sys, time, resource
sys.path.insert(0, {root!r})
import bpy
from blender_addon.scene import bake
began = time.perf_counter()
bpy.ops.wm.open_mainfile(filepath={avatar!r})
opened = time.perf_counter(), time.process_time()
bake.bake(bake.load_motion({motion!r}))
print("TIMES", opened[0] - began, time.perf_counter() - opened[0], time.process_time() - opened[1], flush=True)
import os
os._exit(0)
"""

T = TypeVar("T")


class Clock:
    """Times steps: (name, wall seconds, CPU seconds)."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float, float]] = []

    def __call__(self, name: str, work: Callable[[], T]) -> T:
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        self.rows.append((name, time.perf_counter() - wall, time.process_time() - cpu))
        return result


def performance(frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (T, 52), rotations (T, 3, 3) and times (T,) of a long performance."""
    with np.load(ROOT / "examples" / "sample_truth.npz") as truth:
        weights, rotation = truth["weights"].astype(np.float64), truth["rotation"].astype(np.float64)
    rng = np.random.default_rng(0)
    rows = np.arange(frames) % (2 * len(weights) - 2)  # there and back, so that nothing jumps
    rows = np.minimum(rows, 2 * len(weights) - 2 - rows)
    weights = np.clip(weights[rows] + 0.01 * rng.standard_normal((frames, weights.shape[1])), 0, 1)
    turn = rotation[rows] @ rotations.exp(0.005 * rng.standard_normal((frames, 3)))
    return weights, turn, np.arange(frames) / FPS


def measure(frames: int, with_bake: bool) -> list[tuple[str, float, float]]:
    """Rows of (step, wall seconds, CPU seconds)."""
    model = FaceArrays.load()
    basis = model.expression_basis[:, model.skin].astype(np.float64)
    weights, turn, stamps = performance(frames)
    confidence = np.full(frames, 0.9)
    solve_weights(weights[:4], basis, basis)  # compiled code is loaded once
    clock = Clock()
    solved = clock("solve", lambda: solve_weights(weights, basis, basis))
    smooth = clock("smooth weights", lambda: filters.smooth_weights(solved, stamps, confidence))
    calm = clock("smooth rotation", lambda: filters.smooth_rotation(turn, stamps, confidence))
    line = clock("time line", lambda: timing.timeline(stamps * 1.001, np.arange(frames), FPS))
    keys = clock("resample weights", lambda: timing.resample(smooth, line))
    turned = clock("resample rotation", lambda: timing.resample_rotations(calm, line))
    if with_bake:
        clock.rows += bake(keys, turned)
    return clock.rows


def bake(weights: np.ndarray, rotation: np.ndarray) -> list[tuple[str, float, float]]:
    """Write the curves and bake them onto the avatar in a child."""
    from scipy.spatial.transform import Rotation

    quaternions = np.roll(Rotation.from_matrix(rotation).as_quat(), 1, axis=1)
    with tempfile.TemporaryDirectory(prefix="mmface-bench-") as folder:
        path = Path(folder, "motion.json")
        motion = RigMotion(
            name="long",
            rate=timing.frame_rate(FPS),
            start=1,
            frame_count=len(weights),
            keys=tuple(KeyCurve("Head", name, weights[:, i]) for i, name in enumerate(ARKIT_NAMES) if name in ON_HEAD),
            rotations=(RotationCurve("Rig", "head", quaternions),),
        )
        clock = Clock()
        clock("write curves", lambda: save_motion(motion, path))
        program = BAKE.format(root=str(ROOT), avatar=str(AVATAR), motion=str(path))
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=600)
        line = next((line for line in said.stdout.splitlines() if line.startswith("TIMES ")), None)
        if line is None:
            raise RuntimeError(f"The child Blender failed: {said.stderr[-2000:]}")
        opened, wall, cpu = map(float, line.split()[1:])
        return [*clock.rows, ("bake", wall, cpu), ("(open the .blend)", opened, float("nan"))]


# The avatar's head carries all units but the tongue's.
ON_HEAD = frozenset(name for name in ARKIT_NAMES if name != "tongueOut" and not name.startswith("eyeLook"))


def table(rows: Sequence[tuple[str, float, float]], frames: int) -> str:
    lines = [f"### {frames} frames", "", "| step | wall s | CPU s |", "| --- | --- | --- |"]
    lines += [f"| {name} | {wall:.2f} | {cpu:.2f} |" for name, wall, cpu in rows]
    counted = [row for row in rows if not row[0].startswith("(")]
    lines.append(f"| all, opening aside | {sum(r[1] for r in counted):.2f} | {sum(r[2] for r in counted):.2f} |")
    return "\n".join([*lines, ""])


def main(arguments: Sequence[str] | None = None) -> str:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--no-bake", action="store_true", help="leave Blender out")
    parser.add_argument("--markdown", type=Path, help="also write the table here")
    options = parser.parse_args(arguments)
    text = table(measure(options.frames, not options.no_bake), options.frames)
    print(text)
    if options.markdown:
        options.markdown.write_text(text)
    return text


if __name__ == "__main__":
    main()
