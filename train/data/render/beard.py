"""Beards painted on the skin: moustache, goatee or full, from stubble to dense."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from train.data.head import default_head
from train.data.render.face import SkinColours
from train.data.render.paint import HAIR_COLOURS, HAIR_SHARES

_SOFT_MM = 5.0  # over which a beard's edge fades
_GOATEE_MM = 24.0  # half its width


def with_beard(rng: np.random.Generator, skin: SkinColours) -> SkinColours:
    """The same skin with a random beard over it."""
    cover, colour = _sample_beard(rng)  # (n_skin,), (n_skin, 3)
    if skin.colours is not None:
        return replace(skin, colours=_mixed(skin.colours, colour, cover))
    if skin.fill is None or skin.fill_weight is None:
        return replace(skin, fill=colour, fill_weight=cover)
    kept = (1.0 - cover) * skin.fill_weight
    weight = kept + cover
    fill = (kept[:, None] * skin.fill + cover[:, None] * colour) / np.maximum(weight, 1e-6)[:, None]
    return replace(skin, fill=fill.astype(np.float32), fill_weight=weight.astype(np.float32))


def _sample_beard(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """How much of each skin vertex is hair (n_skin,) f32 0..1, and its colour (n_skin, 3) f32."""
    skin, zone, below_mouth = _zone()
    style = rng.choice(["full", "moustache", "goatee"], p=[0.6, 0.2, 0.2])
    cover = zone.copy()
    if style == "moustache":
        cover = cover * (1.0 - below_mouth)
    elif style == "goatee":
        cover = cover * np.clip((_GOATEE_MM - np.abs(skin[:, 0])) / _SOFT_MM, 0.0, 1.0)
    grain = rng.normal(0.0, 1.0, len(skin))
    patches = np.sin(skin @ rng.normal(0, 1 / 9.0, 3) + rng.uniform(0, 6))
    dense = rng.choice([rng.uniform(0.2, 0.5), rng.uniform(0.5, 0.97)])
    cover = np.clip(cover * (dense + 0.12 * grain + 0.10 * patches), 0.0, 1.0)
    colour = np.array(HAIR_COLOURS[rng.choice(len(HAIR_COLOURS), p=HAIR_SHARES)]) * rng.uniform(0.5, 1.1)
    colours = np.clip(colour * (1.0 + 0.25 * grain[:, None]), 0.0, 1.0)
    return cover.astype(np.float32), colours.astype(np.float32)


@lru_cache(maxsize=1)
def _zone() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Skin vertices (n, 3) mm of the mean head; how far each lies where beards grow (n,) 0..1; below the mouth (n,)."""
    head = default_head()
    skin = head.mean[head.parts["skin"]]
    marks = head.landmarks(head.mean)
    nose, mouth = float(marks[33, 1]), float(marks[48:60, 1].mean())
    chin, corner = float(marks[8, 1]), float(np.abs(marks[[48, 54], 0]).mean())
    across = np.abs(skin[:, 0])
    # The upper edge: under the nose, down the smile fold to the mouth's corner, then up in front of the ears.
    edge = np.interp(across, [0.0, 0.7 * corner, 1.5 * corner, 70.0, 80.0], [nose, nose, mouth, nose, nose + 40.0])
    inside = np.minimum(edge - skin[:, 1], skin[:, 1] - (chin - 30.0))
    inside = np.minimum(inside, skin[:, 2] + 45.0)
    # Lips stay free: an ellipse about them, in the plane of the face.
    lips_high = 0.5 * float(np.ptp(marks[48:60, 1]))
    lips = np.hypot(skin[:, 0] / (1.05 * corner), (skin[:, 1] - mouth) / (1.15 * lips_high)) - 1.0
    inside = np.where(skin[:, 2] > 0.0, np.minimum(inside, lips_high * lips), inside)
    below = np.clip((mouth - skin[:, 1]) / _SOFT_MM, 0.0, 1.0)
    return skin, np.clip(inside / _SOFT_MM, 0.0, 1.0), below


def _mixed(one: np.ndarray, other: np.ndarray, share: np.ndarray) -> np.ndarray:
    return (one + share[:, None] * (other - one)).astype(np.float32)
