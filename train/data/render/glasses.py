"""Spectacles on a rendered head: frames as bands around the eyes, at times with dark lenses."""

from __future__ import annotations

import numpy as np

from train.data import camera
from train.data.head import default_head
from train.data.render import shaders
from train.data.render.face import Extra
from train.data.sampling import Pose

RIM_POINTS = 20


def sample_glasses(rng: np.random.Generator, vertices: np.ndarray, pose: Pose) -> tuple[list[Extra], bool]:
    """Random spectacles for the head `vertices` (V, 3) mm; returns their geometry and whether the lenses are opaque.

    Frames are measured on the head itself: centred on its eyes, in front of its nose bridge, arms towards its ears.
    """
    marks = default_head().landmarks(vertices)
    right, left = marks[36:42].mean(0), marks[42:48].mean(0)
    span = float(left[0] - right[0])
    wide, high = span * rng.uniform(0.36, 0.46), span * rng.uniform(0.22, 0.42)
    power = rng.uniform(2.0, 5.0)  # 2: an ellipse, more: towards a rectangle
    front = max(float(marks[27, 2]), float(right[2]) + 8.0) + rng.uniform(1.0, 5.0)
    drop = rng.uniform(-2.0, 6.0)
    dark = rng.random() < 0.25
    tint = rng.uniform(0.0, 0.25, 3) if dark or rng.random() < 0.6 else rng.uniform(0.1, 0.8, 3)
    thick = rng.uniform(0.7, 3.0)
    pieces: list[Extra] = []
    angle = np.linspace(0.0, 2 * np.pi, RIM_POINTS, endpoint=False)
    circle = np.column_stack([np.sign(f) * np.abs(f) ** (2 / power) for f in (np.cos(angle), np.sin(angle))])
    for centre, side in ((right, -1.0), (left, 1.0)):
        middle = np.array([centre[0] + side * 0.02 * span, centre[1] - drop, front], np.float32)
        rim = np.zeros((RIM_POINTS, 3), np.float32)
        rim[:, 0], rim[:, 1] = circle[:, 0] * wide, circle[:, 1] * high
        rim[:, 2] = -0.10 * np.abs(rim[:, 0])  # lenses follow the face's curve a little
        pieces.append(_band(middle + rim, middle + rim * (1.0 + thick / wide), tint, pose, closed=True))
        if dark:
            pieces.append(_fan(middle, middle + rim, rng.uniform(0.01, 0.12, 3), pose))
        hinge = middle + np.array([side * wide, 0.5 * high, -0.10 * wide], np.float32)
        ear = np.array([side * abs(float(marks[16 if side > 0 else 0, 0])), hinge[1], -35.0], np.float32)
        arm = np.linspace(hinge, ear, 5).astype(np.float32)
        pieces.append(_band(arm, arm - np.array([0.0, 1.5 * thick, 0.0], np.float32), tint, pose, closed=False))
    inner = np.array(
        [[s * (span / 2 - wide), right[1] - drop + 0.3 * high, front] for s in (-1.0, 0.0, 1.0)], np.float32
    )
    pieces.append(_band(inner, inner + np.array([0.0, thick, 0.5], np.float32), tint, pose, closed=False))
    return pieces, dark


def _band(one: np.ndarray, other: np.ndarray, colour: np.ndarray, pose: Pose, closed: bool) -> Extra:
    """A strip between two lines (n, 3) mm."""
    count = len(one)
    here = np.arange(count if closed else count - 1)
    there = (here + 1) % count
    triangles = np.concatenate(
        (np.column_stack((here, there, here + count)), np.column_stack((there, there + count, here + count)))
    )
    return _piece(np.concatenate((one, other)), triangles, colour, pose)


def _fan(middle: np.ndarray, rim: np.ndarray, colour: np.ndarray, pose: Pose) -> Extra:
    """A disc."""
    here = np.arange(len(rim))
    triangles = np.column_stack((np.full(len(rim), len(rim)), here, (here + 1) % len(rim)))
    return _piece(np.concatenate((rim, middle[None])), triangles, colour, pose)


def _piece(points: np.ndarray, triangles: np.ndarray, colour: np.ndarray, pose: Pose) -> Extra:
    positions = camera.project(points, pose.rotation, pose.scale, pose.translation, pose.distance_mm)
    attributes = np.zeros((len(points), shaders.FLOATS_PER_VERTEX - 3), np.float32)
    attributes[:, 0:3] = pose.rotation[:, 2] * 0.7 + np.array([0.0, 0.0, 0.5])
    attributes[:, 8:11] = colour
    attributes[:, 11] = 1.0
    return Extra(shaders.FLAT, positions.astype(np.float32), triangles.astype(np.int32), attributes)
