"""Some points of the face model's surface, prepared once, for code that needs them for one face at a time and at once.

`FaceModel` computes any vertices of a batch in torch; here a small part of it lies ready as NumPy arrays, which cost a
tenth of the time where the batch is a single face, and need no torch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmface_core.model.face_arrays import AnyFaceModel

Array = NDArray[np.float32]


class SurfacePoints:
    """P points: mean (P, 3) mm, identity_basis (K, P, 3) and expression_basis (M, P, 3), f32."""

    def __init__(self, model: AnyFaceModel, vertices: ArrayLike, weights: ArrayLike | None = None) -> None:
        """vertices (P,) are single vertices; or (P, 3) with barycentric weights (P, 3). A torch model is on the CPU."""
        corners = np.asarray(vertices)

        def at(array: ArrayLike) -> Array:  # (..., V, 3) -> (..., P, 3)
            taken = np.asarray(array)[..., corners, :]
            points = taken if weights is None else (taken * np.asarray(weights)[..., None]).sum(-2)
            return np.ascontiguousarray(points, np.float32)

        self.mean = at(model.mean)
        self.identity_basis = at(model.identity_basis)
        self.expression_basis = at(model.expression_basis)

    def __len__(self) -> int:
        return len(self.mean)

    def shape(self, identity: Array, expression: Array) -> Array:
        """The points (B, P, 3) mm in the head frame, of identity (B, K) and expression (B, M) codes."""
        offsets = identity @ self.identity_basis.reshape(len(self.identity_basis), -1)
        offsets += expression @ self.expression_basis.reshape(len(self.expression_basis), -1)
        return self.mean + offsets.reshape(len(identity), -1, 3)
