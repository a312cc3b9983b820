"""The mirror image of a labelled picture: left and right of everything change places."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mmface_core.model.dense_points import point_mirror, point_names
from train.data.head import default_head
from train.data.sampling import mirrored_expression

_FLIP = np.diag([-1.0, 1.0, 1.0])


def mirrored_identity(identity: np.ndarray) -> np.ndarray:
    """Codes (K,) f32 of the mirrored head: the least-squares codes of the mirrored skin."""
    return (_mirror_matrix() @ identity).astype(np.float32)


def mirrored_codes(identity: np.ndarray, expression: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Identity codes (K,) and expression weights (M,) of the mirrored head."""
    return mirrored_identity(identity), mirrored_expression(expression)


def mirrored_rotation(rotation: np.ndarray) -> np.ndarray:
    """Rotation (3, 3) of the mirrored head: yaw and roll change sign."""
    return _FLIP @ rotation @ _FLIP


def mirrored_shift(shift: np.ndarray) -> np.ndarray:
    """Shifts (P, 2) px of the network's points in the mirrored picture."""
    return shift[_mirrored_points()] * [-1.0, 1.0]


@lru_cache(maxsize=1)
def _mirrored_points() -> np.ndarray:
    return point_mirror(point_names())


@lru_cache(maxsize=1)
def _mirror_matrix() -> np.ndarray:
    """(K, K): codes to the codes of the mirror image."""
    head = default_head()
    skin = head.parts["skin"]
    basis = head.basis[: head.n_identity].reshape(head.n_identity, -1, 3)
    turned = basis[:, head.mirror] * np.array([-1.0, 1.0, 1.0], np.float32)
    straight, turned = (b[:, skin].reshape(head.n_identity, -1).astype(np.float64) for b in (basis, turned))
    return np.linalg.lstsq(straight.T, turned.T, rcond=None)[0]
