"""Left and right of a face model: what codes, weights, points and rotations become in the mirror image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmface_core.conventions import CROP_SIZE
from mmface_core.model.arkit import mirrored_name
from mmface_core.model.dense_points import point_mirror
from mmface_core.model.face_arrays import AnyFaceModel

_FLIP = np.diag([-1.0, 1.0, 1.0]).astype(np.float32)


@dataclass(frozen=True)
class FaceMirror:
    """identity (K, K), expression (M, M), f32: codes to the mirrored head's; points (P,) the one on the other side."""

    identity: np.ndarray
    expression: np.ndarray
    points: np.ndarray

    @classmethod
    def of(cls, model: AnyFaceModel) -> FaceMirror:
        """The mirror of a model: named units change sides; of all other codes the least-squares ones are taken."""
        names = model.expression_names
        others = [mirrored_name(name) for name in names]
        if names and set(others) <= set(names):
            expression = np.eye(len(names), dtype=np.float32)[[names.index(name) for name in others]]
        else:
            expression = mirror_matrix(np.asarray(model.expression_basis), np.asarray(model.mirror), model.skin)
        identity = mirror_matrix(np.asarray(model.identity_basis), np.asarray(model.mirror), model.skin)
        return cls(identity, expression, point_mirror(model.point_names))


def mirror_matrix(basis: np.ndarray, mirror: np.ndarray, skin: slice) -> np.ndarray:
    """(K, K) f32 that turns codes into the least-squares codes of the mirrored skin.

    basis (K, V, 3) mm per code; mirror (V,): each vertex's other.
    """
    turned = basis[:, mirror] @ _FLIP
    straight, turned = (part[:, skin].reshape(len(basis), -1).astype(np.float64) for part in (basis, turned))
    return np.linalg.lstsq(straight.T, turned.T, rcond=None)[0].astype(np.float32)


def mirrored_rotation(rotation: np.ndarray) -> np.ndarray:
    """Rotations (..., 3, 3) of the mirrored head: yaw and roll change sign."""
    return _FLIP.astype(rotation.dtype) @ rotation @ _FLIP.astype(rotation.dtype)


def mirrored_pixels(places: np.ndarray) -> np.ndarray:
    """Places (..., 2) px of the 256 crop in its mirror image."""
    return np.array([CROP_SIZE - 1, 0], places.dtype) + places * np.array([-1, 1], places.dtype)
