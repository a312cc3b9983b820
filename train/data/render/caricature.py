"""Heads as cartoons have them: large eyes, a small nose and mouth, a narrow chin, flat skin.

Real faces never look so, but the rigs that artists bring do, and the face has to be found on those, too.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from train.data.head import default_head
from train.data.render.face import SkinColours

_EYE_REACH_MM, _NOSE_REACH_MM, _MOUTH_REACH_MM = 22.0, 16.0, 24.0  # standard deviations of what moves along
_MOST_LARGER = 1.3  # eyes, beyond their size; from 2.2 on skin would fold over
_CHIN_MM, _SKULL_MM = 100.0, 120.0  # from the eyes down and up
_IRIS_DEG = (28.0, 46.0)  # half angles in the eyeball


def caricatured(rng: np.random.Generator, vertices: np.ndarray) -> np.ndarray:
    """The head (V, 3) mm with a random cartoon's proportions: a warp of space, so that all parts still fit together."""
    marks = default_head().landmarks(vertices)
    eyes = marks[36:42].mean(0), marks[42:48].mean(0)
    larger = rng.uniform(0.15, _MOST_LARGER) * np.array([1.0, rng.uniform(0.8, 1.2), 0.3])  # wide, high and deep
    out = vertices + sum(_swelling(vertices, eye, larger, _EYE_REACH_MM) for eye in eyes)
    out += _swelling(out, marks[30], np.full(3, rng.uniform(-0.6, 0.1)), _NOSE_REACH_MM)
    smaller = rng.uniform(-0.4, 0.15) * np.array([1.0, 0.5, 0.3])
    out += _swelling(out, marks[48:60].mean(0), smaller, _MOUTH_REACH_MM)
    eye_line = (eyes[0][1] + eyes[1][1]) / 2
    down = np.clip((eye_line - out[:, 1]) / _CHIN_MM, 0.0, 1.5)
    up = np.clip((out[:, 1] - eye_line) / _SKULL_MM, 0.0, 1.5)
    out[:, 0] *= 1.0 - rng.uniform(-0.05, 0.4) * down**1.5 + rng.uniform(-0.05, 0.2) * up
    out[:, 1] += rng.uniform(0.0, 0.25) * down * _CHIN_MM / 2 + rng.uniform(0.0, 0.3) * up * _SKULL_MM / 2
    return out.astype(np.float32)


def flat_skin(rng: np.random.Generator, skin: SkinColours) -> SkinColours:
    """The same skin with little detail: blotches and pores gone, what is left in a few shades."""
    smooth = cv2.medianBlur(skin.texture, 2 * int(rng.integers(2, 7)) + 1)
    step = int(rng.choice([1, 16, 32]))
    return replace(skin, texture=(smooth // step * step + step // 2).astype(np.uint8), folds=None)


def large_irises(rng: np.random.Generator, uniforms: dict[str, object]) -> dict[str, object]:
    """The eyes' uniforms with irises that fill more of the ball, in any colour."""
    iris = np.radians(rng.uniform(*_IRIS_DEG))
    pupil = iris * rng.uniform(0.15, 0.6)
    shape = (np.cos(iris), np.cos(pupil), rng.uniform(0.3, 0.9), rng.uniform(0.0, 9.0))
    return uniforms | {"iris_colour": tuple(rng.uniform(0.02, 0.9, 3)), "iris_shape": shape}


def _swelling(points: np.ndarray, centre: np.ndarray, more: np.ndarray, reach_mm: float) -> np.ndarray:
    """How far points (n, 3) move when what is around a centre grows by `more` (3,) along the axes, fading sideways over
    `reach_mm`."""
    offset = points - centre
    near = np.exp(-(offset[:, :2] ** 2).sum(1) / (2 * reach_mm**2))
    return offset * more * near[:, None]
