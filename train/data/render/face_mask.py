"""Masks over nose and mouth: cloth stretched from the nose's bridge to below the chin, with straps to the ears.

Some are moulded cups, as worn against dust: narrower, and they stand away from the face, so that in profile neither
nose nor chin shows in the outline.
"""

from __future__ import annotations

import numpy as np

from train.data.head import default_head
from train.data.render.face import Extra
from train.data.render.flat import flat_piece
from train.data.sampling import Pose

_ROWS, _COLUMNS = 11, 17
_STRETCH = 40  # rounds in which hollows between nose, cheeks and chin are bridged
_CUP_SHARE = 0.4
_CUP_DEPTH = (12.0, 32.0)  # mm before the cloth that touches nose and chin
_LINEN = np.array([[0.92, 0.93, 0.94], [0.55, 0.72, 0.85], [0.08, 0.08, 0.09]])  # white, surgical blue, black


def sample_face_mask(rng: np.random.Generator, vertices: np.ndarray, pose: Pose) -> list[Extra]:
    """A mask and its straps for the head `vertices` (V, 3) mm, whose jaw may be open."""
    head = default_head()
    marks = head.landmarks(vertices)
    cloth = _stretched(rng, vertices[: head.parts["skin"].stop], marks)  # (rows, columns, 3)
    colour = _LINEN[rng.integers(len(_LINEN))] if rng.random() < 0.7 else rng.uniform(0.05, 0.95, 3)
    pleats = rng.uniform(0.0, 0.15) * np.sin(np.linspace(0.0, rng.integers(2, 6) * np.pi, _ROWS)) ** 8
    pieces = [_sheet(cloth, np.clip(colour * (1.0 - pleats[:, None, None]), 0.0, 1.0), pose)]
    for end, ear in ((0, 0), (-1, 16)):
        side = np.sign(marks[ear, 0])
        hook = np.array([marks[ear, 0] + 3.0 * side, marks[ear, 1] - 5.0, marks[ear, 2] - 12.0])
        for row in (1, _ROWS - 3):
            strap = np.linspace(cloth[row, end], hook, 6) + np.array([1.5 * side, 0.0, 0.0])
            strap += _round_cheek(cloth[row, end], hook) * np.array([side, 0.0, 1.0])
            width = np.array([0.0, rng.uniform(1.5, 4.0), 0.0])
            pieces.append(_sheet(np.stack([strap, strap - width]), np.clip(colour * 1.05, 0.0, 1.0), pose))
    return pieces


def _round_cheek(start: np.ndarray, hook: np.ndarray) -> np.ndarray:
    """How far (6, 1) mm a strap must stand out sideways and forward, since the straight way leads through the cheek."""
    return 0.16 * np.linalg.norm(hook - start) * np.sin(np.linspace(0.0, np.pi, 6))[:, None]


def _stretched(rng: np.random.Generator, skin: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """The cloth (rows, columns, 3) mm from its upper edge down: over the skin, straight across what is hollow."""
    across = np.linspace(-1.0, 1.0, _COLUMNS)
    down = np.linspace(0.0, 1.0, _ROWS)[:, None]
    bridge = marks[27 + int(rng.integers(1, 3)), 1] - rng.uniform(0.0, 5.0)
    drop = rng.uniform(5.0, 20.0)  # how much lower the upper edge lies at its ends than on the nose
    upper = bridge - drop * across**2
    chin, jaw = marks[8, 1] - rng.uniform(0.0, 8.0), marks[[4, 12], 1].mean()
    lower = chin + (jaw - chin) * across**2
    cup = rng.random() < _CUP_SHARE
    wide = (rng.uniform(0.6, 0.78) if cup else rng.uniform(0.78, 0.92)) * np.abs(marks[[2, 14], 0]).mean()
    narrow = rng.uniform(0.9, 1.0) * np.abs(marks[[5, 11], 0]).mean()
    middle = marks[[27, 8], 0].mean()
    x = middle + across * (wide + (narrow - wide) * down**2)
    y = upper + (lower - upper) * down
    front = skin[skin[:, 2] > marks[[0, 16], 2].mean()]
    away = np.hypot(x[..., None] - front[:, 0], y[..., None] - front[:, 1])  # (rows, columns, front)
    # Of the skin within a few millimetres the foremost: behind the lips lies the mouth.
    near = away < np.maximum(6.0, away.min(2, keepdims=True) + 0.5)
    z = np.where(near, front[:, 2], -np.inf).max(2)
    for _ in range(_STRETCH):
        bridged = z.copy()
        bridged[1:-1] = np.maximum(bridged[1:-1], 0.5 * (z[:-2] + z[2:]))
        bridged[:, 1:-1] = np.maximum(bridged[:, 1:-1], 0.5 * (z[:, :-2] + z[:, 2:]))
        z = bridged
    if cup:
        form = np.sin(np.pi * down) ** rng.uniform(0.5, 1.2) * (1.0 - np.abs(across) ** rng.uniform(2.0, 4.0))
        bulge = rng.uniform(*_CUP_DEPTH) * form
    else:
        bulge = rng.uniform(0.0, 12.0) * np.sin(np.pi * down) * (1.0 - across**2)
    return np.stack([x, y, z + rng.uniform(1.5, 4.0) + bulge], axis=2)


def _sheet(places: np.ndarray, colours: np.ndarray, pose: Pose) -> Extra:
    """A sheet (rows, columns, 3) mm with colours (rows, columns, 3), or one for all, seen from both sides."""
    rows, columns = places.shape[:2]
    number = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]
    front = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, c, b), (b, c, d))])
    normals = np.cross(np.gradient(places, axis=1), -np.gradient(places, axis=0)).reshape(-1, 3)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    colours = np.broadcast_to(colours, places.shape).reshape(-1, 3)
    both = np.concatenate([front, front[:, ::-1]])
    return flat_piece(places.reshape(-1, 3), both, normals @ pose.rotation.T, colours, pose)
