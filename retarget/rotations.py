"""Rotations as numpy sees them: rotation vectors, means, and angles between."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.floating]


def log(rotation: Array) -> Array:
    """Rotation vectors (..., 3) in radians of rotations (..., 3, 3)."""
    flat = rotation.reshape(-1, 3, 3)
    return Rotation.from_matrix(flat).as_rotvec().reshape(*rotation.shape[:-2], 3)


def exp(vector: Array) -> Array:
    """Rotations (..., 3, 3) of rotation vectors (..., 3) in radians."""
    return Rotation.from_rotvec(vector.reshape(-1, 3)).as_matrix().reshape(*vector.shape[:-1], 3, 3)


def mean(rotation: Array, weight: Array) -> Array:
    """The weighted mean (3, 3) of rotations (T, 3, 3): the one with the least squared angles to them."""
    return Rotation.from_matrix(rotation).mean(weights=np.maximum(weight, 1e-9)).as_matrix()


def to_quaternions(rotation: Array) -> Array:
    """Quaternions (T, 4), w first, of rotations (T, 3, 3); neighbours lie on the same side of the sphere."""
    quaternions = np.roll(Rotation.from_matrix(rotation).as_quat(), 1, axis=-1)
    if quaternions[0, 0] < 0:
        quaternions[0] *= -1
    flips = np.sign(np.sum(quaternions[1:] * quaternions[:-1], axis=1))
    flips[flips == 0] = 1
    quaternions[1:] *= np.cumprod(flips)[:, None]
    return quaternions


def to_euler(rotation: Array, order: str) -> Array:
    """Angles (T, 3) in radians of rotations (T, 3, 3) about fixed axes in `order` ("xyz" is Blender's XYZ)."""
    return Rotation.from_matrix(rotation).as_euler(order)


def from_euler(angles: Array, order: str) -> Array:
    """Rotations (T, 3, 3) of what `to_euler` gave."""
    return Rotation.from_euler(order, angles).as_matrix()


def orthogonal(matrix: Array) -> Array:
    """The nearest orthogonal matrix (3, 3): takes scale and shear out of a transform; mirrored ones stay mirrored."""
    u, _, vt = np.linalg.svd(matrix)
    return u @ vt
