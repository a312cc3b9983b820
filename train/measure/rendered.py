"""The rendered test set: held-out portraits and identities, read as capture reads a crop, against the exact truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mmface_core.capture.reconstruct import Predicts, ReconstructConfig, Reconstructor
from mmface_core.capture.state import FaceState
from mmface_core.geometry.rotation import angle_between
from mmface_core.model.arkit import ARKIT_NAMES, SIDEWAYS
from mmface_core.model.face_model import FaceModel
from mmface_core.network.inference import Prediction
from train.data.sample import Sample

BATCH = 16
SIDE_DEG = 40.0  # of a cheek, mouth corner or eye, from straight ahead: beyond a right angle to the camera it is unseen
# Nothing of these shows on the face's surface, or only together with others; reported, but in no mean.
HIDDEN = ("tongueOut", "mouthClose")
GROUPS = {
    "lids": ("eyeBlink", "eyeWide", "eyeSquint"),
    "jaw": ("jawOpen",),
    "lips": ("mouth",),
    "brows, cheeks, nose": ("brow", "cheek", "nose"),
    "jaw's other ways": ("jawForward", "jawLeft", "jawRight"),
    "gaze": ("eyeLook",),
}


@dataclass(frozen=True)
class RenderedFigures:
    """Over n renders: r (52,) of each unit's weight, NaN where it never moves; weight_error (52,) mean absolute.

    r_seen (52,): the same over the renders in which the unit's own side of the face is not turned away. closed: mean
    blink where lids are truly closed (over 0.95); vertices_mm: mean distance of the face's vertices in the head frame;
    pose_deg: mean and median rotation error; nme51: % of sqrt(w*h).
    """

    count: int
    r: np.ndarray
    r_seen: np.ndarray
    weight_error: np.ndarray
    closed: float
    vertices_mm: float
    pose_deg: tuple[float, float]
    nme51: float

    def lines(self) -> list[str]:
        """The figures as text, one unit a line at the end."""
        rows = [
            f"{self.count} held-out renders: inner 51 {self.nme51:.2f} %, vertices {self.vertices_mm:.2f} mm, "
            f"pose {self.pose_deg[0]:.2f} degrees (median {self.pose_deg[1]:.2f}), "
            f"weights {self.weight_error.mean():.3f}, closed lids {self.closed:.2f}",
            "mean r: " + ", ".join(f"{name} {group_mean(self.r, name):.2f}" for name in GROUPS),
            "where seen: " + ", ".join(f"{name} {group_mean(self.r_seen, name):.2f}" for name in GROUPS),
        ]
        order = np.argsort(np.nan_to_num(self.r, nan=-2.0))
        return rows + [
            f"  {ARKIT_NAMES[i]:20} r {self.r[i]:5.2f}  where seen {self.r_seen[i]:5.2f}  "
            f"error {self.weight_error[i]:.3f}"
            for i in order
        ]


def group_mean(r: np.ndarray, name: str) -> float:
    """Mean over a group's units of their r (52,)."""
    chosen = [i for i, unit in enumerate(ARKIT_NAMES) if unit.startswith(GROUPS[name]) and unit not in HIDDEN]
    return float(np.nanmean(r[chosen]))


def sides_seen(rotations: np.ndarray) -> np.ndarray:
    """(n, 3, 3) head to camera -> (n, 52): whether the side of the face that a unit moves faces the camera; units of
    the middle or of both sides always count as seen.
    """
    seen = np.ones((len(rotations), len(ARKIT_NAMES)), bool)
    side = np.radians(SIDE_DEG)
    for name, sign in (("Left", 1.0), ("Right", -1.0)):
        towards = rotations[:, 2] @ np.array([sign * np.sin(side), 0.0, np.cos(side)])  # camera z of that direction
        sided = [unit.endswith(name) and unit not in SIDEWAYS for unit in ARKIT_NAMES]
        seen[:, sided] = (towards > 0.0)[:, None]
    return seen


