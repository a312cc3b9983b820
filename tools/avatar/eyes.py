"""The avatar's eyeballs: finer spheres in the place of the model's, with an iris to paint on."""

from __future__ import annotations

import numpy as np

from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.model.default_expression import GAZE_DEGREES, eye_centre, turn
from tools.avatar.head import Person
from tools.avatar.parts import AvatarMesh

IRIS_DEGREES = 22.5  # half the angle that the iris spans on the eyeball: 5.8 mm of a radius of 15
TEXTURE_DEGREES = 75.0  # the angle at the edge of the iris picture
_SEGMENTS = 32
_RINGS_DEGREES = (3, 6, 9, 12, 15, 18, 21, 22.5, 24, 28, 34, 42, 52, 64, 78, 95, 115, 135, 155, 170)


def eye_mesh(person: Person, side: str) -> AvatarMesh:
    """The eyeball of a side ("left" or "right") with the gaze units as keys."""
    original = person.shape[person.head.part(f"eye_{side}")]
    centre = eye_centre(original)
    radius = original[:, 2].max() - centre[2]
    angles = np.radians(_RINGS_DEGREES)
    around = np.arange(_SEGMENTS) / _SEGMENTS * 2 * np.pi
    ring = np.stack(np.broadcast_arrays(np.cos(around), np.sin(around), 0.0), 1)  # (segments, 3)
    rings = np.sin(angles)[:, None, None] * ring + np.cos(angles)[:, None, None] * np.array([0, 0, 1.0])
    directions = np.concatenate([[[0, 0, 1.0]], rings.reshape(-1, 3), [[0, 0, -1.0]]])
    faces = _sphere_faces(len(angles))
    keys = {}
    for name, (yaw, pitch) in GAZE_DEGREES.items():
        if side == "right":
            name, yaw = name.replace("Left", "Right"), -yaw
        keys[name] = radius * directions @ (turn(yaw, pitch) - np.eye(3)).T
    assert set(keys) <= set(ARKIT_NAMES)
    polar = np.degrees(np.arccos(np.clip(directions[:, 2], -1, 1)))
    azimuth = np.arctan2(directions[:, 1], directions[:, 0])
    reach = np.minimum(polar / TEXTURE_DEGREES, 1)[:, None] * 0.49
    uv = 0.5 + reach * np.stack([np.cos(azimuth), np.sin(azimuth)], 1)
    return AvatarMesh(
        "Eye.L" if side == "left" else "Eye.R",
        centre + radius * directions,
        faces,
        ["Eye"],
        {"eye.L" if side == "left" else "eye.R": np.ones(len(directions))},
        keys,
        uv[faces],
    )


def _sphere_faces(n_rings: int) -> np.ndarray:
    """Triangles between the front pole (vertex 0), the rings and the back pole (the last vertex)."""
    step = np.arange(_SEGMENTS)
    after = (step + 1) % _SEGMENTS
    faces = [np.stack([np.zeros_like(step), 1 + step, 1 + after], 1)]
    for ring in range(n_rings - 1):
        a, b = 1 + ring * _SEGMENTS, 1 + (ring + 1) * _SEGMENTS
        faces.append(np.stack([a + step, b + step, b + after], 1))
        faces.append(np.stack([a + step, b + after, a + after], 1))
    last = 1 + (n_rings - 1) * _SEGMENTS
    faces.append(np.stack([last + after, last + step, np.full_like(step, last + _SEGMENTS)], 1))
    return np.concatenate(faces)
