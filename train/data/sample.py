"""One labelled picture: the arrays that every stream gives, and how a picture is moved into the crop."""

from __future__ import annotations

import cv2
import numpy as np

from mmface_core.conventions import CROP_SIZE

Sample = dict[str, np.ndarray]


def make_sample(
    crop: np.ndarray,
    identity: np.ndarray,
    expression: np.ndarray,
    rotation: np.ndarray,
    scale: float,
    translation: np.ndarray,
    stream: int,
    expression_weight: np.ndarray | None = None,
    identity_weight: float = 1.0,
) -> Sample:
    """The dictionary that the training loop takes; every value an array that stacks.

    crop (S, S, 3) u8 RGB; identity (K,), expression (M,), rotation (3, 3), scale () px/mm and translation (2,) px, the
    last two always in pixels of the 256 crop; *_weight 0..1, how far a label is to be trusted; stream (). The
    streams add points (P, 2) px of the 256 crop, the true perspective that weak-perspective labels only approach.
    """
    weight = np.ones(len(expression), np.float32) if expression_weight is None else expression_weight
    return {
        "crop": crop,
        "identity": np.asarray(identity, np.float32),
        "expression": np.asarray(expression, np.float32),
        "rotation": np.asarray(rotation, np.float32),
        "scale": np.float32(scale),
        "translation": np.asarray(translation, np.float32),
        "identity_weight": np.float32(identity_weight),
        "expression_weight": weight,
        "pose_weight": np.float32(1.0),
        "points_weight": np.float32(1.0),
        "volume_weight": np.float32(1.0),
        "stream": np.int64(stream),
    }


def warp(picture: np.ndarray, matrix: np.ndarray, size: int, border: int) -> np.ndarray:
    """Warp a picture by a similarity (2, 3) from its pixels to those of the 256 crop, into (size, size, 3)."""
    shrink = size / CROP_SIZE
    to_size = matrix * shrink
    to_size[:, 2] += 0.5 * shrink - 0.5  # pixel centres of the 256 crop to those of the smaller one
    step = np.sqrt(abs(np.linalg.det(to_size[:, :2])))
    if step < 0.75:  # shrinking: warp to twice the size and average, so that nothing aliases
        double = to_size * 2.0
        double[:, 2] += 0.5
        large = cv2.warpAffine(picture, double, (2 * size, 2 * size), flags=cv2.INTER_LINEAR, borderMode=border)
        return cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA)
    return cv2.warpAffine(picture, to_size, (size, size), flags=cv2.INTER_LINEAR, borderMode=border)
