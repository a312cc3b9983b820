"""Procedural skin: vertex colours and a noise texture, for heads without a portrait."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from train.data.head import default_head
from train.data.render.surface import default_surface

NOISE_TEXTURES = 32
HAIR_COLOURS = ((0.07, 0.05, 0.04), (0.22, 0.14, 0.09), (0.45, 0.30, 0.16), (0.72, 0.58, 0.38), (0.55, 0.54, 0.52))
HAIR_SHARES = (0.35, 0.3, 0.17, 0.1, 0.08)


def sample_noise_texture(rng: np.random.Generator, size: int = 256) -> np.ndarray:
    """(size, size, 3) u8 around 128: blotches and pores that multiply the skin's colour; one of a few, turned."""
    texture = _noise_texture(int(rng.integers(NOISE_TEXTURES)), size)
    return np.ascontiguousarray(np.rot90(texture, int(rng.integers(4))))


@lru_cache(maxsize=NOISE_TEXTURES)
def _noise_texture(number: int, size: int) -> np.ndarray:
    rng = np.random.default_rng(number)
    out = np.zeros((size, size, 3), np.float32)
    for cells, strength in ((6, 0.10), (24, 0.08), (96, 0.06), (256, 0.05)):
        coarse = rng.standard_normal((cells, cells, 3)).astype(np.float32)
        coarse = 0.6 * coarse.mean(2, keepdims=True) * 1.7 + 0.4 * coarse
        out += strength * rng.uniform(0.2, 1.2) * cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(128.0 * (1.0 + out), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Paint:
    """Colours (3,) 0..1 of skin, hair, lips; strengths 0..1 of brows, dark lid rims and beard; the hair line's height
    above the brows in mm (None: no hair), its slope towards the ears and its softness in mm."""

    tone: np.ndarray
    hair: np.ndarray
    lips: np.ndarray
    brows: float = 0.8
    lids: float = 0.6
    beard: float = 0.0
    hair_line_mm: float | None = 45.0
    hair_slope: float = 1.0
    hair_edge_mm: float = 5.0


def sample_skin_colours(rng: np.random.Generator) -> np.ndarray:
    """Vertex colours (n_skin, 3) f32 0..1 of a random skin."""
    light, dark = np.array([0.95, 0.76, 0.66]), np.array([0.24, 0.15, 0.11])
    tone = light + (dark - light) * rng.beta(1.0, 1.3) + rng.normal(0, 0.02, 3)
    hair = np.array(HAIR_COLOURS[rng.integers(len(HAIR_COLOURS))]) * rng.uniform(0.7, 1.2)
    lips = np.clip(tone * [1.0, rng.uniform(0.55, 0.85), rng.uniform(0.6, 0.9)] * rng.uniform(0.8, 1.05), 0, 1)
    if rng.random() < 0.12:
        lips = np.array([rng.uniform(0.4, 0.8), rng.uniform(0.05, 0.2), rng.uniform(0.1, 0.3)])
    paint = Paint(
        tone=tone,
        hair=hair,
        lips=lips,
        brows=rng.uniform(0.3, 0.95),
        lids=rng.uniform(0.2, 0.9),
        beard=rng.uniform(0.2, 0.9) if rng.random() < 0.25 else 0.0,
        hair_line_mm=rng.uniform(25.0, 60.0) if rng.random() < 0.85 else None,
        hair_slope=rng.uniform(0.6, 1.4),
        hair_edge_mm=rng.uniform(2.0, 12.0),
    )
    return paint_skin(paint)


def paint_skin(paint: Paint) -> np.ndarray:
    """Vertex colours (n_skin, 3) f32 0..1: skin, hair on the skull, lips, brows, lid rims, beard."""
    head, surface = default_head(), default_surface()
    skin = head.mean[head.parts["skin"]]
    colours = np.tile(paint.tone, (len(skin), 1))
    if paint.hair_line_mm is not None:
        # Above the brows and behind the ears, with a soft edge.
        marks = head.landmarks(head.mean)
        line = marks[17:27, 1].mean() + paint.hair_line_mm
        height = skin[:, 1] - line + paint.hair_slope * np.clip(marks[27, 2] - 45.0 - skin[:, 2], 0.0, None)
        colours = _blend(colours, paint.hair, np.clip(height / paint.hair_edge_mm + 0.5, 0.0, 1.0))
    colours = _blend(colours, paint.lips, surface.lips)
    colours = _blend(colours, paint.hair * 0.8 + 0.1 * paint.tone, surface.brows * paint.brows)
    colours = _blend(colours, paint.tone * 0.5, surface.lids * paint.lids)
    if paint.beard:
        colours = _blend(colours, 0.5 * paint.tone + 0.5 * paint.hair, beard_mask() * paint.beard)
    return np.clip(colours, 0.01, 1.0).astype(np.float32)


def beard_mask() -> np.ndarray:
    """(n_skin,) 0..1: the part of the lower face where a beard grows, lips left out."""
    head, surface = default_head(), default_surface()
    skin = head.mean[head.parts["skin"]]
    marks = head.landmarks(head.mean)
    below = np.clip((marks[33, 1] - 2.0 - skin[:, 1]) / 8.0, 0.0, 1.0)
    front = np.clip((skin[:, 2] - marks[[2, 14], 2].mean() - 8.0) / 8.0, 0.0, 1.0)
    return below * front * (1.0 - surface.lips)


def _blend(colours: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return colours + (target - colours) * mask[:, None]
