"""Measure capture on annotated pictures and on videos with an independent reading.

    python benchmarks/capture_quality.py [--refine none|icp|points|icp+points] [--only helen_testset ...] [-o FOLDER]

The data and the measuring scripts lie beside the checkout, in ../shared (users do not have them). Takes go to FOLDER,
by default runs/yardsticks, so that they can be looked at afterwards.
"""

import argparse
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from mmface_core.capture.engine import CaptureEngine
from mmface_core.capture.load import load_engine
from mmface_core.capture.reconstruct import project_landmarks
from mmface_core.capture.sources import FilteredSource, Source, image_files, open_source
from mmface_core.commands.capture import save_all
from mmface_core.errors import UserError
from mmface_core.geometry.fit import FaceParameters
from mmface_core.model.face_model import FaceModel
from mmface_core.model.surface_points import SurfacePoints
from mmface_core.take import Take
from retarget import filters

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
# Folder of annotated pictures -> runs of a measuring script with its options.
SETS: dict[str, list[list[str]]] = {
    "helen_trainset": [["photo_expression.py"]],  # its landmarks were used to define ours: no landmark error
    "helen_testset": [["image_nme.py"], ["image_nme.py", "--points", "68"], ["photo_expression.py"]],
    "afw": [["image_nme.py"], ["image_nme.py", "--points", "68"], ["photo_expression.py"]],
    "face_synthetics": [["image_nme.py"], ["image_nme.py", "--points", "68"]],
    "ict_known": [["image_nme.py"], ["known_weights.py"]],
    "aflw2000_3d": [["image_nme.py", "--points", "68"], ["image_nme.py", "--labels-3d", "--points", "68"]],
}
# Videos without one leading face: seen by eye, not measured.
UNMEASURED = ("fera_multi_face", "o4n_traffic")
SHOWN = (
    "seen %",
    "yaw r",
    "pitch r",
    "roll r",
    "lips r",
    "jawOpen r",
    "eye_left r",
    "eyeBlinkLeft r",
    "jitter %",
    "jitter smoothed",
)


def first(source: Source, frames: int) -> Source:
    """The first frames of a source: the reference readings end there."""
    return FilteredSource(source, lambda every: islice(every, frames))


def capture_pictures(engine: CaptureEngine, name: str, output: Path) -> None:
    """A take for every face of every picture of a set."""
    pictures = image_files(SHARED / "data/images" / name)
    start, missed = time.monotonic(), 0
    for picture in pictures:
        try:
            save_all(engine.capture(open_source(picture), "all"), output / f"{picture.stem}.npz", stale=True)
        except UserError:
            missed += 1
            (output / f"{picture.stem}.npz").unlink(missing_ok=True)
    spent = (time.monotonic() - start) / max(len(pictures), 1)
    print(f"\n{name}: {len(pictures)} pictures, {missed} without a face, {1000 * spent:.0f} ms each")


