"""Neck, shoulders and collar under a rendered head: a lathed shape that stays upright while the head turns."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mmface_core.conventions import euler_to_rotation, rotation_to_euler
from train.data.render.face import Extra
from train.data.render.flat import flat_piece
from train.data.sampling import Pose

PIVOT_MM = np.array([0.0, -80.0, -58.0], np.float32)  # about the head's joint with the neck
SIDES = 28
# Height below the pivot, half width, half depth, depth of the centre, of each ring in mm; 1 where cloth begins.
RINGS = np.array(
    [
        (12.0, 49.0, 34.0, 0.0, 0.0),
        (-12.0, 51.5, 37.0, 0.0, 0.0),
        (-45.0, 54.0, 43.0, 0.0, 0.0),
        (-62.0, 62.0, 52.0, -2.0, 0.0),
        (-64.0, 66.0, 56.0, -2.0, 1.0),
        (-76.0, 100.0, 70.0, -4.0, 1.0),
        (-92.0, 155.0, 86.0, -6.0, 1.0),
        (-120.0, 194.0, 100.0, -8.0, 1.0),
        (-170.0, 210.0, 110.0, -8.0, 1.0),
        (-350.0, 216.0, 118.0, -8.0, 1.0),
    ],
    np.float32,
)


def make_body(pose: Pose, skin: np.ndarray, cloth: np.ndarray, follow: float = 0.3, width: float = 1.0) -> Extra:
    """The body below a head.

    skin, cloth (3,) colours 0..1; follow 0..1, how much of the head's turn the shoulders take; width scales it.
    """
    points, normals, clothed, triangles = _lathe()
    points = points * np.array([width, 1.0, width], np.float32)
    yaw, pitch, roll = (float(angle) for angle in rotation_to_euler(pose.rotation))
    turn = euler_to_rotation(follow * yaw, 0.15 * pitch, 0.25 * roll).astype(np.float32)
    placed = points @ turn.T + PIVOT_MM @ pose.rotation.T.astype(np.float32)  # camera frame, mm
    back = placed @ pose.rotation.astype(np.float32)  # into the head frame, because `project` starts there
    colours = skin + (cloth - skin) * clothed[:, None]
    # The chin's shadow on the front of the neck.
    shadow = 0.35 * np.exp(-((points[:, 1] + 15.0) ** 2) / 1200.0) * (normals[:, 2] > 0)
    return flat_piece(back, triangles, normals @ turn.T, colours, pose, 1.0 - shadow)


def sample_body(rng: np.random.Generator, pose: Pose, skin: np.ndarray) -> Extra:
    """A body with random clothes for a head whose neck has the colour `skin` (3,) 0..1."""
    cloth = rng.uniform(0.02, 0.95, 3) if rng.random() < 0.5 else np.full(3, rng.uniform(0.03, 0.9))
    return make_body(pose, skin, cloth, rng.uniform(0.0, 0.7), rng.uniform(0.85, 1.15))


@lru_cache(maxsize=1)
def _lathe() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points (n, 3) mm about the pivot, outward normals (n, 3), cloth mask (n,), triangles (m, 3)."""
    angle = np.linspace(0.0, 2 * np.pi, SIDES, endpoint=False)
    height, wide, deep, centre, cloth = RINGS.T
    x = wide[:, None] * np.sin(angle)
    z = centre[:, None] + deep[:, None] * np.cos(angle)
    y = np.repeat(height[:, None], SIDES, 1)
    points = np.stack((x, y, z), -1)
    along = np.gradient(points, axis=0)
    around = np.roll(points, -1, 1) - np.roll(points, 1, 1)
    normals = np.cross(around, along)
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-6)
    outwards = np.sign((normals * np.stack((np.sin(angle), 0 * angle, np.cos(angle)), -1)).sum(-1, keepdims=True))
    rows = np.arange(len(RINGS) - 1)[:, None] * SIDES
    here, there = np.arange(SIDES), (np.arange(SIDES) + 1) % SIDES
    a, b, c, d = (
        (rows + here).ravel(),
        (rows + there).ravel(),
        (rows + SIDES + here).ravel(),
        (rows + SIDES + there).ravel(),
    )
    triangles = np.concatenate((np.column_stack((a, c, b)), np.column_stack((b, c, d)))).astype(np.int32)
    flat = (normals * outwards).reshape(-1, 3)
    return points.reshape(-1, 3).astype(np.float32), flat.astype(np.float32), np.repeat(cloth, SIDES), triangles
