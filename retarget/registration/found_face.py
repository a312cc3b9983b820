"""What pictures of a rig say about the face on it, and which of several readings mean the same face."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.floating]

CONTOUR = range(17)  # landmarks that slide along the silhouette: no places on the skin
INNER = np.arange(17, 68)
_SAME_MM = 10.0  # readings whose inner landmarks lie, on average, nearer to each other than this mean the same face


@dataclass(frozen=True)
class FoundFace:
    """A face on the rig, seen by our capture.

    axes (3, 3): columns left, up, front of the head in the world; scale: world units per mm of the model;
    landmarks (68, 3) world, on the mesh where `seen` (68,), elsewhere at the capture's own depth; objects: the meshes
    that the landmarks lie on, most first; identity (80,) as captured; confidence 0..1.
    """

    axes: Array
    scale: float
    landmarks: Array = field(repr=False)
    seen: NDArray[np.bool_] = field(repr=False)
    objects: tuple[str, ...]
    identity: Array = field(repr=False)
    confidence: float


def hypotheses(faces: Sequence[FoundFace]) -> list[FoundFace]:
    """Readings that mean the same face made one (`agreed`); what the most mean comes first."""
    groups: list[list[FoundFace]] = []
    for face in faces:
        for group in groups:
            first = group[0]
            apart = np.linalg.norm(face.landmarks[INNER] - first.landmarks[INNER], axis=1).mean()
            if apart < _SAME_MM * first.scale:
                group.append(face)
                break
        else:
            groups.append([face])
    return [agreed(group) for group in sorted(groups, key=len, reverse=True)]


def agreed(faces: Sequence[FoundFace]) -> FoundFace:
    """What several readings of one face have in common; the first is the surest and says which objects it lies on.

    A landmark is the median of the places where it was seen, and counts as seen where half of the readings saw it.
    """
    first = faces[0]
    seen = np.stack([face.seen for face in faces])  # (n, 68)
    places = np.stack([face.landmarks for face in faces])
    on_mesh = np.where(seen[..., None], places, np.nan)
    often = seen.mean(axis=0) >= 0.5
    landmarks = np.median(places, axis=0)
    landmarks[often] = np.nanmedian(on_mesh[:, often], axis=0)
    return replace(
        first,
        axes=Rotation.from_matrix(np.stack([face.axes for face in faces])).mean().as_matrix(),
        scale=float(np.median([face.scale for face in faces])),
        landmarks=landmarks,
        seen=often,
        identity=np.mean([face.identity for face in faces], axis=0),
    )
