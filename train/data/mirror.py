"""The mirror image of a labelled picture: left and right of everything change places."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mmface_core.model.arkit import MIRRORED_UNIT
from mmface_core.model.dense_points import point_mirror, point_names
from mmface_core.model.mirror import mirror_matrix
from train.data.head import default_head


def mirrored_codes(identity: np.ndarray, expression: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Identity codes (K,) f32 and expression weights (M,) of the mirrored head."""
    return identity_mirror() @ identity, expression[..., MIRRORED_UNIT]


def mirrored_shift(shift: np.ndarray) -> np.ndarray:
    """Shifts (P, 2) px of the network's points in the mirrored picture."""
    return shift[_mirrored_points()] * [-1.0, 1.0]


@lru_cache(maxsize=1)
def identity_mirror() -> np.ndarray:
    """(K, K) f32: identity codes to those of the mirror image."""
    head = default_head()
    return mirror_matrix(head.basis[: head.n_identity].reshape(head.n_identity, -1, 3), head.mirror, head.parts["skin"])


@lru_cache(maxsize=1)
def _mirrored_points() -> np.ndarray:
    return point_mirror(point_names())
