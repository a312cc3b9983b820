"""A wig for bald heads: the scalp lifted off the skull, with a random hair line, thickness, length and colour."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from train.data.head import default_head
from train.data.render.face import Extra
from train.data.render.flat import flat_piece
from train.data.render.paint import HAIR_COLOURS, HAIR_SHARES
from train.data.sampling import Pose

LONG_SHARE = 0.4


def sample_hair(rng: np.random.Generator, vertices: np.ndarray, pose: Pose) -> Extra:
    """Hair for the head `vertices` (V, 3) mm."""
    head = default_head()
    count = head.parts["skin"].stop
    mean, skin = head.mean[:count], vertices[:count]
    cover = _cover(rng, mean)
    triangles = scalp_triangles()
    triangles = triangles[(cover[triangles] > 0).any(1)]
    used, triangles = np.unique(triangles, return_inverse=True)
    normals = head.normals(vertices)[used]
    place, depth, rest = skin[used].copy(), np.clip(cover[used], -1.0, 1.0), mean[used]
    cover = np.clip(depth, 0.0, 1.0)
    waves = _waves(rng, rest)
    thickness = rng.uniform(3.0, 28.0) * cover * (0.75 + 0.35 * waves)
    # Beyond the hair line the surface dives under the skin, so that the line itself is smooth.
    place += normals * np.where(depth > 0, thickness, 5.0 * depth)[:, None]
    if rng.random() < LONG_SHARE:
        low = np.clip((35.0 - rest[:, 1]) / 60.0, 0.0, 1.0) * (rest[:, 2] < 5.0)
        place[:, 1] -= rng.uniform(30.0, 170.0) * low * (1.0 + 0.15 * waves)
        place[:, [0, 2]] *= 1.0 + rng.uniform(-0.05, 0.2) * low[:, None]
    colour = np.array(HAIR_COLOURS[rng.choice(len(HAIR_COLOURS), p=HAIR_SHARES)]) * rng.uniform(0.6, 1.3)
    angle = np.arctan2(rest[:, 0], rest[:, 2] + 60.0)
    strands = 1.0 + rng.uniform(0.05, 0.35) * np.sin(angle * rng.uniform(30, 90) + 3.0 * waves)
    colours = np.clip(colour * strands[:, None], 0.0, 1.0)
    return flat_piece(place, triangles.reshape(-1, 3), normals @ pose.rotation.T, colours, pose, 0.7 + 0.3 * cover)


def _cover(rng: np.random.Generator, mean: np.ndarray) -> np.ndarray:
    """How far inside the hair each skin vertex lies (n_skin,): above 0 within, 1 well within."""
    brows = default_head().landmarks(default_head().mean)[17:27, 1].mean()
    front = brows + rng.uniform(15.0, 60.0)
    line = np.interp(
        mean[:, 2], [-95, -62, -38, 5, 40], [rng.uniform(-75, -20), 0.0, 38.0, 0.5 * (brows + front), front]
    )
    edge = rng.uniform(0.0, 7.0) * np.sin(mean[:, 0] / rng.uniform(4.0, 14.0) + rng.uniform(0, 6))
    parting = rng.uniform(-0.25, 0.25) * mean[:, 0] * (mean[:, 2] > 20.0)
    cover = (mean[:, 1] - line - edge - parting) / rng.uniform(5.0, 14.0)
    return np.where(_ears(), -1.0, cover)


def _waves(rng: np.random.Generator, points: np.ndarray) -> np.ndarray:
    """A smooth random field (n,) of about -1..1 over the head."""
    field = np.zeros(len(points))
    for _ in range(3):
        field += np.sin(points @ rng.normal(0, 1 / 22.0, 3) + rng.uniform(0, 6))
    return field / 2.0


@lru_cache(maxsize=1)
def _ears() -> np.ndarray:
    """(n_skin,) bool: the ears, which stand out sideways between the brows' and the nose's height."""
    head = default_head()
    skin = head.mean[: head.parts["skin"].stop]
    beside = (skin[:, 1] > -30.0) & (skin[:, 1] < 48.0) & (skin[:, 2] > -85.0) & (skin[:, 2] < -25.0)
    return beside & (np.abs(skin[:, 0]) > 68.0)


@lru_cache(maxsize=1)
def scalp_triangles() -> np.ndarray:
    """(T, 3) triangles of the skin above the eyes or behind the face."""
    head = default_head()
    count = head.parts["skin"].stop
    triangles = head.triangles[(head.triangles < count).all(1)]
    corners = head.mean[triangles]
    return triangles[((corners[..., 1] > 45.0) | (corners[..., 2] < -25.0)).all(1)]
