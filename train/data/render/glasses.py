"""Spectacles on a rendered head: frames as bands around the eyes, with clear, reflecting, tinted or dark lenses."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mmface_core.conventions import CROP_SIZE
from train.data import camera
from train.data.head import default_head
from train.data.render.face import Extra
from train.data.render.flat import flat_piece
from train.data.sampling import Pose

RIM_POINTS = 20
_FAR_LENS = 0.5  # cosine of the yaw beyond which a lens cannot be laid over the picture: the nose hides part of it


@dataclass(frozen=True)
class Glasses:
    """Spectacles: their geometry; the lenses' outlines (2, n, 2) px of the 256 crop; how much of the eyes they hide,
    0..1."""

    pieces: list[Extra]
    lenses: np.ndarray
    hides: float


def sample_glasses(rng: np.random.Generator, vertices: np.ndarray, pose: Pose) -> Glasses:
    """Random spectacles for the head `vertices` (V, 3) mm.

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
    outlines = []
    angle = np.linspace(0.0, 2 * np.pi, RIM_POINTS, endpoint=False)
    circle = np.column_stack([np.sign(f) * np.abs(f) ** (2 / power) for f in (np.cos(angle), np.sin(angle))])
    for centre, side in ((right, -1.0), (left, 1.0)):
        middle = np.array([centre[0] + side * 0.02 * span, centre[1] - drop, front], np.float32)
        rim = np.zeros((RIM_POINTS, 3), np.float32)
        rim[:, 0], rim[:, 1] = circle[:, 0] * wide, circle[:, 1] * high
        rim[:, 2] = -0.10 * np.abs(rim[:, 0])  # lenses follow the face's curve a little
        pieces.append(_band(middle + rim, middle + rim * (1.0 + thick / wide), tint, pose, closed=True))
        outlines.append(camera.project(middle + rim, pose.rotation, pose.scale, pose.translation, pose.distance_mm))
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
    lensed = not dark and pose.rotation[2, 2] > _FAR_LENS and rng.random() < 0.5
    hides = 1.0 if dark else float(rng.uniform(0.1, 0.75)) if lensed else 0.0
    return Glasses(pieces, np.stack(outlines)[..., :2], hides)


def lay_lenses(rng: np.random.Generator, picture: np.ndarray, glasses: Glasses) -> np.ndarray:
    """The picture (S, S, 3) u8 seen through tinted or reflecting lenses."""
    size = picture.shape[0]
    mask = np.zeros((size, size), np.uint8)
    outlines = (glasses.lenses + 0.5) * size / CROP_SIZE - 0.5
    cv2.fillPoly(mask, list(np.rint(outlines).astype(np.int32)), 255)
    y, x = np.mgrid[0:size, 0:size] / size
    angle = rng.uniform(0, 2 * np.pi)
    slant = np.cos(angle) * x + np.sin(angle) * y
    if rng.random() < 0.5:  # a tint, darker on one side
        strength = glasses.hides * np.clip(1.0 + rng.uniform(0, 1.5) * (slant - slant.mean()), 0.0, 1.0)
        cover = rng.uniform(0.0, 90.0, 3)
    else:  # windows and lamps mirrored in the glass
        field = np.sin(slant * rng.uniform(8, 30) + rng.uniform(0, 6)) + rng.uniform(-0.5, 0.7)
        strength = glasses.hides * cv2.GaussianBlur((field > 0).astype(np.float32), (0, 0), rng.uniform(0.5, 4.0))
        cover = rng.uniform(150.0, 255.0) * (1.0 + rng.normal(0, 0.08, 3))
    weight = (strength * mask / 255.0)[..., None]
    return np.clip(picture * (1.0 - weight) + np.clip(cover, 0, 255) * weight, 0, 255).astype(np.uint8)


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
    # Wire has no side: it is lit as something between the face and the camera.
    towards = pose.rotation[:, 2] * 0.7 + np.array([0.0, 0.0, 0.5])
    return flat_piece(points, triangles, towards, colour, pose)