def predict_samples(predictor: Predicts, samples: Sequence[Sample]) -> Prediction:
    """What the network says of the samples' crops, without their volumes, which would fill the memory."""
    parts = [predictor.predict(crops)._replace(volume=np.zeros(0, np.float32)) for crops in _batches(samples)]
    return Prediction(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def read_rendered(
    predictor: Predicts, model: FaceModel, samples: Sequence[Sample], config: ReconstructConfig | None = None
) -> list[FaceState]:
    """Read the samples' crops with network and refinement, as a tracker's single look does."""
    reader = Reconstructor(predictor, model, config)
    return [state for crops in _batches(samples) for state in reader.states(predictor.predict(crops))]


def _batches(samples: Sequence[Sample]) -> Iterator[np.ndarray]:
    """The samples' crops, (up to BATCH, H, W, 3) u8 at a time."""
    for start in range(0, len(samples), BATCH):
        yield np.stack([sample["crop"] for sample in samples[start : start + BATCH]])


def compare(states: Sequence[FaceState], samples: Sequence[Sample], model: FaceModel) -> RenderedFigures:
    """Figures of read faces against the samples' truth, both in pixels of the 256 crop."""
    got = np.stack([state.expression for state in states])
    true = np.stack([sample["expression"] for sample in samples])
    trusted = np.stack([sample["expression_weight"] for sample in samples]) >= 1.0  # not behind dark glasses
    blink = [ARKIT_NAMES.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]
    shut = (true[:, blink] > 0.95) & trusted[:, blink]
    face = _front(model)
    basis = np.concatenate((model.identity_basis.numpy(), model.expression_basis.numpy()))[:, face]
    codes = np.concatenate(
        [
            np.stack([s.identity for s in states]) - np.stack([s["identity"] for s in samples]),
            got - true,
        ],
        axis=1,
    )
    apart = np.linalg.norm((codes @ basis.reshape(len(basis), -1)).reshape(len(states), -1, 3), axis=2)
    rotations = (np.stack([s.rotation for s in states]), np.stack([s["rotation"] for s in samples]))
    turned = np.degrees(angle_between(*(torch.from_numpy(part) for part in rotations)).numpy())
    seen = trusted & sides_seen(rotations[1])
    return RenderedFigures(
        count=len(states),
        r=np.array([correlation(got[trusted[:, i], i], true[trusted[:, i], i]) for i in range(got.shape[1])]),
        r_seen=np.array([correlation(got[seen[:, i], i], true[seen[:, i], i]) for i in range(got.shape[1])]),
        weight_error=np.array([np.abs(got - true)[trusted[:, i], i].mean() for i in range(got.shape[1])]),
        closed=float(got[:, blink][shut].mean()) if shut.any() else float("nan"),
        vertices_mm=float(apart.mean()),
        pose_deg=(float(np.mean(turned)), float(np.median(turned))),
        nme51=float(point_errors(states, samples).mean()),
    )


def point_errors(states: Sequence[FaceState], samples: Sequence[Sample]) -> np.ndarray:
    """NME (n,) in % of the network's own inner landmarks, which lie on the same anatomical places as the truth."""
    errors = []
    for state, sample in zip(states, samples, strict=True):
        true = sample["points"][:68]
        size = np.sqrt(np.ptp(true, axis=0).prod())
        errors.append(100.0 * np.linalg.norm(state.points[17:68] - true[17:], axis=1).mean() / size)
    return np.array(errors)


def _front(model: FaceModel) -> np.ndarray:
    """Skin vertices of the face: in front of the ears, above the throat."""
    skin = model.mean[model.skin].numpy()
    return np.flatnonzero((skin[:, 2] > -20.0) & (skin[:, 1] > -85.0))


def correlation(got: np.ndarray, true: np.ndarray) -> float:
    """Pearson's r of (n,) and (n,); NaN where the truth hardly moves, 0 where only the reading does not."""
    if len(true) < 3 or true.std() < 0.02:
        return float("nan")
    return float(np.corrcoef(got, true)[0, 1]) if got.std() > 1e-6 else 0.0
