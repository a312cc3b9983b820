"""Writing pictures that a person asked for."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mmface_core.errors import UserError


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write (H, W, 3) u8 RGB in the format that the path's ending names. UserError where that cannot be done."""
    try:
        written = cv2.imwrite(str(path), picture[..., ::-1])
    except cv2.error:  # an ending that OpenCV does not know
        written = False
    if not written:
        raise UserError(f"The picture cannot be written to {path}: its folder must be there, and its name end in .png.")
