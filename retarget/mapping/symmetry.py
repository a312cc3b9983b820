"""Mirrored halves of a face: which vertex lies opposite which, and which key mirrors which."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retarget.mapping.schema import Facing
from retarget.rig import Mesh, ShapeKey

Array = NDArray[np.floating]

_ALIKE = 0.9  # correlation from which two offsets count as the same, or as mirror images


@dataclass(frozen=True)
class Mirror:
    """The mirror of one mesh: opposite (N,) is the nearest vertex to each vertex's image; left (3,) the world axis."""

    opposite: NDArray[np.intp]
    left: Array

    def of(self, delta: Array) -> Array:
        """Offsets (N, 3) as the mirror shows them."""
        seen = delta[self.opposite]
        return seen - 2.0 * (seen @ self.left)[:, None] * self.left


def mirror_of(mesh: Mesh, facing: Facing) -> Mirror:
    """The mirror in the middle of the mesh, across the character's left."""
    from scipy.spatial import cKDTree

    left = np.array(facing.left)
    points = mesh.positions.astype(np.float64)
    along = points @ left
    middle = 0.5 * (along.min() + along.max())
    _, opposite = cKDTree(points).query(points - 2.0 * (along - middle)[:, None] * left)
    return Mirror(np.asarray(opposite), left)


def likeness(first: Array | None, second: Array | None) -> float:
    """The cosine between two keys' offsets (N, 3), seen as long vectors: 1 the same but for their size, 0 unrelated."""
    if first is None or second is None:
        return 0.0
    size = float(np.linalg.norm(first)) * float(np.linalg.norm(second))
    return float(np.vdot(first, second)) / size if size > 0 else 0.0


def mirrors(mesh: Mesh, mirror: Mirror, first: ShapeKey, second: ShapeKey) -> bool:
    """Whether two keys are mirror images of each other, and of about one size."""
    if first.delta is None or second.delta is None or mesh.is_dead(first) or mesh.is_dead(second):
        return False
    ratio = first.max_delta / second.max_delta
    return 0.6 < ratio < 1.67 and likeness(mirror.of(first.delta), second.delta) > _ALIKE
