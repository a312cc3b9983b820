"""One identity for a whole take, and every frame's pose and expression settled to it.

A person's face does not change shape from frame to frame; what the network changes there is noise, and it would show as
jitter of pose and expression. So the identities are averaged by confidence, and each frame is fitted once more, to its
own heat-map points, with that identity held.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from mmface_core.capture.state import FaceState
from mmface_core.conventions import NOMINAL_SCALE
from mmface_core.geometry.camera import weak_perspective
from mmface_core.geometry.fit import FaceParameters, PointFitter
from mmface_core.model.face_model import FaceModel


def common_identity(states: Sequence[FaceState]) -> NDArray[np.float32]:
    """The confidence-weighted mean identity (K,) of the states."""
    weights = np.array([state.confidence for state in states]) ** 2 + 1e-6
    return np.average([state.identity for state in states], axis=0, weights=weights).astype(np.float32)


def settle(
    states: Sequence[FaceState], model: FaceModel, fitter: PointFitter | None, chunk: int = 256
) -> list[FaceState]:
    """The states with their common identity.

    fitter: over the network's points and with no free identity; refits pose and expression. None: only the landmarks
    are computed anew.
    """
    identity = common_identity(states)
    settled: list[FaceState] = []
    for start in range(0, len(states), chunk):
        settled += _settle_chunk(states[start : start + chunk], identity, model, fitter)
    return settled


def stack(states: Sequence[FaceState]) -> FaceParameters:
    """Parameters of several states as a batch of tensors."""
    return FaceParameters(
        torch.from_numpy(np.stack([s.identity for s in states])),
        torch.from_numpy(np.stack([s.expression for s in states])),
        torch.from_numpy(np.stack([s.rotation for s in states])),
        torch.tensor([s.scale for s in states], dtype=torch.float32),
        torch.from_numpy(np.stack([s.translation for s in states])),
    )


@torch.inference_mode()
def _settle_chunk(
    states: Sequence[FaceState], identity: NDArray[np.float32], model: FaceModel, fitter: PointFitter | None
) -> list[FaceState]:
    face = stack(states)
    face = face._replace(identity=torch.from_numpy(identity).expand(len(states), -1))
    if fitter is not None:
        # The fit's spreads are in pixels of the network's crop, so the faces go to its scale, around their own centres.
        zoom = NOMINAL_SCALE / face.scale
        centre = face.translation
        seen = torch.from_numpy(np.stack([s.points for s in states]))
        near = face._replace(scale=face.scale * zoom, translation=torch.zeros_like(centre))
        near = fitter.fit(near, (seen - centre[:, None]) * zoom[:, None, None])
        face = near._replace(scale=near.scale / zoom, translation=centre + near.translation / zoom[:, None])
    shape = model.landmarks(face.identity, face.expression)
    landmarks = weak_perspective(shape, face.rotation, face.scale, face.translation)
    return [
        replace(
            state,
            identity=identity,
            expression=face.expression[i].numpy().copy(),
            rotation=face.rotation[i].numpy().copy(),
            scale=float(face.scale[i]),
            translation=face.translation[i].numpy().copy(),
            landmarks=landmarks[i].numpy().copy(),
        )
        for i, state in enumerate(states)
    ]
