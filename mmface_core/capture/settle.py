"""One identity for a whole take, and every frame's pose and expression settled to it.

A person's face does not change shape from frame to frame; what the network changes there is noise, and it would show as
jitter of pose and expression. So the identities are averaged by confidence, and each frame is fitted once more, to its
own heat-map points, with that identity held.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mmface_core.capture.reconstruct import project_landmarks
from mmface_core.capture.state import FaceState
from mmface_core.conventions import NOMINAL_SCALE
from mmface_core.geometry.fit import FaceParameters, PointFitter
from mmface_core.model.surface_points import SurfacePoints

Chunks = Callable[[], Iterable[Sequence[FaceState]]]


def common_identity(chunks: Iterable[Sequence[FaceState]]) -> NDArray[np.float32]:
    """The confidence-weighted mean identity (K,) of the states, which come in chunks and are not kept."""
    total, weight = np.zeros(0), 0.0
    for states in chunks:
        weights = np.array([state.confidence for state in states]) ** 2 + 1e-6
        part = weights @ np.stack([state.identity for state in states]).astype(np.float64)
        total, weight = (total + part if weight else part), weight + float(weights.sum())
    return (total / weight).astype(np.float32)


def settle(chunks: Chunks, fitter: PointFitter, marks: SurfacePoints, refit: bool = True) -> Iterator[list[FaceState]]:
    """The states with their common identity, chunk by chunk; the chunks are read twice.

    fitter: over the network's points, with no free identity. marks: the 68 landmarks' places on the mesh. refit: pose
    and expression are fitted again; else only the landmarks are computed anew.
    """
    identity = common_identity(chunks())
    for states in chunks():
        yield _settle_chunk(states, identity, fitter, marks, refit)


def _settle_chunk(
    states: Sequence[FaceState],
    identity: NDArray[np.float32],
    fitter: PointFitter,
    marks: SurfacePoints,
    refit: bool,
) -> list[FaceState]:
    face = FaceParameters(
        np.repeat(identity[None], len(states), axis=0),
        np.stack([s.expression for s in states]),
        np.stack([s.rotation for s in states]),
        np.array([s.scale for s in states], np.float32),
        np.stack([s.translation for s in states]),
    )
    if refit:
        # The fit's spreads are in pixels of the network's crop, so the faces go to its scale, around their own centres.
        zoom = NOMINAL_SCALE / face.scale
        centre = face.translation
        seen = np.stack([s.points for s in states])
        near = face._replace(scale=face.scale * zoom, translation=np.zeros_like(centre))
        near = fitter.fit(near, (seen - centre[:, None]) * zoom[:, None, None])
        face = near._replace(scale=near.scale / zoom, translation=centre + near.translation / zoom[:, None])
    landmarks = project_landmarks(marks, face)
    return [
        replace(
            state,
            identity=identity,
            expression=face.expression[i],
            rotation=face.rotation[i],
            scale=float(face.scale[i]),
            translation=face.translation[i],
            landmarks=landmarks[i],
        )
        for i, state in enumerate(states)
    ]
