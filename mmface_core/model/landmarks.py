"""The 68 iBUG landmarks of the default model, as places on MakeHuman's base mesh, and the symmetry of the 68.

A place is up to three base vertices with weights. Only the subject's left half and the middle are listed; the right
half is the mirror image, so that the landmarks of a symmetric face are symmetric to the last bit.

The jaw line (0-16) lies on the mandible by geometry: on real photos the annotated contour is the silhouette, which
slides over the cheek as the head turns, so these points are the contour of a frontal view. Lids lie on the lid margin,
the outer lip points on the vermilion border, the brow points on the upper half of the hair of the brow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

Place = tuple[tuple[int, ...], tuple[float, ...]]

# For each of the 68 the point on the other side of the face.
MIRRORED_LANDMARK: Final[tuple[int, ...]] = (
    *range(16, -1, -1),  # jaw
    *range(26, 16, -1),  # brows
    *range(27, 31),  # bridge of the nose
    *range(35, 30, -1),  # base of the nose
    *(45, 44, 43, 42, 47, 46),  # right eye
    *(39, 38, 37, 36, 41, 40),  # left eye
    *(54, 53, 52, 51, 50, 49, 48),  # outer lips, upper
    *(59, 58, 57, 56, 55),  # outer lips, lower
    *(64, 63, 62, 61, 60),  # inner lips, upper
    *(67, 66, 65),  # inner lips, lower
)


def at(*vertices: int) -> Place:
    """The middle of one, two or three base vertices."""
    return vertices, (1 / len(vertices),) * len(vertices)


# Landmark -> place, for the subject's left half and the middle of the face.
LEFT_LANDMARKS: Final[dict[int, Place]] = {
    8: at(732),
    9: at(11900),
    10: at(10366),
    11: at(7595),
    12: at(7597),
    13: at(7613),
    14: at(12356),
    15: at(12032),
    16: at(12342),
    22: ((7006, 7001, 6983), (0.04, 0.37, 0.59)),
    23: at(6980, 6997),
    24: ((7004, 6996, 6998), (0.14, 0.38, 0.48)),
    25: ((6999, 7031, 7005), (0.52, 0.18, 0.30)),
    26: ((7031, 7024, 7023), (0.27, 0.23, 0.50)),
    27: at(132),
    28: at(131, 135),
    29: at(164, 201),
    30: at(294),
    33: at(343),
    34: at(7077, 7120),
    35: at(7055, 7119),
    42: at(6850),
    43: at(11483),
    44: at(11466, 11467),
    45: at(11472),
    46: ((6825, 6820), (0.7, 0.3)),
    47: at(6831),
    51: ((466, 467), (0.6, 0.4)),
    52: at(7219),
    53: at(11953, 7170),
    54: at(7182),
    55: ((7235, 7239, 7166), (0.25, 0.25, 0.5)),
    56: at(7241, 7245),
    57: at(492, 496),
    62: at(474),
    63: at(7227),
    64: at(7250),
    65: ((7236, 7242), (0.4, 0.6)),
    66: at(493),
}


def resolve_places(places: list[Place], find: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n, 3) i32 and weights (n, 3) f32 of places; `find` turns base vertices into vertices of the model."""
    vertices = np.zeros((len(places), 3), np.int32)
    weights = np.zeros((len(places), 3), np.float32)
    for row, (corners, shares) in enumerate(places):
        vertices[row] = find(np.array([*corners, *corners[:1] * (3 - len(corners))]))
        weights[row, : len(corners)] = shares
    return vertices, weights


def mirrored_place(place: Place, mirror: np.ndarray) -> Place:
    """The same place on the other side; mirror (N,) of the base mesh."""
    return tuple(int(vertex) for vertex in mirror[list(place[0])]), place[1]


def landmark_places(mirror: np.ndarray, left: Mapping[int, Place] = LEFT_LANDMARKS) -> list[Place]:
    """All 68 places in iBUG order; mirror (N,) of the base mesh; `left`: those of the left half and the middle."""
    return [
        left[number] if number in left else mirrored_place(left[MIRRORED_LANDMARK[number]], mirror)
        for number in range(68)
    ]
