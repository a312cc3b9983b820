"""The portrait's own hair, neck and room behind a re-posed head: a curved sheet turned in 3D with it.

This is "face profiling" as 300W-LP did it: the picture becomes a sheet that passes through the head at the depth of
the ears, and turns with the head. Where the head's shape changes, the sheet gives way around it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from train.data import camera
from train.data.head import default_head
from train.data.render import shaders
from train.data.render.face import Extra
from train.data.sampling import Pose

CELLS = 20
OVERHANG = 0.5  # how far the sheet goes on beyond the picture on each side, as a share of it, with the edge's colours
EAR_DEPTH_MM = -18.0
GIVE_MM = 30.0  # how far around the head the sheet follows a change of its shape


def make_backdrop(
    fitted: np.ndarray,
    rotation: np.ndarray,
    scale: float,
    translation: np.ndarray,
    vertices: np.ndarray,
    pose: Pose,
    size: int = 256,
) -> Extra:
    """The sheet behind a new head.

    fitted (V, 3) mm, rotation, scale, translation: the head as fitted to the portrait of `size` px;
    vertices (V, 3) mm and pose: the head that is drawn.
    """
    uv, triangles = _grid()
    pixels = uv * size - 0.5
    flat = np.empty((len(pixels), 3), np.float32)
    flat[:, 0] = (pixels[:, 0] - translation[0]) / scale
    flat[:, 1] = (translation[1] - pixels[:, 1]) / scale
    away = np.linalg.norm(flat[:, :2], axis=1)
    # Hair lies around the ears' depth, the room further back.
    flat[:, 2] = EAR_DEPTH_MM - 0.35 * np.clip(away - 90.0, 0.0, None)
    sheet = flat @ rotation.astype(np.float32)  # camera to head frame: R^T applied to rows
    sheet += _give(sheet, fitted, vertices)
    positions = camera.project(sheet, pose.rotation, pose.scale, pose.translation, pose.distance_mm)
    # Behind everything of the head, whatever its own depth: only what the head leaves free shows it.
    positions[:, 2] = np.clip(positions[:, 2], -900.0, 400.0) * 0.05 - 800.0
    attributes = np.zeros((len(uv), shaders.FLOATS_PER_VERTEX - 3), np.float32)
    attributes[:, 2] = 1.0  # normal towards the camera
    attributes[:, 3:5] = np.clip(uv, 0.5 / size, 1.0 - 0.5 / size)
    attributes[:, 11] = 1.0
    return Extra(shaders.BACKDROP, positions, triangles, attributes)


def _give(sheet: np.ndarray, fitted: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Displacement (n, 3) of the sheet's points: that of the skull nearby, fading with the distance from it."""
    anchors = _anchors()
    places = fitted[anchors]
    squared = (sheet**2).sum(1)[:, None] + (places**2).sum(1)[None] - 2.0 * (sheet @ places.T)
    near = np.exp(squared / (-2 * GIVE_MM**2))
    return (near @ (vertices[anchors] - places)) / np.maximum(near.sum(1, keepdims=True), 0.15)


@lru_cache(maxsize=1)
def _anchors() -> np.ndarray:
    """Skin vertices of skull, cheeks and jaw, thinned; not the lips, lids and brows, which move by themselves."""
    head = default_head()
    skin = head.mean[head.parts["skin"]]
    return np.flatnonzero((skin[:, 2] < 25.0) & (skin[:, 2] > -70.0))[::16]


@lru_cache(maxsize=1)
def _grid() -> tuple[np.ndarray, np.ndarray]:
    """Texture coordinates ((CELLS + 1)^2, 2), beyond 0..1 at the edges, and triangles."""
    inner = np.linspace(0.0, 1.0, CELLS - 1)
    line = np.concatenate(([-OVERHANG], inner, [1.0 + OVERHANG]))
    u, v = np.meshgrid(line, line)
    uv = np.column_stack((u.ravel(), v.ravel())).astype(np.float32)
    side = CELLS + 1
    corner = (np.arange(CELLS)[:, None] * side + np.arange(CELLS)).ravel()
    upper = np.column_stack((corner, corner + 1, corner + side))
    lower = np.column_stack((corner + 1, corner + side + 1, corner + side))
    return uv, np.concatenate((upper, lower)).astype(np.int32)
