"""What each cleaning step does to curves: the error on a clip whose truth is known, and agreement with other readings.

    python benchmarks/cleaning.py [--take SAMPLE.npz] [--takes FOLDER --readings FOLDER]

The bundled clip is captured unless its take is given; its true weights are known. --takes is a folder of takes of other
clips, --readings one of .csv files of a landmark model for clips of the same names (columns ear_left, ear_right,
inner_lip_gap, brow_left, brow_right, present): for each, the correlation over time with our lids, lip gap and brows,
and how it changes by each step. Correlation sees timing and shape, not offsets; the known clip sees those.
"""

import argparse
import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmface_core.model.arkit import ARKIT_INDEX as UNIT
from mmface_core.take import Take
from retarget.capturing import capture_one
from retarget.cleaning import RAW, Cleaning
from retarget.cleaning.lips import lip_gap
from retarget.performance import Settings, performance_of

ROOT = Path(__file__).resolve().parent.parent
SMOOTHED = Settings(cleaning=RAW, neutral="off")
VARIANTS = {
    "smoothing alone": SMOOTHED,
    "+ auto neutral": replace(SMOOTHED, neutral="auto"),
    "+ outliers": replace(SMOOTHED, cleaning=replace(RAW, outliers=True)),
    "+ pairs": replace(SMOOTHED, cleaning=replace(RAW, pairs=True)),
    "+ symmetry": replace(SMOOTHED, cleaning=replace(RAW, symmetry=Cleaning().symmetry)),
    "+ blinks": replace(SMOOTHED, cleaning=replace(RAW, blinks=True)),
    "+ lips": replace(SMOOTHED, cleaning=replace(RAW, lips=True)),
    "all (default)": Settings(),
    "captured": Settings(smooth=0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--take", type=Path)
    parser.add_argument("--takes", type=Path)
    parser.add_argument("--readings", type=Path)
    arguments = parser.parse_args()
    take = Take.load(arguments.take) if arguments.take else capture_one(ROOT / "examples/sample.mp4", "largest")
    with np.load(ROOT / "examples/sample_truth.npz") as file:
        truth = file["weights"].astype(float)
    print("Bundled clip, mean error in weight units")
    print(f"  {'':16s} {'all 52':>8s} {'lids':>8s} {'lip gap':>8s}")
    for name, settings in VARIANTS.items():
        weights = performance_of(take, settings).weights
        lids = [UNIT["eyeBlinkLeft"], UNIT["eyeBlinkRight"]]
        errors = (
            np.abs(weights - truth).mean(),
            np.abs(weights[:, lids] - truth[:, lids]).mean(),
            np.abs(lip_gap(weights) - lip_gap(truth)).mean(),
        )
        print(f"  {name:16s} " + " ".join(f"{error:8.4f}" for error in errors))
    if arguments.takes and arguments.readings:
        compare(clips(arguments.takes, arguments.readings))


def clips(takes: Path, readings: Path) -> list[tuple[str, Take, dict[str, np.ndarray]]]:
    found = []
    for path in sorted(takes.glob("*.npz")):
        table = readings / f"{path.stem}.csv"
        if not table.is_file():
            continue
        with table.open(newline="") as file:
            rows = list(csv.DictReader(file))
        if "ear_left" in rows[0]:
            columns = {n: np.array([float(r[n] or "nan") for r in rows]) for n in rows[0] if n != "time_s"}
            found.append((path.stem, Take.load(path), columns))
    return found


def compare(found: list[tuple[str, Take, dict[str, np.ndarray]]]) -> None:
    print(f"\n{len(found)} clips, correlation with another model's readings: mean, and the largest loss")
    print(f"  {'':16s} {'lids':>22s} {'lip gap':>22s} {'brows':>22s}")
    before = None
    for name, settings in VARIANTS.items():
        table = np.array([agreement(take, readings, settings) for _, take, readings in found])
        before = table if before is None else before
        losses = table - before
        worst = [found[int(i)][0][:8] for i in np.nanargmin(losses, axis=0)]
        cells = zip(np.nanmean(table, axis=0), np.nanmin(losses, axis=0), worst, strict=True)
        print(f"  {name:16s} " + " ".join(f"{mean:6.3f} {loss:+6.3f} {clip:8s}" for mean, loss, clip in cells))


def agreement(take: Take, readings: dict[str, np.ndarray], settings: Settings) -> list[float]:
    weights = performance_of(take, settings).weights
    count = min(len(weights), len(readings["present"]))
    weights = weights[:count]

    def unit(name: str) -> np.ndarray:
        return weights[:, UNIT[name]]

    lids = sum(unit(f"eyeBlink{side}") - unit(f"eyeWide{side}") for side in ("Left", "Right"))
    brows = 2 * unit("browInnerUp") + sum(
        unit(f"browOuterUp{side}") - 2 * unit(f"browDown{side}") for side in ("Left", "Right")
    )
    pairs = (
        (lids, -readings["ear_left"] - readings["ear_right"]),
        (lip_gap(weights), readings["inner_lip_gap"]),
        (brows, readings["brow_left"] + readings["brow_right"]),
    )
    seen = readings["present"][:count] == 1
    result = []
    for ours, theirs in pairs:
        known = seen & np.isfinite(theirs[:count])
        flat = known.sum() < 20 or ours[known].std() < 1e-6
        result.append(np.nan if flat else float(np.corrcoef(ours[known], theirs[:count][known])[0, 1]))
    return result


if __name__ == "__main__":
    main()
