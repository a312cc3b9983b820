"""What cameras, compression and things in the way do to a picture of a face. Labels stay as they are."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

PatchSource = Callable[[np.random.Generator], np.ndarray]


def augment(rng: np.random.Generator, picture: np.ndarray, patch: PatchSource | None = None) -> np.ndarray:
    """A worse version of the picture (S, S, 3) u8 RGB, same size. `patch(rng)` gives pictures to cover parts with."""
    if rng.random() < 0.30:
        picture = occlude(rng, picture, patch)
    if rng.random() < 0.15:
        picture = shade(rng, picture)
    out = colour(rng, picture)
    if rng.random() < 0.45:
        out = soften(rng, out)
    if rng.random() < 0.5:
        out = noise(rng, out)
    if rng.random() < 0.45:
        out = compress(rng, out)
    return np.ascontiguousarray(out)


def colour(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Gamma, contrast, brightness, colour cast, saturation, grey, low light; one table per channel."""
    levels = np.arange(256, dtype=np.float32) / 255.0
    table = np.repeat(levels[:, None], 3, 1)
    if rng.random() < 0.8:
        table **= np.exp(rng.normal(0, 0.22))
        table = (table - 0.5) * np.exp(rng.normal(0, 0.22)) + 0.5 + rng.normal(0, 0.08)
    if rng.random() < 0.5:
        table *= np.exp(rng.normal(0, 0.10, 3)).astype(np.float32)  # colour cast
    if rng.random() < 0.08:
        table = table * rng.uniform(0.15, 0.5)  # low light; the noise that belongs to it comes after
    table = np.clip(table * 255.0, 0, 255).astype(np.uint8)
    picture = cv2.LUT(picture, table[None])
    if rng.random() < 0.5:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None]
        amount = 0.0 if rng.random() < 0.16 else float(np.clip(rng.normal(1.0, 0.35), 0.0, 2.0))
        picture = cv2.addWeighted(picture, amount, np.repeat(grey, 3, 2), 1.0 - amount, 0.0)
    return picture


