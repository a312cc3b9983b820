"""Geometry of one colour a vertex beside the head: hair, hats, glasses, masks, bodies."""

from __future__ import annotations

import numpy as np

from train.data import camera
from train.data.render import shaders
from train.data.render.face import Extra
from train.data.sampling import Pose


def flat_piece(
    points: np.ndarray,
    triangles: np.ndarray,
    normals: np.ndarray,
    colours: np.ndarray,
    pose: Pose,
    light: np.ndarray | float = 1.0,
) -> Extra:
    """Points (n, 3) mm of the head frame with triangles (m, 3), seen under the head's pose.

    normals (n, 3) or (3,) in the camera frame; colours (n, 3) or (3,) 0..1; light (n,) or one number, how much of the
    sky a vertex sees, 0..1.
    """
    positions = camera.project(points, pose.rotation, pose.scale, pose.translation, pose.distance_mm)
    attributes = np.zeros((len(points), shaders.FLOATS_PER_VERTEX - 3), np.float32)
    attributes[:, 0:3] = normals
    attributes[:, 8:11] = colours
    attributes[:, 11] = light
    return Extra(shaders.FLAT, positions.astype(np.float32), triangles.astype(np.int32), attributes)
