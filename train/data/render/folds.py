"""Folds of the skin: what a frown, a raised brow, a smile or a sneer draws on a face beside moving it.

Each fold is a line on the mean head seen from the front, in mm, so it moves with the skin; how deep it is follows from
the expression and from how easily this person's skin folds. Only the left side is listed, the right mirrors it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from train.data.render import fold_map
from train.data.render.face import SkinColours
from train.data.sampling import INDEX

_SMOOTH_SHARE, _SMOOTH_MOST = 0.35, 0.25  # so many faces hardly fold, as those of children
_PLACE_MM, _BEND_MM = 1.2, 0.3  # standard deviations of where a line lies on a person, and of each of its points


@dataclass(frozen=True)
class Fold:
    """A line (x, y) mm on the subject's left or across the middle, and the weights of the units that fold it.

    units: names without their side for paired units; always: depth 0..1 on an old face at rest; across: the line
    crosses the middle, is drawn once, and takes the mean of both sides.
    """

    line: tuple[tuple[float, float], ...]
    units: dict[str, float]
    width_mm: float = 1.4
    always: float = 0.0
    across: bool = False


def _forehead(y: float) -> list[Fold]:
    """A line across the forehead at its height, in parts that the inner and the outer brow lift."""
    return [
        Fold(((-17.0, y), (0.0, y - 1.0), (17.0, y)), {"browInnerUp": 1.0}, 1.8, 0.15, across=True),
        Fold(((15.0, y), (24.0, y + 1.0), (33.0, y)), {"browInnerUp": 0.6, "browOuterUp": 0.7}, 1.8, 0.15),
        Fold(((31.0, y), (40.0, y - 2.0), (47.0, y - 6.0)), {"browOuterUp": 1.0}, 1.6, 0.1),
    ]


_LIP_LINES = [
    Fold(((x, y), (1.1 * x, y + 5.0)), {"mouthPucker": 0.8, "mouthFunnel": 0.3}, 1.0)
    for x, y in ((3.5, -26.0), (7.5, -27.0), (11.5, -29.0), (5.0, -54.0), (10.0, -53.0))
]
FOLDS = (
    *_forehead(72.0),
    *_forehead(81.0),
    *_forehead(91.0),
    # Between the brows, across the root of the nose and beside its back.
    Fold(((6.0, 40.0), (5.5, 48.0), (7.0, 58.0)), {"browDown": 1.0, "noseSneer": 0.3}, 1.8, 0.2),
    Fold(((-8.0, 37.0), (0.0, 36.0), (8.0, 37.0)), {"browDown": 0.6, "noseSneer": 0.6}, 1.4, 0.05, across=True),
    Fold(((6.0, 28.0), (11.0, 22.0), (14.0, 16.0)), {"noseSneer": 1.0, "cheekSquint": 0.2}, 1.2),
    Fold(((5.0, 23.0), (10.0, 18.0), (13.0, 12.0)), {"noseSneer": 0.9}, 1.2),
    # Outer corners of the eyes, and below them.
    Fold(
        ((51.0, 38.0), (57.0, 41.0), (63.0, 46.0)), {"eyeSquint": 0.7, "cheekSquint": 0.7, "mouthSmile": 0.2}, 1.1, 0.1
    ),
    Fold(
        ((52.0, 34.5), (58.0, 34.5), (65.0, 35.5)), {"eyeSquint": 0.8, "cheekSquint": 0.9, "mouthSmile": 0.2}, 1.1, 0.1
    ),
    Fold(
        ((51.0, 31.0), (57.0, 28.0), (63.0, 24.0)), {"eyeSquint": 0.6, "cheekSquint": 0.9, "mouthSmile": 0.3}, 1.1, 0.1
    ),
    Fold(
        ((21.0, 25.0), (28.0, 20.5), (37.0, 20.5), (46.0, 25.0)),
        {"eyeSquint": 0.6, "cheekSquint": 0.8, "mouthSmile": 0.2},
        1.6,
        0.25,
    ),
    # From the nose to the mouth's corner, around it and down from it.
    Fold(
        ((17.0, -8.0), (23.0, -15.0), (30.0, -25.0), (33.0, -35.0)),
        {"mouthSmile": 1.0, "noseSneer": 0.5, "mouthUpperUp": 0.5, "mouthDimple": 0.3, "cheekSquint": 0.3},
        2.4,
        0.35,
    ),
    Fold(
        ((33.0, -32.0), (34.5, -37.0), (33.5, -42.0)), {"mouthDimple": 1.0, "mouthSmile": 0.4, "mouthStretch": 0.4}, 1.8
    ),
    Fold(
        ((27.0, -41.0), (29.5, -49.0), (30.0, -60.0)),
        {"mouthFrown": 1.0, "mouthStretch": 0.4, "mouthPress": 0.3},
        1.8,
        0.2,
    ),
    # Between lower lip and chin, and the chin's own.
    Fold(
        ((-13.0, -58.0), (0.0, -56.5), (13.0, -58.0)),
        {"mouthShrugLower": 1.0, "mouthRollLower": 0.3},
        2.4,
        0.2,
        across=True,
    ),
    Fold(((3.0, -66.0), (5.0, -70.0), (3.5, -74.0)), {"mouthShrugLower": 0.35}, 1.2),
    Fold(((9.0, -64.0), (11.0, -68.0), (9.5, -72.0)), {"mouthShrugLower": 0.3}, 1.2),
    *_LIP_LINES,
)


def with_folds(rng: np.random.Generator, skin: SkinColours, expression: np.ndarray) -> SkinColours:
    """The same skin with the folds that the expression (M,) makes on a random person."""
    return replace(skin, folds=sample_folds(rng, expression))


def sample_folds(rng: np.random.Generator, expression: np.ndarray) -> np.ndarray:
    """A random person's map of folds (`fold_map`) under the expression (M,)."""
    smooth = rng.random() < _SMOOTH_SHARE
    ease = rng.uniform(0.0, _SMOOTH_MOST) if smooth else rng.uniform(_SMOOTH_MOST, 1.0)
    age = rng.uniform(0.0, 1.0) * ease
    drawn = []
    for fold in FOLDS:
        own = rng.uniform(0.3, 1.3)  # no two people fold alike
        for side in (0.0,) if fold.across else (1.0, -1.0):
            depth = ease * own * min(1.0, _pull(fold, expression, side)) + age * own * fold.always
            line = np.array(fold.line) + rng.normal(0.0, _PLACE_MM, 2)
            line += rng.normal(0.0, _BEND_MM, line.shape)
            line[:, 0] *= side or 1.0
            if depth > 0.03:
                drawn.append((min(depth, 1.0), line, fold.width_mm * rng.uniform(0.8, 1.3)))
    return fold_map.draw(drawn, rng.uniform(0.7, 1.3))


def _pull(fold: Fold, expression: np.ndarray, side: float) -> float:
    """How far the units fold a line on the subject's left (1), right (-1) or across the middle (0)."""
    total = 0.0
    for stem, weight in fold.units.items():
        if stem in INDEX:
            total += weight * expression[INDEX[stem]]
        elif side:
            total += weight * expression[INDEX[f"{stem}{'Left' if side > 0 else 'Right'}"]]
        else:
            total += weight * (expression[INDEX[f"{stem}Left"]] + expression[INDEX[f"{stem}Right"]]) / 2
    return float(total)