def check(arguments: list[str]) -> tuple[int, str]:
    """A measuring script's exit status, and what it prints."""
    script = SHARED / "checks" / arguments[0]
    done = subprocess.run([sys.executable, str(script), *arguments[1:]], capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def measure_pictures(engine: CaptureEngine, name: str, output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    capture_pictures(engine, name, output)
    for script, *options in SETS[name]:
        _, said = check([script, str(SHARED / "data/images" / name), str(output), *options])
        print(f"  {script} {' '.join(options)}: {said if script != 'known_weights.py' else said.splitlines()[-1]}")


def read_figures(said: str) -> dict[str, float]:
    """The figures that video_signals.py printed, by name."""
    return {m[1].strip(): float(m[2]) for m in re.finditer(r"^(.+?) +(-?[\d.]+)$", said, re.MULTILINE)}


def smoothed(take: Take, model: FaceModel) -> Take:
    """The take as `mmface-retarget` smooths it by default, without delay, and its landmarks computed anew."""
    seen = take.present
    time, trust = take.time[seen], take.confidence[seen]
    weights = filters.smooth_weights(take.weights[seen], time, trust).astype(np.float32)
    rotation = filters.smooth_rotation(take.rotation[seen], time, trust).astype(np.float32)
    place = np.column_stack([take.translation[seen], np.log(take.scale[seen])])
    place = filters.local_quadratic(place, time, trust, filters.DEFAULT_STRENGTH * filters.FULL_SIGMA)
    marks = SurfacePoints(model, model.annotated_vertices, model.annotated_weights)
    identity = np.repeat(take.identity[None], len(weights), axis=0)
    scale, translation = np.exp(place[:, 2]).astype(np.float32), place[:, :2].astype(np.float32)
    calm = {key: getattr(take, key).copy() for key in ("weights", "expression", "rotation", "landmarks")}
    calm["weights"][seen] = calm["expression"][seen] = weights
    calm["rotation"][seen] = rotation
    calm["landmarks"][seen] = project_landmarks(marks, FaceParameters(identity, weights, rotation, scale, translation))
    return replace(take, **calm)


def single_face_videos() -> list[str]:
    """The names of the videos that are measured: those with one leading face."""
    return [path.stem for path in _videos() if path.stem not in UNMEASURED]


def _videos() -> list[Path]:
    return sorted(path for path in (SHARED / "data/videos").iterdir() if path.is_file())


def agreement(take: Path, video: str) -> dict[str, float]:
    """How a take follows the independent reading of its video. UserError where that could not be measured."""
    status, said = check(["video_signals.py", str(take), str(SHARED / "data/videos/reference" / f"{video}.csv")])
    figures = read_figures(said)
    if status or "yaw mad" not in figures:  # the script leaves angles out where too few frames are seen by both
        raise UserError(f"It is not measured: {said.splitlines()[-1] if said else 'the measuring script says nothing'}")
    return figures


def measure_videos(engine: CaptureEngine, output: Path, only: list[str], frames: int) -> dict[str, dict[str, float]]:
    """Capture the videos, print their agreement with the reference reading and its medians, and what is missing.

    Returns the figures by video; one where no face was found, or that could not be measured, has none.
    """
    table: dict[str, dict[str, float]] = {}
    missing: list[str] = []
    print("\nvideos: " + ", ".join(SHOWN) + ", ms per frame")
    for video in _videos():
        if only and video.stem not in only and "videos" not in only:
            continue
        start = time.monotonic()
        measured = video.stem not in UNMEASURED
        try:
            takes = engine.capture(first(open_source(video), frames), "largest" if measured else "all")
            spent = 1000 * (time.monotonic() - start) / len(takes[0])
            written = save_all(takes, output / f"{video.stem}.npz", stale=True)
            if not measured:
                seen = [f"face {i + 1}: {int(t.present.sum())} of {len(t)}" for i, (_, t) in enumerate(written)]
                print(f"  {video.stem:45.45s} {', '.join(seen)}")
                continue
            row = agreement(written[0][0], video.stem)
            calm = output / f"{video.stem}.smooth.npz"
            smoothed(written[0][1], engine.model).save(calm)
            after = agreement(calm, video.stem)
            row |= {"jitter smoothed": after["jitter %"]} if "jitter %" in after else {}
        except UserError as error:
            print(f"  {video.stem:45.45s} {error}")
            missing += [video.stem] if measured else []
            continue
        table[video.stem] = row
        shown = [f"{row[key]:6.2f}" if key in row else "     -" for key in SHOWN]
        print(f"  {video.stem:45.45s} {' '.join(shown)} {spent:6.0f}", flush=True)
    if table:
        print("  median: " + ", ".join(f"{key} {value:.3f}" for key, value in medians(table).items()))
    if missing:
        print(f"  MISSING, and in no median: {', '.join(missing)}")
    return table


def medians(table: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The median of each figure over the videos that have it."""
    figures = {key: [row[key] for row in table.values() if key in row] for row in table.values() for key in row}
    return {key: statistics.median(values) for key, values in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--refine", choices=["none", "icp", "points", "icp+points"])
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="names of sets or videos; 'videos' means all videos")
    parser.add_argument("--frames", type=int, default=1500, help="of each video at most so many")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/yardsticks"))
    args = parser.parse_args()
    if not SHARED.is_dir():
        sys.exit(f"The measuring data is not at {SHARED}.")
    engine = load_engine(weights=args.weights, refine=args.refine)
    print(engine.description)
    for name in SETS:
        if not args.only or name in args.only:
            measure_pictures(engine, name, args.output / name)
    if not args.only or set(args.only) - set(SETS):
        measure_videos(engine, args.output / "videos", args.only, args.frames)


if __name__ == "__main__":
    main()
