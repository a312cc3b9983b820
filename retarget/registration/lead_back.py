"""Leads the landmarks that were read on a picture of a rig back to its meshes, along the camera's rays."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmface_core.take import Take
from retarget.registration.found_face import CONTOUR, INNER, FoundFace
from retarget.registration.surface import Surface
from retarget.registration.view import PIXELS, View

Array = NDArray[np.floating]

_DEPTH_ERROR_MM = 25.0  # how far the capture's own depth of a landmark may be off
_FEWEST_HITS = 10  # inner landmarks on a mesh, to judge anything by


def bulges(view: View, take: Take, surfaces: Sequence[Surface]) -> bool:
    """Whether the mesh stands out where the face that was read does. A mask seen from inside looks like a face, too."""
    picture = np.asarray(take.landmarks[0], float)[INNER]
    depth = _depths(view, picture, surfaces).max(axis=0)  # (51,)
    hit = np.isfinite(depth)
    return bool(hit.sum() >= _FEWEST_HITS and np.corrcoef(depth[hit], picture[hit, 2])[0, 1] > 0.0)


def lead_back(view: View, take: Take, surfaces: Sequence[Surface]) -> FoundFace:
    """The picture's landmarks on the meshes: on those that most of the inner ones hit first."""
    picture = np.asarray(take.landmarks[0], float)
    depth = _depths(view, picture, surfaces)  # (meshes, 68)
    nearest = depth.argmax(axis=0)
    struck = np.isfinite(depth.max(axis=0))
    votes = {s.object: int(((nearest == i) & struck)[INNER].sum()) for i, s in enumerate(surfaces)}
    # A mesh that a sixth of the face lies on belongs to it; an eyeball or a strand of hair does not.
    objects = tuple(sorted((o for o, n in votes.items() if n >= len(INNER) / 6), key=lambda o: -votes[o]))
    kept = [i for i, s in enumerate(surfaces) if s.object in objects]
    best = depth[kept].max(axis=0) if kept else np.full(68, -np.inf)
    seen = np.isfinite(best)
    seen[list(CONTOUR)] = False
    # The capture knows how deep the points lie among themselves: a ray through an empty eye socket is no landmark.
    offset = np.where(seen, best - picture[:, 2], np.nan)
    shift = float(np.nanmedian(offset)) if seen.any() else 0.0
    seen &= np.abs(np.where(seen, best, 0.0) - picture[:, 2] - shift) < _DEPTH_ERROR_MM * float(take.scale[0])
    placed = picture.copy()
    placed[:, 2] = np.where(seen, best, picture[:, 2] + shift)
    return FoundFace(
        axes=view.axes @ take.rotation[0],
        scale=view.height / PIXELS * float(take.scale[0]),
        landmarks=view.to_world(placed),
        seen=seen,
        objects=objects,
        identity=np.asarray(take.identity, float),
        confidence=float(take.confidence[0]),
    )


def _depths(view: View, picture: Array, surfaces: Sequence[Surface]) -> Array:
    """The depth (meshes, Q) of each mesh under points (Q, 3) of the picture, -inf where it is missed."""
    return np.stack([cast_rays(picture[:, :2], view.to_picture(s.positions), s.triangles) for s in surfaces])


def cast_rays(pixels: Array, picture: Array, triangles: NDArray[np.integer]) -> Array:
    """The greatest depth (Q,) at which rays through pixels (Q, 2) meet a mesh whose vertices are picture (N, 3).

    -inf where a ray misses.
    """
    corners = picture[triangles]  # (F, 3, xyz)
    low, high = corners[:, :, :2].min(axis=1), corners[:, :, :2].max(axis=1)
    depth = np.full(len(pixels), -np.inf)
    for number, (x, y) in enumerate(pixels):
        near = corners[(low[:, 0] <= x) & (x <= high[:, 0]) & (low[:, 1] <= y) & (y <= high[:, 1])]
        if not len(near):
            continue
        a, b, c = near[:, 0], near[:, 1], near[:, 2]
        double = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
        safe = np.where(np.abs(double) < 1e-12, np.inf, double)
        s = ((x - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (y - a[:, 1])) / safe
        t = ((b[:, 0] - a[:, 0]) * (y - a[:, 1]) - (x - a[:, 0]) * (b[:, 1] - a[:, 1])) / safe
        inside = (s >= 0) & (t >= 0) & (s + t <= 1) & np.isfinite(safe)
        if inside.any():
            depth[number] = (a[:, 2] + s * (b[:, 2] - a[:, 2]) + t * (c[:, 2] - a[:, 2]))[inside].max()
    return depth