def shade(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """A shadow cast on the face: of an edge, of a thing beside the lamp, of a blind's slats or of leaves."""
    size = picture.shape[0]
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    kind = rng.choice(["edge", "blob", "slats", "leaves"], p=[0.45, 0.25, 0.15, 0.15])
    if kind == "edge":
        field = along - rng.normal(0, 0.15) + rng.uniform(0, 0.12) * np.sin(across * rng.uniform(4, 14))
    elif kind == "blob":
        centre, axes = rng.uniform(-0.35, 0.35, 2), rng.uniform(0.1, 0.4, 2)
        field = 1.0 - np.hypot((along - centre[0]) / axes[0], (across - centre[1]) / axes[1])
    elif kind == "slats":
        field = np.sin(along * rng.uniform(15, 50)) + rng.uniform(-0.5, 0.5)
    else:
        field = sum(np.sin(a * x + b * y + c) for a, b, c in rng.normal(0, [22, 22, 3], (4, 3)))
    mask = (np.asarray(field) > 0).astype(np.float32)
    mask = cv2.GaussianBlur(mask, (0, 0), float(np.exp(rng.uniform(np.log(0.5), np.log(7.0)))) * size / 256)
    dark = rng.uniform(0.2, 0.8) * (1.0 + rng.normal(0, 0.05, 3))  # sky light in the shadow has its own colour
    return (picture * (1.0 + mask[..., None] * (np.clip(dark, 0, 1) - 1.0))).astype(np.uint8)


def soften(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Out of focus, moved, or of low resolution."""
    size = picture.shape[0]
    unit = size / 128.0
    kind = rng.choice(["gauss", "motion", "small"], p=[0.3, 0.2, 0.5])
    if kind == "gauss":
        return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.6) * unit)
    if kind == "motion":
        length = max(2, int(rng.uniform(2, 8) * unit))
        kernel = np.zeros((length, length), np.float32)
        angle = rng.uniform(0, np.pi)
        middle = (length - 1) / 2
        end = middle * np.array([np.cos(angle), np.sin(angle)])
        start, stop = np.rint(middle - end).astype(int), np.rint(middle + end).astype(int)
        cv2.line(kernel, tuple(map(int, start)), tuple(map(int, stop)), 1.0)
        return cv2.filter2D(picture, -1, kernel / max(kernel.sum(), 1.0))
    small = int(rng.uniform(28, 100) * (1.0 if size <= 128 else rng.choice([1.0, unit])))
    ways = [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_NEAREST]
    way = ways[rng.choice(4, p=[0.45, 0.3, 0.2, 0.05])]
    little = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
    return cv2.resize(little, (size, size), interpolation=way)


def noise(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Sensor noise: grey or coloured, its grain a pixel or two."""
    size = picture.shape[0]
    strength = float(np.exp(rng.normal(np.log(5.0), 0.7)))
    grain = size if rng.random() < 0.6 else size // 2
    channels = 1 if rng.random() < 0.5 else 3
    # A table of numbers drawn once and shifted at random: drawing 50,000 normals a picture would cost a millisecond.
    field = _noise_table()
    y, x = rng.integers(0, field.shape[0] - grain, 2)
    field = field[y : y + grain, x : x + grain, :channels] * strength
    if grain != size:
        field = cv2.resize(field, (size, size), interpolation=cv2.INTER_LINEAR).reshape(size, size, channels)
    return np.clip(picture + field, 0, 255).astype(np.uint8)


_table: np.ndarray | None = None


def _noise_table() -> np.ndarray:
    global _table
    if _table is None:
        _table = np.random.default_rng(12345).standard_normal((600, 600, 3)).astype(np.float32)
    return _table


def compress(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """JPEG at a random quality."""
    quality = int(rng.uniform(12, 90))
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]


def occlude(rng: np.random.Generator, picture: np.ndarray, patch: PatchSource | None) -> np.ndarray:
    """Cover part of the picture with a plain shape, a finger-like bundle, a bar or a piece of another picture."""
    out = picture.copy()
    size = picture.shape[0]
    mask = np.zeros((size, size), np.uint8)
    kind = rng.choice(["ellipse", "rectangle", "hand", "bar"], p=[0.3, 0.25, 0.25, 0.2])
    # Centres lie mostly off the middle: hair, hands and microphones come in from the sides.
    angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 0.55) * size
    x, y = (size / 2 + reach * np.array([np.cos(angle), np.sin(angle)])).astype(int)
    if kind == "ellipse":
        axes = (rng.uniform(0.05, 0.25, 2) * size).astype(int)
        cv2.ellipse(mask, (int(x), int(y)), tuple(map(int, axes)), rng.uniform(0, 180), 0, 360, 255, -1)
    elif kind == "rectangle":
        box = ((float(x), float(y)), tuple(rng.uniform(0.08, 0.4, 2) * size), rng.uniform(0, 90))
        cv2.fillConvexPoly(mask, cv2.boxPoints(box).astype(np.int32), 255)
    elif kind == "hand":
        _fingers(rng, mask, (int(x), int(y)), angle)
    else:
        away = np.array([np.cos(angle), np.sin(angle)]) * size
        start = (int(x), int(y))
        stop = (int(x + away[0]), int(y + away[1]))
        width = max(2, int(rng.uniform(0.03, 0.1) * size))
        cv2.line(mask, start, stop, 255, width)
        cv2.circle(mask, start, int(width * rng.uniform(0.6, 1.6)), 255, -1)
    if patch is not None and kind in ("ellipse", "rectangle") and rng.random() < 0.5:
        cover = cv2.resize(patch(rng), (size, size), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    else:
        cover = _cover_colour(rng, size, picture, skin=kind == "hand")
    if rng.random() < 0.7:
        mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.4, 1.5) * size / 128)
    weight = mask[..., None].astype(np.float32) / 255.0
    return (out * (1 - weight) + cover * weight).astype(np.uint8)


def _fingers(rng: np.random.Generator, mask: np.ndarray, tip: tuple[int, int], angle: float) -> None:
    size = mask.shape[0]
    width = int(rng.uniform(0.05, 0.09) * size)
    side = np.array([-np.sin(angle), np.cos(angle)])
    away = np.array([np.cos(angle), np.sin(angle)])
    count = int(rng.integers(1, 5))
    for finger in range(count):
        start = np.array(tip) + side * (finger - (count - 1) / 2) * width * 1.15 + away * rng.uniform(0, 1.2) * width
        knuckle = start + (away + side * rng.normal(0, 0.15)) * size * 0.25
        for one, other in ((start, knuckle), (knuckle, knuckle + away * size * 0.4)):
            cv2.line(mask, tuple(map(int, one)), tuple(map(int, other)), 255, width)


def _cover_colour(rng: np.random.Generator, size: int, picture: np.ndarray, skin: bool) -> np.ndarray:
    """A shaded colour: of the face itself for a hand, anything otherwise."""
    if skin:
        third = size // 3
        base = picture[third : 2 * third, third : 2 * third].reshape(-1, 3).mean(0) * rng.uniform(0.7, 1.15)
    else:
        base = rng.uniform(0, 255, 3)
    corners = base + rng.normal(0, 18, (3, 3, 1)) + rng.normal(0, 6, (3, 3, 3))
    return cv2.resize(np.clip(corners, 0, 255).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
