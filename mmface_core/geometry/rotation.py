"""Rotations: Euler angles as the project means them, the continuous 6-D form, and axis-angle.

Every function is batched over leading dimensions and works on torch tensors. Head-to-camera rotations are
R = Rz(-roll) Ry(yaw) Rx(pitch); see `mmface_core.conventions`.
"""

import torch
from torch import Tensor


def from_euler(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """Rotation (..., 3, 3) of angles (...) in radians."""
    cy, sy = torch.cos(yaw), torch.sin(yaw)
    cp, sp = torch.cos(pitch), torch.sin(pitch)
    cr, sr = torch.cos(roll), torch.sin(roll)
    rows = (
        (cr * cy, cr * sy * sp + sr * cp, cr * sy * cp - sr * sp),
        (-sr * cy, -sr * sy * sp + cr * cp, -sr * sy * cp - cr * sp),
        (-sy, cy * sp, cy * cp),
    )
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def to_euler(rotation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Yaw, pitch, roll (...) in radians of rotations (..., 3, 3); yaw lies within +-90 degrees."""
    yaw = torch.asin(torch.clamp(-rotation[..., 2, 0], -1.0, 1.0))
    pitch = torch.atan2(rotation[..., 2, 1], rotation[..., 2, 2])
    roll = torch.atan2(-rotation[..., 1, 0], rotation[..., 0, 0])
    return yaw, pitch, roll


def from_6d(six: Tensor) -> Tensor:
    """Rotation (..., 3, 3) from the continuous 6-D form (..., 6), its first two columns before orthonormalising.

    Zhou et al., "On the Continuity of Rotation Representations in Neural Networks", CVPR 2019.
    """
    a, b = six[..., :3], six[..., 3:]
    x = torch.nn.functional.normalize(a, dim=-1)
    y = torch.nn.functional.normalize(b - (x * b).sum(-1, keepdim=True) * x, dim=-1)
    z = torch.cross(x, y, dim=-1)
    return torch.stack((x, y, z), dim=-1)


def to_6d(rotation: Tensor) -> Tensor:
    """The 6-D form (..., 6) of rotations (..., 3, 3)."""
    return torch.cat((rotation[..., :, 0], rotation[..., :, 1]), dim=-1)


def skew(vector: Tensor) -> Tensor:
    """Cross-product matrices (..., 3, 3) of vectors (..., 3)."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    rows = ((zero, -z, y), (z, zero, -x), (-y, x, zero))
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def from_axis_angle(vector: Tensor) -> Tensor:
    """Rotation (..., 3, 3) of rotation vectors (..., 3) in radians."""
    return torch.linalg.matrix_exp(skew(vector))


def angle_between(a: Tensor, b: Tensor) -> Tensor:
    """Geodesic angle (...) in radians between rotations (..., 3, 3)."""
    relative = a.transpose(-1, -2) @ b
    # atan2 keeps its accuracy near 0 and 180 degrees, where arccos of the trace loses half the digits.
    sine = torch.stack(
        (
            relative[..., 2, 1] - relative[..., 1, 2],
            relative[..., 0, 2] - relative[..., 2, 0],
            relative[..., 1, 0] - relative[..., 0, 1],
        ),
        dim=-1,
    ).norm(dim=-1)
    cosine = relative.diagonal(dim1=-2, dim2=-1).sum(-1) - 1.0
    return torch.atan2(sine, cosine)
