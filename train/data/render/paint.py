"""Procedural skin: vertex colours and a noise texture, for heads without a portrait."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from train.data.head import default_head
from train.data.render.surface import default_surface

NOISE_TEXTURES = 32


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


def sample_skin_colours(rng: np.random.Generator) -> np.ndarray:
    """Vertex colours (n_skin, 3) f32 0..1: a skin tone, hair on the skull, lips, brows, lids, red cheeks."""
    head, surface = default_head(), default_surface()
    skin = head.mean[head.parts["skin"]]
    light, dark = np.array([0.95, 0.76, 0.66]), np.array([0.24, 0.15, 0.11])
    tone = light + (dark - light) * rng.beta(1.0, 1.3) + rng.normal(0, 0.02, 3)
    colours = np.tile(tone, (len(skin), 1))
    hair = _hair_colour(rng)
    if rng.random() < 0.85:
        # Hair line: above the brows and behind the ears, at a random height, with a soft edge.
        marks = head.landmarks(head.mean)
        line = marks[17:27, 1].mean() + rng.uniform(25.0, 60.0)
        slope = rng.uniform(0.6, 1.4)
        height = skin[:, 1] - line + slope * np.clip(marks[27, 2] - 45.0 - skin[:, 2], 0.0, None)
        mask = np.clip(height / rng.uniform(2.0, 12.0) + 0.5, 0.0, 1.0)[:, None]
        colours = colours * (1 - mask) + hair * mask
    lips = np.clip(tone * [1.0, rng.uniform(0.55, 0.85), rng.uniform(0.6, 0.9)] * rng.uniform(0.8, 1.05), 0, 1)
    if rng.random() < 0.12:
        lips = np.array([rng.uniform(0.4, 0.8), rng.uniform(0.05, 0.2), rng.uniform(0.1, 0.3)])
    colours = _blend(colours, lips, surface.lips)
    colours = _blend(colours, hair * 0.8 + 0.1 * tone, surface.brows * rng.uniform(0.3, 0.95))
    colours = _blend(colours, tone * rng.uniform(0.3, 0.8), surface.lids * rng.uniform(0.2, 0.9))
    if rng.random() < 0.25:
        colours = _blend(colours, 0.5 * tone + 0.5 * hair, beard_mask() * rng.uniform(0.2, 0.9))
    return np.clip(colours, 0.01, 1.0).astype(np.float32)


def beard_mask() -> np.ndarray:
    """(n_skin,) 0..1: the part of the lower face where a beard grows, lips left out."""
    head, surface = default_head(), default_surface()
    skin = head.mean[head.parts["skin"]]
    marks = head.landmarks(head.mean)
    below = np.clip((marks[33, 1] - 2.0 - skin[:, 1]) / 8.0, 0.0, 1.0)
    front = np.clip((skin[:, 2] - marks[[2, 14], 2].mean() - 8.0) / 8.0, 0.0, 1.0)
    return below * front * (1.0 - surface.lips)


def _hair_colour(rng: np.random.Generator) -> np.ndarray:
    palette = [(0.07, 0.05, 0.04), (0.22, 0.14, 0.09), (0.45, 0.30, 0.16), (0.72, 0.58, 0.38), (0.55, 0.54, 0.52)]
    return np.array(palette[rng.integers(len(palette))]) * rng.uniform(0.7, 1.2)


def _blend(colours: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return colours + (target - colours) * mask[:, None]
