"""Where brows and lips really lie in a fitted portrait, against where the fit puts them.

The landmark model places brows by the face around them rather than by their hairs, one to two millimetres off, and the
fit leaves a millimetre at open lips. A texture taken from there teaches the network brows and lips that lie beside
their labels. Here brows are found as dark bands in the portrait itself and lips by the landmarks that the fit missed;
both become a smooth shift of the texture. What all portraits share is no error but a convention, and stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mmface_core.model.dense_points import point_kinds, point_names
from train.data import camera
from train.data.head import default_head
from train.data.portraits.correspond import Correspondence

SEARCH_MM, STEP_MM = 10.0, 0.5  # how far above and below the fit's place a brow is looked for
BAND = 0.5  # of the darkest: what counts as the brow in a profile
FAINT = 0.12  # contrast of a band to the skin around it, below which it says nothing
PRIOR_MM, NOISE_MM, SLOPE = 1.7, 1.2, 0.05  # of a brow's offset, of one profile, of the offset's slope along the brow
MOST_MM = 4.0
BROW_REACH_MM, LIP_REACH_MM = 7.0, 4.0  # how far a shift is felt around its points
NEAR_LIPS_MM = 4.0
LIDS_MM = (5.0, 11.0)  # above the upper lid: where a brow's shift begins, and where it counts in full
BROWS = range(17, 27)
# Where the middle of the dark band lies above the mesh's brow landmarks, mm: medians over the portraits.
USUAL = np.array([3.0, -0.1, -2.1, -3.6, -5.0, -5.0, -3.6, -2.1, -0.1, 3.0])


@dataclass(frozen=True)
class Offsets:
    """Of B portraits: brows (B, 10) mm upwards in the head frame at the brows' landmarks; lips (B, n, 2) mm right and
    down in the picture at the correspondences of `at_lips`."""

    brows: np.ndarray
    lips: np.ndarray

    def of(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Those of one portrait."""
        return self.brows[number], self.lips[number]


def without_common(offsets: Offsets) -> Offsets:
    """The offsets from their median over the portraits, none larger than `MOST_MM`."""
    brows = offsets.brows - np.median(offsets.brows, axis=0)
    lips = offsets.lips - np.median(offsets.lips, axis=0)
    return Offsets(np.clip(brows, -MOST_MM, MOST_MM), np.clip(lips, -MOST_MM, MOST_MM))


