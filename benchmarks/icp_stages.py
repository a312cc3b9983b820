"""Where the time of one ICP goes: its compiled parts one by one, on the first head of `benchmarks/icp.py`.

    python benchmarks/icp_stages.py [--sizes 64,128,192] [--points 5000]

Each part is called many times from Python, which adds about a microsecond; the least time counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.icp import Scenes, ours
from mmface_core.geometry import icp_block, icp_field, icp_kernel
from mmface_core.geometry.align import JUDGED_POINTS, LEVELS

SEED, DEGREES, CALLS = 1000, 10.0, 400
HEAD = "| volume | part | us, least |\n| --- | --- | --- |"


def least(work: Callable[[], object]) -> float:
    """Microseconds of one call."""
    work()
    times = []
    for _ in range(CALLS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1e6 * min(times)


def parts(scenes: Scenes, size: int, count: int) -> dict[str, float]:
    scene = scenes.scene(SEED, size, count, DEGREES)
    volume = scene.volume[0]
    points = np.ascontiguousarray(scene.points.T, np.float32)
    start = scene.scale * scene.start_rotation
    offset = np.array([scene.start_translation[0], -scene.start_translation[1], 0.0])
    coarse = icp_field.survey(volume, size // LEVELS[0].cells)
    work, system, update = np.empty(icp_block.WORK_SIZE, np.float32), np.zeros((7, 8)), np.empty(7)
    block = min(icp_block.BLOCK, points.shape[1])
    judged = icp_kernel._picked(points, JUDGED_POINTS)
    return {
        "all": least(lambda: ours(scene)),
        "coarse copy": least(lambda: icp_field.survey(volume, size // LEVELS[0].cells)),
        "a blur of 5": least(lambda: icp_field.box_blur(coarse, 5)),
        "a blur of 3": least(lambda: icp_field.box_blur(coarse, 3)),
        f"{block} points of the coarse copy": least(
            lambda: icp_block.measure(coarse, False, points, 0, block, start, offset, 10.0, work)
        ),
        f"{block} points of the volume, blurred": least(
            lambda: icp_block.measure(volume, True, points, 0, block, start, offset, 2.0, work)
        ),
        f"normal equations of {block} points": least(lambda: icp_kernel._add_terms(work, block, 6, system)),
        "solving them": least(lambda: icp_kernel._solve(system, 6, update)),
        "agreement at the end": least(
            lambda: icp_kernel._judge(volume, True, judged, start, offset, 256.0 / size, work)
        ),
    }


def main(arguments: Sequence[str] | None = None) -> str:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="64,128,192")
    parser.add_argument("--points", type=int, default=5000)
    options = parser.parse_args(arguments)
    scenes, lines = Scenes(), [HEAD]
    for size in map(int, options.sizes.split(",")):
        lines += [f"| {size}^3 | {name} | {us:.0f} |" for name, us in parts(scenes, size, options.points).items()]
    text = "\n".join(lines)
    print(text)
    return text


if __name__ == "__main__":
    main()
