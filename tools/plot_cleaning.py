"""Plots what cleaning does to the bundled clip, whose true curves are known, for docs/cleaning.md.

    python tools/plot_cleaning.py [--take TAKE.npz] [-o docs/images/cleaning.png]

Needs matplotlib (`pip install ".[docs]"`). Without --take the clip is captured first.
"""

import argparse
from pathlib import Path

import numpy as np

from blender_addon.scene.reduce_keys import kept
from mmface_core.model.arkit import ARKIT_INDEX
from mmface_core.take import Take
from retarget.capturing import capture_one
from retarget.cleaning.lips import closures, consistent, lip_gap
from retarget.performance import Settings, performance_of

ROOT = Path(__file__).resolve().parent.parent
TOLERANCE = 0.02
CAPTURED, CLEAN, TRUE = "#c44e52", "#2b5d8a", "#9aa0a6"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--take", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs/images/cleaning.png")
    arguments = parser.parse_args()
    clip = ROOT / "examples/sample.mp4"
    take = Take.load(arguments.take) if arguments.take else capture_one(clip, "largest")
    with np.load(ROOT / "examples/sample_truth.npz") as file:
        truth = file["weights"].astype(float)
    plot(take, truth, arguments.output)


def plot(take: Take, truth: np.ndarray, output: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    captured = performance_of(take, Settings(smooth=0)).weights
    clean = performance_of(take, Settings()).weights
    time = take.time
    figure, axes = plt.subplots(5, 1, figsize=(9, 12), constrained_layout=True)

    def curves(axis, title, of, span=None):
        axis.plot(time, of(truth), color=TRUE, lw=4, alpha=0.6, label="true")
        axis.plot(time, of(captured), color=CAPTURED, lw=1, marker=".", ms=3, label="captured")
        axis.plot(time, of(clean), color=CLEAN, lw=1.6, label="cleaned")
        axis.set_title(title, loc="left", fontsize=10, fontweight="bold")
        axis.set_xlim(span or (time[0], time[-1]))
        axis.spines[["top", "right"]].set_visible(False)

    def unit(name):
        return lambda weights: weights[:, ARKIT_INDEX[name]]

    curves(axes[0], "Blinks close: eyeBlinkRight", unit("eyeBlinkRight"))
    axes[0].legend(frameon=False, ncols=3, fontsize=9, loc="upper right", bbox_to_anchor=(1, 1.25))
    curves(axes[1], "Lips meet for p, b and m: the gap between the lips", lip_gap, (0.4, 2.4))
    met = closures(consistent(captured), time)
    met = met[(time[met] > 0.4) & (time[met] < 2.4)]
    axes[1].plot(time[met], np.zeros(len(met)), "v", color=CLEAN, ms=6, clip_on=False)
    curves(axes[2], "The rest face rests: browDownLeft", unit("browDownLeft"))
    curves(
        axes[3],
        "Opposites never show together: eyeLookUpLeft, and eyeLookDownLeft (dotted)",
        unit("eyeLookUpLeft"),
    )
    for weights, colour in ((captured, CAPTURED), (clean, CLEAN)):
        axes[3].plot(time, unit("eyeLookDownLeft")(weights), color=colour, lw=1, ls=":")
    axes[3].set_ylim(-0.02, 0.4)
    jaw = unit("jawOpen")(clean)
    keys = kept(range(len(jaw)), [jaw.tolist()], [TOLERANCE])
    curves(
        axes[4], f"Fewer keys: jawOpen, --reduce {TOLERANCE}: {len(keys)} keys for {len(jaw)} frames", unit("jawOpen")
    )
    axes[4].lines[1].remove()
    axes[4].plot(time[keys], jaw[keys], "o-", color="#55a868", ms=4, lw=1, label="keys")
    axes[4].set_xlabel("seconds")
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=100)
    print(output)


if __name__ == "__main__":
    main()