def brow_offsets(
    picture: np.ndarray, vertices: np.ndarray, rotation: np.ndarray, scale: float, at: np.ndarray
) -> np.ndarray:
    """How much higher than the fit's the brows lie, (10,) mm at the landmarks 17 to 26.

    picture (S, S, 3) u8 RGB; vertices (V, 3) mm, rotation (3, 3), scale px/mm, at (2,) px: the fit.
    """
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 0.7).astype(np.float32)
    marks = default_head().landmarks(vertices)[BROWS]
    heights = np.arange(-SEARCH_MM, SEARCH_MM + 0.5 * STEP_MM, STEP_MM)
    line = marks[:, None] + heights[None, :, None] * np.array([0.0, 1.0, 0.0])  # (10, n, 3)
    place = camera.project(line.reshape(-1, 3), rotation, scale, at, np.inf)[:, :2].reshape(*line.shape[:2], 2)
    place = place.astype(np.float32)
    profile = cv2.remap(grey, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    skin = np.percentile(profile, 80, axis=1, keepdims=True)
    dark = np.clip(skin - profile, 0.0, None)
    contrast = dark.max(1) / np.maximum(skin[:, 0], 1.0)
    band = np.where(dark > BAND * dark.max(1, keepdims=True), dark, 0.0)
    found = (band * heights).sum(1) / np.maximum(band.sum(1), 1e-6)
    trust = np.clip((contrast - FAINT) / FAINT, 0.0, 1.0)
    offset = found - USUAL
    return np.concatenate([_line(offset[side], trust[side], marks[side, 0]) for side in (slice(5), slice(5, 10))])


def _line(found: np.ndarray, trust: np.ndarray, across: np.ndarray) -> np.ndarray:
    """One brow's offsets (5,) mm as a straight line through what its profiles say, drawn to zero by the priors.

    A lock of hair or a frame of glasses moves one profile, not the line: profiles far from it lose their say.
    """
    x = np.column_stack([np.ones(5), across - across.mean()])
    prior = np.diag([PRIOR_MM**-2, SLOPE**-2])
    weight = trust.copy()
    line = np.zeros(2)
    for _ in range(4):
        normal = x.T @ (weight[:, None] * x) / NOISE_MM**2 + prior
        line = np.linalg.solve(normal, x.T @ (weight * found) / NOISE_MM**2)
        weight = trust / (1.0 + ((found - x @ line) / NOISE_MM) ** 2)
    return x @ line


def lip_offsets(
    seen: np.ndarray, lips: Correspondence, vertices: np.ndarray, rotation: np.ndarray, scale: float, at: np.ndarray
) -> np.ndarray:
    """How far the landmarks at the lips lie from the fit, (n, 2) mm right and down; seen (478, >= 2) px."""
    fitted = camera.project(lips.on(vertices), rotation, scale, at, np.inf)[:, :2]
    return (seen[lips.index, :2] - fitted) / scale


def at_lips(places: Correspondence) -> Correspondence:
    """Those of the correspondences that lie on the lips."""
    head = default_head()
    lips = head.landmarks(head.mean)[48:68]
    away = np.linalg.norm(places.on(head.mean)[:, None] - lips, axis=2).min(1)
    return places.those(away < NEAR_LIPS_MM)


class Influence:
    """How each vertex of the skin follows the brows' ten and the lips' n offsets."""

    def __init__(self, lips: Correspondence) -> None:
        """lips: as `at_lips` picks them."""
        self._brows = _around_brows()  # (n_skin, 10)
        self._lips = _around_lips(lips)  # (n_skin, n)

    def shifts(self, brows: np.ndarray, lips: np.ndarray, rotation: np.ndarray, scale: float) -> np.ndarray:
        """How far the picture's brows and lips lie from where the fit projects each vertex, (n_skin, 2) px.

        brows (10,) and lips (n, 2): one portrait's `Offsets`.
        """
        up = scale * np.array([rotation[0, 1], -rotation[1, 1]])  # a millimetre upwards in the head, px right and down
        return (self._brows @ brows)[:, None] * up + scale * (self._lips @ lips)


def at_points(shift: np.ndarray) -> np.ndarray:
    """The shifts (P, 2) px of the points that the network predicts, as far as they lie on brows or lips."""
    head = default_head()
    whole = np.zeros((head.n_vertices, 2), np.float32)
    whole[: len(shift)] = shift
    moved = np.isin(point_kinds(point_names()), ("brow", "lip"))
    return np.where(moved[:, None], head.dense_points(whole), 0.0)


def _around_brows() -> np.ndarray:
    head = default_head()
    skin, marks = head.mean[head.parts["skin"]], head.landmarks(head.mean)
    weight = _kernel(skin, marks[BROWS] + USUAL[:, None] * np.array([0.0, 1.0, 0.0]), BROW_REACH_MM)
    lids = marks[[37, 38, 43, 44], 1].mean()
    above = np.clip((skin[:, 1] - lids - LIDS_MM[0]) / (LIDS_MM[1] - LIDS_MM[0]), 0.0, 1.0)
    return weight * above[:, None]


def _around_lips(lips: Correspondence) -> np.ndarray:
    head = default_head()
    # With the jaw half open the lips are apart, and neither follows the other.
    weights = np.zeros(head.n_expression, np.float32)
    weights[head.index("jawOpen")] = 0.5
    parted = head.shape(np.zeros(head.n_identity, np.float32), weights)
    return _kernel(parted[head.parts["skin"]], lips.on(parted), LIP_REACH_MM)


def _kernel(skin: np.ndarray, points: np.ndarray, reach: float) -> np.ndarray:
    """Smooth weights (n_skin, n): near the points a mean of theirs, fading to nothing beyond `reach` mm."""
    away = np.linalg.norm(skin[:, None] - points, axis=2)
    weight = np.exp(-0.5 * (away / (0.6 * reach)) ** 2)
    fade = np.exp(-0.5 * (np.clip(away.min(1) - 0.5 * reach, 0.0, None) / (0.6 * reach)) ** 2)
    weight = weight / np.maximum(weight.sum(1, keepdims=True), 1e-12)
    return np.where(away.min(1) < 4.0 * reach, fade, 0.0)[:, None] * weight
