"""The weak-perspective camera (paper Eq. 2) from head millimetres to picture pixels."""

from torch import Tensor, stack


def weak_perspective(points: Tensor, rotation: Tensor, scale: Tensor, translation: Tensor) -> Tensor:
    """Project head points into the picture.

    points (B, N, 3) mm in the head frame; rotation (B, 3, 3) head to camera; scale (B,) pixels per mm;
    translation (B, 2) pixels, x right and y down. Returns (B, N, 3): 0-based pixel x, pixel y (down), and depth in
    pixels towards the camera, 0 at the head's origin.
    """
    camera = scale[:, None, None] * (points @ rotation.transpose(-1, -2))  # (B, N, 3) y up
    return stack(
        (
            camera[..., 0] + translation[:, None, 0],
            translation[:, None, 1] - camera[..., 1],
            camera[..., 2],
        ),
        dim=-1,
    )
