"""What stands behind a rendered head: blurred pieces of other portraits, gradients, noise, flat colours."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np


def sample_background(
    rng: np.random.Generator, size: int, portrait: Callable[[np.random.Generator], np.ndarray] | None
) -> np.ndarray:
    """A background (size, size, 3) u8. `portrait(rng)` gives a random picture to take pieces of, where there is one."""
    blur = rng.uniform(0.6, 6.0) if rng.random() < 0.5 else 0.0  # px at 128
    # What will be blurred is made small: the same picture for a fraction of the time.
    shrink = 4 if blur > 2.5 else 1
    out = _sharp_background(rng, size // shrink, portrait)
    if blur:
        out = cv2.GaussianBlur(out, (0, 0), blur * size / 128 / shrink)
    return out if shrink == 1 else cv2.resize(out, (size, size), interpolation=cv2.INTER_LINEAR)


def _sharp_background(
    rng: np.random.Generator, size: int, portrait: Callable[[np.random.Generator], np.ndarray] | None
) -> np.ndarray:
    kinds = ["piece", "gradient", "blocks", "flat"]
    kind = rng.choice(kinds, p=[0.6, 0.15, 0.15, 0.1] if portrait else [0.0, 0.4, 0.4, 0.2])
    if kind == "piece" and portrait is not None:
        out = _piece(rng, size, portrait(rng))
    elif kind == "gradient":
        corners = rng.uniform(0, 255, (2, 2, 3)).astype(np.float32)
        out = cv2.resize(corners, (size, size), interpolation=cv2.INTER_LINEAR)
    elif kind == "blocks":
        cells = int(rng.integers(3, 24))
        coarse = rng.normal(rng.uniform(40, 210, 3), rng.uniform(10, 60), (cells, cells, 3)).astype(np.float32)
        way = cv2.INTER_NEAREST if rng.random() < 0.4 else cv2.INTER_CUBIC
        out = cv2.resize(coarse, (size, size), interpolation=way)
    else:
        out = np.broadcast_to(rng.uniform(0, 255, 3).astype(np.float32), (size, size, 3)).copy()
    return np.clip(out, 0, 255).astype(np.uint8)


def _piece(rng: np.random.Generator, size: int, picture: np.ndarray) -> np.ndarray:
    """A corner of the picture, enlarged; mostly corners because the middle shows another face."""
    side = picture.shape[0]
    window = int(side * rng.uniform(0.25, 0.6))
    high = side - window
    x = int(rng.choice([0, high])) if rng.random() < 0.8 else int(rng.integers(0, high + 1))
    y = int(rng.integers(0, high + 1))
    piece = cv2.resize(picture[y : y + window, x : x + window], (size, size), interpolation=cv2.INTER_LINEAR)
    return piece[:, ::-1] if rng.random() < 0.5 else piece
