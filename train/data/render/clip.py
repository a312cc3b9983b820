"""From crop pixels to OpenGL's clip space."""

from __future__ import annotations

import numpy as np

DEPTH_RANGE_PX = 1024.0  # px of a 256 crop in front of and behind the head's origin that the depth buffer spans


def to_clip(projected: np.ndarray, crop_size: float = 256.0) -> np.ndarray:
    """Clip positions (V, 3) f32 of projected points (V, 3): 0-based crop px x, y (down), depth px towards the camera.

    y is NOT turned over: the picture is read back with its first row at clip y = -1, which then is the crop's top row.
    Pixel centres of a picture of any size that shows the same crop fall where `cv2.resize` expects them.
    """
    out = np.empty_like(projected, dtype=np.float32)
    out[:, :2] = (projected[:, :2] + 0.5) * (2.0 / crop_size) - 1.0
    out[:, 2] = projected[:, 2] * (-1.0 / DEPTH_RANGE_PX)
    return out
