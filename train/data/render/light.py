"""Random light and eye colours: the uniforms of the fragment shader."""

from __future__ import annotations

import numpy as np

IRIS_COLOURS = (  # brown, hazel, dark, grey, blue, green
    (0.20, 0.11, 0.05),
    (0.33, 0.20, 0.10),
    (0.12, 0.07, 0.04),
    (0.36, 0.42, 0.46),
    (0.26, 0.36, 0.46),
    (0.32, 0.36, 0.22),
)
IRIS_SHARES = (0.3, 0.2, 0.2, 0.12, 0.1, 0.08)


def sample_light(rng: np.random.Generator, relight: float = 1.0) -> dict[str, object]:
    """Light uniforms. `relight` 0..1 scales how far it departs from even light (portraits bring light of their own)."""
    tint = 1.0 + rng.normal(0, 0.05, 3)
    hemisphere = _direction(rng, [0, 0.5, 0.3], 0.7)
    lamp = _direction(rng, [0, 0.3, 0.8], 0.7)
    lamp_strength = relight * rng.choice([rng.uniform(0.0, 0.35), rng.uniform(0.3, 1.3)], p=[0.6, 0.4])
    slope = relight * rng.uniform(0.0, 0.45)
    wrap = rng.uniform(0.0, 0.6)
    lamp_colour = lamp_strength * (1.0 + rng.normal(0, 0.10, 3))
    # Exposure such that a surface facing the camera comes out about as bright as in the portrait.
    facing = 1.0 + slope * hemisphere[2] + lamp_strength * max(0.0, (lamp[2] + wrap) / (1.0 + wrap))
    exposure = rng.uniform(0.8, 1.15) / max(facing, 0.5)
    gloss = rng.choice([0.0, rng.uniform(0.0, 0.35)], p=[0.4, 0.6])
    return {
        "ambient": tuple(exposure * tint),
        "hemisphere": (*hemisphere, slope),
        "lamp": (*lamp, wrap),
        "lamp_colour": tuple(np.maximum(exposure * lamp_colour, 0.0)),
        "gloss": (gloss, rng.uniform(8.0, 45.0)),
        "fold_strength": (rng.uniform(0.05, 0.45), rng.uniform(0.2, 1.1)),
    }


def sample_eyes(rng: np.random.Generator) -> dict[str, object]:
    """Eye uniforms: colours of iris and white, iris and pupil size, the lids' shadow, the cornea's reflection."""
    iris = np.array(IRIS_COLOURS[rng.choice(len(IRIS_COLOURS), p=IRIS_SHARES)]) * rng.uniform(0.7, 1.3)
    iris_angle = np.radians(rng.uniform(25.0, 31.0))
    pupil_angle = iris_angle * rng.uniform(0.25, 0.6)
    # Never as white as paper: lids, lashes and the ball's own curve keep light from it, and glowing eyes look rendered.
    white = rng.uniform(0.48, 0.85) * np.array([1.0, rng.uniform(0.92, 0.99), rng.uniform(0.88, 0.98)])
    return {
        "iris_colour": tuple(np.clip(iris + rng.normal(0, 0.03, 3), 0.01, 1.0)),
        "iris_shape": (np.cos(iris_angle), np.cos(pupil_angle), rng.uniform(0.3, 0.9), rng.uniform(0.0, 9.0)),
        "sclera": (*white, rng.uniform(0.25, 0.7)),
        "glint": tuple(_direction(rng, [0.0, 0.35, 0.9], 0.25)),
        "glint_strength": rng.choice([0.0, rng.uniform(0.3, 1.0)], p=[0.25, 0.75]),
    }


def _direction(rng: np.random.Generator, towards: list[float], spread: float) -> np.ndarray:
    vector = np.array(towards) + rng.normal(0, spread, 3)
    return vector / max(np.linalg.norm(vector), 1e-6)
