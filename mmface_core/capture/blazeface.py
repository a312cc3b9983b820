"""One BlazeFace network: what it wants as input, and what its numbers mean.

The two networks are MediaPipe's face detectors (Apache-2.0), converted by tools/convert_blazeface.py. The steps around
the network follow MediaPipe's graphs number by number, because the networks are touchy: an area or half-pixel resize
instead of the corner-aligned bilinear warp moves boxes by up to half their width.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from mmface_core.paths import asset

# Keypoints of a detection, in this order; left and right are the subject's.
KEYPOINTS: Final = ("eye_right", "eye_left", "nose_tip", "mouth", "ear_right", "ear_left")
NMS_IOU: Final = 0.3
LOGIT_LIMIT: Final = 100.0


@dataclass(frozen=True)
class BlazeFaceKind:
    """What tells the two networks apart: file, input side in px, anchor grids as (cells per side, anchors per cell)."""

    name: str
    size: int
    grids: tuple[tuple[int, int], ...]
    threshold: float


# The thresholds are those that MediaPipe applies whatever its caller asks for.
SHORT_RANGE: Final = BlazeFaceKind("face_short", 128, ((16, 2), (8, 6)), 0.5)
FULL_RANGE: Final = BlazeFaceKind("face_full", 192, ((48, 1),), 0.6)


@dataclass(frozen=True)
class Detection:
    """A face in a picture: box (4,) as x0, y0, x1, y1 and keypoints (6, 2), 0-based pixels; score 0..1."""

    box: NDArray[np.float32]
    keypoints: NDArray[np.float32]
    score: float

    def moved(self, matrix: NDArray[np.floating]) -> "Detection":
        """This detection with its points mapped by an affine (2, 3); the box is again upright."""
        x0, y0, x1, y1 = self.box
        corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) @ matrix[:, :2].T + matrix[:, 2]
        box = np.concatenate([corners.min(0), corners.max(0)]).astype(np.float32)
        keypoints = (self.keypoints @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
        return Detection(box, keypoints, self.score)


def anchor_centres(kind: BlazeFaceKind) -> NDArray[np.float32]:
    """Anchor centres (A, 2) as x, y in 0..1 of the input, in the order of the network's outputs."""
    parts = []
    for cells, per_cell in kind.grids:
        axis = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        y, x = np.meshgrid(axis, axis, indexing="ij")
        parts.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), per_cell, axis=0))
    return np.concatenate(parts)


def letterbox(image: NDArray[np.uint8], region: NDArray[np.floating], size: int) -> NDArray[np.float32]:
    """The square region of an RGB picture as network input (3, size, size) in -1..1, black outside the picture.

    region (3,): x0, y0, side in pixels. Corner-aligned: output pixel i shows the picture at x0 + i * side / size.
    """
    x0, y0, side = region
    scale = side / size
    inverse = np.array([[scale, 0.0, x0], [0.0, scale, y0], [0.0, 0.0, 1.0]])
    warped = cv2.warpPerspective(image, inverse, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return warped.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1.0


def decode(
    kind: BlazeFaceKind,
    centres: NDArray[np.float32],
    scores: NDArray[np.float32],
    boxes: NDArray[np.float32],
    region: NDArray[np.floating],
    threshold: float,
) -> list[Detection]:
    """Detections in picture pixels, before any suppression, from the outputs for one region.

    centres (A, 2); scores (A, 1) logits; boxes (A, 16): centre x, y, width, height, then 6 keypoints, in input pixels
    relative to the anchors; region (3,) as for `letterbox`.
    """
    probability = 1.0 / (1.0 + np.exp(-np.clip(scores[:, 0], -LOGIT_LIMIT, LOGIT_LIMIT).astype(np.float64)))
    kept = np.flatnonzero(probability >= threshold)
    pairs = boxes[kept].reshape(len(kept), 8, 2) / kind.size  # centre, size, six keypoints
    pairs[:, [0, 2, 3, 4, 5, 6, 7]] += centres[kept, None]
    corner, side = np.asarray(region[:2], np.float32), np.float32(region[2])
    found = []
    for (centre, extent, *points), score in zip(pairs, probability[kept], strict=True):
        box = np.concatenate([centre - extent / 2, centre + extent / 2]).reshape(2, 2) * side + corner
        found.append(Detection(box.reshape(4), np.stack(points) * side + corner, float(score)))
    return found


def overlap(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Intersection over union of two boxes (4,)."""
    extent = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
    shared = float(extent[0] * extent[1])
    total = float((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod()) - shared
    return shared / total if total > 0 else 0.0


def merge(detections: list[Detection], iou: float = NMS_IOU) -> list[Detection]:
    """Weighted non-maximum suppression: overlapping detections become their score-weighted mean, best first."""
    rest = sorted(detections, key=lambda d: -d.score)
    merged = []
    while rest:
        best = rest[0]
        group = [d for d in rest if d is best or overlap(best.box, d.box) > iou]
        rest = [d for d in rest if not any(d is member for member in group)]
        weights = np.array([d.score for d in group], np.float32)
        weights /= weights.sum()
        box = sum(w * d.box for w, d in zip(weights, group, strict=True))
        keypoints = sum(w * d.keypoints for w, d in zip(weights, group, strict=True))
        merged.append(Detection(np.asarray(box), np.asarray(keypoints), best.score))
    return merged


class BlazeFace:
    """One of the two networks, run by ONNX Runtime on the CPU."""

    def __init__(self, kind: BlazeFaceKind, threads: int = 1) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.kind = kind
        self._centres = anchor_centres(kind)
        self._session = ort.InferenceSession(
            str(asset(f"{kind.name}.onnx")), options, providers=["CPUExecutionProvider"]
        )

    def detect(
        self, image: NDArray[np.uint8], regions: NDArray[np.floating], threshold: float | None = None
    ) -> list[Detection]:
        """Unmerged detections in all square regions (R, 3) of an RGB picture, in picture pixels."""
        threshold = self.kind.threshold if threshold is None else threshold
        found = []
        for start in range(0, len(regions), 8):  # a few at a time: memory stays small, and 8 fill the cores
            batch = regions[start : start + 8]
            inputs = np.stack([letterbox(image, region, self.kind.size) for region in batch])
            scores, boxes = self._session.run(["scores", "boxes"], {"image": inputs})
            for region, score, box in zip(batch, scores, boxes, strict=True):
                found += decode(self.kind, self._centres, score, box, region, threshold)
        return found
