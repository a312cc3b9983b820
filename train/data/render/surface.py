"""What is known of the default head's surfaces before any sample: kinds, occlusion, regions, eyeball directions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

from train.data.head import Head, default_head
from train.data.render import shaders

MOUTH_REACH_MM = {"mouth": 14.0, "teeth_upper": 22.0, "teeth_lower": 22.0, "tongue": 18.0}


@dataclass(frozen=True)
class Surface:
    """Per-vertex facts of the mean head (V vertices).

    eye_direction (V, 3) f32, unit direction from the eyeball's centre at rest (zero elsewhere);
    lips, brows, lids (n_skin,) f32 0..1 masks for painting; faces: kind of surface -> triangles (F, 3) i32.
    """

    eye_direction: np.ndarray
    lips: np.ndarray
    brows: np.ndarray
    lids: np.ndarray
    faces: dict[int, np.ndarray]


@lru_cache(maxsize=1)
def default_surface() -> Surface:
    """The facts for the bundled head."""
    head = default_head()
    direction = np.zeros((head.n_vertices, 3), np.float32)
    for eye in ("eye_left", "eye_right"):
        part = head.parts[eye]
        offset = head.mean[part] - eye_centre(head, part)
        direction[part] = offset / np.linalg.norm(offset, axis=1, keepdims=True)
    skin = head.mean[head.parts["skin"]]
    marks = head.landmarks(head.mean)
    return Surface(
        eye_direction=direction,
        lips=_lip_mask(skin, marks),
        brows=_line_mask(skin, [marks[17:22], marks[22:27]], 3.2, 2.2),
        lids=_line_mask(skin, [marks[[36, 37, 38, 39, 40, 41, 36]], marks[[42, 43, 44, 45, 46, 47, 42]]], 1.5, 1.5),
        faces=_faces(head),
    )


def _faces(head: Head) -> dict[int, np.ndarray]:
    """Triangles by kind of surface; lashes and brows are left out, because as strips they look like thick paint."""
    kinds = {"skin": shaders.TEXTURED, "eye_left": shaders.EYEBALL, "eye_right": shaders.EYEBALL}
    faces: dict[int, list[np.ndarray]] = {}
    for name, part in head.parts.items():
        if name not in ("lashes", "brows"):
            own = (head.triangles[:, 0] >= part.start) & (head.triangles[:, 0] < part.stop)
            faces.setdefault(kinds.get(name, shaders.FLAT), []).append(head.triangles[own])
    return {kind: np.ascontiguousarray(np.concatenate(lists)) for kind, lists in faces.items()}


def eye_centre(head: Head, part: slice) -> np.ndarray:
    """Centre (3,) mm of an eyeball at rest: the middle of its bounding box sideways, the ball's own depth."""
    points = head.mean[part]
    # Solve |p - c|^2 = r^2 for c and r: a sphere fit, exact for a ball and robust against a cornea's bulge.
    system = np.column_stack((2 * points, np.ones(len(points))))
    return np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0][:3].astype(np.float32)


def mouth_occlusion(head: Head, vertices: np.ndarray, out: np.ndarray) -> None:
    """Write into `out` (V,) how much light reaches the parts of the mouth: it falls off with the depth behind the lips.

    vertices (V, 3) mm in the head frame, so that a tongue put out is lit.
    """
    lips_z = head.landmarks(vertices)[60:68, 2].mean()
    for name, reach_mm in MOUTH_REACH_MM.items():
        if name in head.parts:
            part = head.parts[name]
            out[part] = np.exp(-np.clip(lips_z - vertices[part, 2], 0.0, None) / reach_mm)


def _lip_mask(skin: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """1 between the outer and the inner lip line (landmarks 48-59 and 60-67), soft over 1.5 mm."""
    outer, inner = marks[48:60], marks[60:68]
    middle = (_resample(outer, 48) + _resample(inner, 48)) / 2
    width = np.linalg.norm(_resample(outer, 48) - _resample(inner, 48), axis=1) / 2
    distance, nearest = cKDTree(middle).query(skin)
    return np.clip(1.0 - (distance - width[nearest]) / 1.5, 0.0, 1.0).astype(np.float32)


def _line_mask(skin: np.ndarray, lines: list[np.ndarray], half_width: float, soft: float) -> np.ndarray:
    """1 within half_width mm of the polylines (n, 3), falling to 0 over `soft` mm more."""
    mask = np.zeros(len(skin), np.float32)
    for line in lines:
        distance, _ = cKDTree(_resample(line, 64, closed=False)).query(skin)
        mask = np.maximum(mask, np.clip(1.0 - (distance - half_width) / soft, 0.0, 1.0))
    return mask


def _resample(line: np.ndarray, count: int, closed: bool = True) -> np.ndarray:
    """`count` points (count, 3) evenly by arc length along a polyline (n, 3)."""
    if closed:
        line = np.vstack((line, line[:1]))
    steps = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))))
    at = np.linspace(0.0, steps[-1], count, endpoint=not closed)
    return np.column_stack([np.interp(at, steps, line[:, axis]) for axis in range(3)])
