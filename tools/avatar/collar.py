"""A roll-neck collar that hides where the neck ends and gives the bust something to stand on."""

from __future__ import annotations

import numpy as np

from mmface_core.geometry.mesh import boundary_loops
from tools.avatar.head import Person
from tools.avatar.parts import AvatarMesh

# Profile from the inside of the roll over its edge down to the shoulders: how far below the neck's rim (as a share of
# the way to the floor of the bust), how much wider than the rim, and mm added outwards.
_PROFILE = (
    (0.06, 1.00, -1.0),
    (-0.14, 1.00, 1.5),
    (-0.20, 1.00, 4.0),
    (-0.16, 1.00, 7.0),
    (0.10, 1.00, 8.5),
    (0.34, 1.03, 8.5),
    (0.42, 1.05, 5.5),
    (0.60, 1.18, 6.0),
    (0.82, 1.42, 8.0),
    (1.00, 1.70, 10.0),
)
_FLOOR_MM = 62.0  # the bust ends this far below the lowest point of the rim


def collar_mesh(person: Person) -> AvatarMesh:
    """Rings around the rim of the neck, as quads; moves with the neck above and stands still below."""
    skin = person.head.part("skin")
    triangles = person.head.triangles[(person.head.triangles < skin.stop).all(1)]
    loop = boundary_loops(triangles)[0]
    rim = person.shape[loop]
    # Even the rim out to an ellipse-like smooth curve, so that the knit does not show the mesh's corners.
    for _ in range(3):
        rim = (np.roll(rim, 1, 0) + 2 * rim + np.roll(rim, -1, 0)) / 4
    centre = rim.mean(0)
    outward = rim - centre
    outward[:, 1] = 0
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    floor = rim[:, 1].min() - _FLOOR_MM
    rings = []
    for down, wider, added in _PROFILE:
        ring = centre + (rim - centre) * [wider, 1, wider] + outward * added
        ring[:, 1] = rim[:, 1] + (floor - rim[:, 1]) * down if down > 0 else rim[:, 1] - down * 60
        rings.append(ring)
    count = len(rim)
    step, after = np.arange(count), (np.arange(count) + 1) % count
    faces = [
        np.stack([r * count + step, r * count + after, (r + 1) * count + after, (r + 1) * count + step], 1)
        for r in range(len(rings) - 1)
    ]
    vertices, quads = np.concatenate(rings), np.concatenate(faces)
    a, b, c, d = vertices[quads].transpose(1, 0, 2)
    if ((a + c) / 2 * np.cross(c - a, d - b)).sum() - (centre * np.cross(c - a, d - b)).sum() < 0:
        quads = quads[:, ::-1]
    return AvatarMesh("Collar", vertices, quads, ["Knit"], {"neck": np.ones(len(vertices))}, subdivision=(1, 2))
