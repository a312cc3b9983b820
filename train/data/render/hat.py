"""Hats and caps: a crown over the skull, with a brim all round, a visor in front, or neither."""

from __future__ import annotations

import numpy as np

from train.data.head import default_head
from train.data.render.face import Extra
from train.data.render.flat import flat_piece
from train.data.render.hair import scalp_triangles
from train.data.sampling import Pose

_BRIM_POINTS = 32
_EDGE_MM = 4.0  # the crown's rim dives under the skin over this height, so that its edge is a clean line


def sample_hat(rng: np.random.Generator, vertices: np.ndarray, pose: Pose) -> list[Extra]:
    """A hat for the head `vertices` (V, 3) mm."""
    head = default_head()
    skin = vertices[: head.parts["skin"].stop]
    brows = float(head.landmarks(vertices)[17:27, 1].mean())
    front, back = brows + rng.uniform(6.0, 45.0), brows + rng.uniform(-25.0, 15.0)
    middle_z, reach = float(skin[:, 2].mean()), 90.0
    line = 0.5 * (front + back) + 0.5 * (front - back) * np.clip((skin[:, 2] - middle_z) / reach, -1.0, 1.0)
    above = skin[:, 1] - line
    colour = rng.uniform(0.02, 0.9) * np.clip(rng.uniform(0.5, 1.0, 3), 0.0, 1.0)
    pieces = [_crown(rng, skin, head.normals(vertices), above, colour, pose)]
    style = rng.choice(["visor", "brim", "none"], p=[0.45, 0.3, 0.25])
    if style != "none":
        pieces.append(_brim(rng, skin, above, colour * rng.uniform(0.6, 1.2), pose, visor=style == "visor"))
    return pieces


def _crown(
    rng: np.random.Generator,
    skin: np.ndarray,
    normals: np.ndarray,
    above: np.ndarray,
    colour: np.ndarray,
    pose: Pose,
) -> Extra:
    triangles = scalp_triangles()
    triangles = triangles[(above[triangles] > -_EDGE_MM).any(1)]
    used, triangles = np.unique(triangles, return_inverse=True)
    height = above[used]
    lift = rng.uniform(4.0, 9.0) + rng.uniform(0.0, 0.35) * np.clip(height, 0.0, None)
    place = skin[used] + normals[used] * np.where(height > 0, lift, 4.0 * height)[:, None]
    return flat_piece(place, triangles.reshape(-1, 3), normals[used] @ pose.rotation.T, colour, pose)


def _brim(
    rng: np.random.Generator, skin: np.ndarray, above: np.ndarray, colour: np.ndarray, pose: Pose, visor: bool
) -> Extra:
    """A sheet around the crown's lower edge; of a visor the front alone."""
    rim = skin[np.abs(above) < _EDGE_MM]
    centre = rim.mean(0)
    wide, deep = 1.06 * np.abs(rim[:, 0] - centre[0]).max(), 1.06 * np.abs(rim[:, 2] - centre[2]).max()
    span = 0.42 * np.pi if visor else np.pi
    angle = np.linspace(-span, span, _BRIM_POINTS)  # 0: straight ahead
    out = rng.uniform(35.0, 75.0) if visor else rng.uniform(20.0, 90.0)
    out = out * np.sqrt(np.clip(np.cos(0.5 * np.pi * angle / span), 0.0, 1.0)) if visor else np.full_like(angle, out)
    around = np.column_stack([np.sin(angle) * wide, np.zeros_like(angle), np.cos(angle) * deep])
    slope = (rim[:, 1] * (rim[:, 2] - centre[2])).sum() / max(((rim[:, 2] - centre[2]) ** 2).sum(), 1.0)
    inner = centre + around + np.column_stack([0 * angle, slope * around[:, 2], 0 * angle])
    away = around / np.linalg.norm(around, axis=1, keepdims=True)
    outer = inner + away * out[:, None]
    outer[:, 1] += slope * (away[:, 2] * out) - rng.uniform(-0.1, 0.45) * out
    here = np.arange(_BRIM_POINTS - 1)
    n = _BRIM_POINTS
    triangles = np.concatenate(
        (np.column_stack((here, here + 1, here + n)), np.column_stack((here + 1, here + n + 1, here + n)))
    )
    both = np.concatenate((triangles, triangles[:, ::-1]))  # seen from above and from below
    up = np.tile([0.0, 1.0, 0.0], (2 * n, 1))
    return flat_piece(np.concatenate((inner, outer)), both, up @ pose.rotation.T, colour, pose)
