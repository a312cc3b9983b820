"""The frames and signs of the whole project, and converters to those of 300W-LP, OpenCV and Blender.

Head frame: millimetres; x to the subject's left, y up, z out of the face; the origin lies inside the head, halfway
between the eye line and the mouth line.
Camera frame: x right in the picture, y up, z towards the camera.
Rotation, head to camera: R = Rz(-roll) Ry(yaw) Rx(pitch). +yaw: the subject turns to their left (right in the
picture). +pitch: looks down. +roll: tilts towards their left shoulder, clockwise in the picture.
Picture: 0-based pixel centres, x right, y down. Weak perspective (paper Eq. 2): with C = f R S,
pixel = (C_x + t_x, t_y - C_y) and depth = C_z, all in pixels.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

CROP_SIZE = 256  # px, side of the network's square input
CROP_MM = 200.0  # mm of the head that the crop's side spans at the nominal scale
NOMINAL_SCALE = CROP_SIZE / CROP_MM  # px per mm in a perfect crop
CROP_CENTRE = (CROP_SIZE - 1) / 2  # px, where the head's origin lies in a perfect crop

# A flip of y and z leads from a camera with y up and z towards it to OpenCV's (y down, z away from it).
_FLIP_YZ = np.diag([1.0, -1.0, -1.0])


def euler_to_rotation(yaw: float, pitch: float, roll: float) -> Array:
    """Head-to-camera rotation (3, 3) of angles in radians."""
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    rx = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rz = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    return rz @ ry @ rx


def rotation_to_euler(rotation: Array) -> tuple[Array, Array, Array]:
    """Yaw, pitch, roll in radians of rotations (..., 3, 3); yaw lies within +-90 degrees."""
    yaw = np.arcsin(np.clip(-rotation[..., 2, 0], -1, 1))
    pitch = np.arctan2(rotation[..., 2, 1], rotation[..., 2, 2])
    roll = np.arctan2(-rotation[..., 1, 0], rotation[..., 0, 0])
    return yaw, pitch, roll


def rotation_from_300wlp(pitch: float, yaw: float, roll: float) -> Array:
    """Head-to-camera rotation (3, 3) from the first three numbers of a 300W-LP `Pose_Para`, radians.

    The files mean Rx(pitch) Ry(yaw) Rz(roll) with negated sines; their frames (y up, z towards the camera, x right)
    are ours, so only the angles are read differently.
    """
    cp, sp, cy, sy, cr, sr = np.cos(pitch), np.sin(pitch), np.cos(yaw), np.sin(yaw), np.cos(roll), np.sin(roll)
    rx = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    ry = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    rz = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    return rx @ ry @ rz


def rotation_to_300wlp(rotation: Array) -> tuple[float, float, float]:
    """Pitch, yaw, roll (radians) as a 300W-LP `Pose_Para` writes the head-to-camera rotation (3, 3)."""
    yaw = np.arcsin(np.clip(-rotation[0, 2], -1, 1))
    pitch = np.arctan2(rotation[1, 2], rotation[2, 2])
    roll = np.arctan2(rotation[0, 1], rotation[0, 0])
    return float(pitch), float(yaw), float(roll)


def translation_from_300wlp(tx: float, ty: float, image_height: int) -> Array:
    """Our translation (2,) in 0-based pixels, y down, from a 300W-LP one (1-based, y up)."""
    return np.array([tx - 1.0, image_height - ty])


def translation_to_300wlp(translation: Array, image_height: int) -> Array:
    """Inverse of `translation_from_300wlp`."""
    return np.array([translation[0] + 1.0, image_height - translation[1]])


def rotation_to_opencv(rotation: Array) -> Array:
    """Rotation (..., 3, 3) from our head frame to OpenCV's camera frame (x right, y down, z away from the camera)."""
    return _FLIP_YZ @ rotation


def rotation_from_opencv(rotation: Array) -> Array:
    """Inverse of `rotation_to_opencv`."""
    return _FLIP_YZ @ rotation


# Blender's world: z up, a character faces -y, so its left is +x. Columns: our x, y, z axes in Blender's coordinates.
HEAD_TO_BLENDER = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def rotation_to_blender(rotation: Array) -> Array:
    """The head's rotation (..., 3, 3) in Blender's world for a character that faces -y, seen by a camera on -y."""
    return HEAD_TO_BLENDER @ rotation @ HEAD_TO_BLENDER.T


def rotation_from_blender(rotation: Array) -> Array:
    """Inverse of `rotation_to_blender`."""
    return HEAD_TO_BLENDER.T @ rotation @ HEAD_TO_BLENDER
