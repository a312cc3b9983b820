"""How soon trackers that start anywhere agree with the serial one, and what the crops' grid costs in jitter.

    python benchmarks/piece_seams.py CLIP... [--length 30]

For each clip: frames until the marks of a piece and of the piece before are equal at each seam, frames that the join
had to track itself, whether the joined take equals the serial one bit for bit, and the median second difference of
landmarks (mm) with the grid and without.
"""

import argparse
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import numpy as np

from mmface_core.capture import track
from mmface_core.capture.engine import CaptureEngine
from mmface_core.capture.load import load_engine
from mmface_core.capture.pieces import CapturedPiece, Piece, capture_piece, join_pieces
from mmface_core.capture.sources import open_source
from mmface_core.take import Take


def jitter(take: Take) -> float:
    """Median second difference of the landmarks in mm."""
    points = take.landmarks[..., :2] / np.where(take.present, take.scale, np.nan)[:, None, None]
    return float(np.nanmedian(np.linalg.norm(points[2:] - 2 * points[1:-1] + points[:-2], axis=-1)))


def without_grid(engine: CaptureEngine, path: Path) -> Take:
    grid = track._on_grid
    track._on_grid = lambda crop: crop
    try:
        return engine.capture(open_source(path))[0]
    finally:
        track._on_grid = grid


def lag(before: CapturedPiece, after: CapturedPiece) -> int:
    """Frames of `after` until its tracker knows what that of `before` does; all of the overlap where it never does."""
    marks = {int(i): mark.tobytes() for i, mark in zip(before.index, before.mark, strict=True)}
    same = (i for i, mark in enumerate(after.mark) if marks.get(int(after.index[i])) == mark.tobytes())
    return next(same, len(after.index))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--length", type=int, default=30)
    given = parser.parse_args()
    engine = load_engine(workers=1)
    for path in given.clips:
        serial = engine.capture(open_source(path))[0]
        count = max(2, len(serial) // given.length)
        pieces = [
            Piece(i, i * given.length, (i + 1) * given.length if i + 1 < count else None, given.length)
            for i in range(count)
        ]
        captured = [capture_piece(engine, open_source(path, start=p.first, exact=False), p) for p in pieces]
        joined = join_pieces(engine, captured, lambda s, exact, path=path: open_source(path, start=s, exact=exact))
        take = engine.takes(joined.recorder, open_source(path))[0]
        same = all(np.array_equal(getattr(take, f.name), getattr(serial, f.name)) for f in fields(Take))
        # The second piece starts where the first does, with its first frame.
        lags = [lag(a, b) for a, b in pairwise(captured[1:])]
        plain = jitter(without_grid(engine, path))
        print(
            f"{path.name}: {len(serial)} frames, agree after {lags}, join tracked {joined.mended}, "
            f"{'equal' if same else 'NOT EQUAL'}, jitter {plain:.3f} mm without grid, {jitter(take):.3f} with",
            flush=True,
        )


if __name__ == "__main__":
    main()
