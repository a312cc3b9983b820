"""Laying a predicted face on a scan: rigid motion from landmarks, then rigid point-to-plane ICP."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from mmface_core.geometry.fit import rotations
from mmface_core.geometry.normals import normals_of
from mmface_core.geometry.similarity import fit_similarity

STEPS = 40
KEPT = 0.9  # share of the nearest pairs that pull: hair and clothes in the scan have no counterpart
DONE_MM = 1e-4


class Rigid(NamedTuple):
    """x -> scale * rotation x + shift."""

    scale: float
    rotation: np.ndarray
    shift: np.ndarray

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return self.scale * points @ self.rotation.T + self.shift


def from_pairs(points: np.ndarray, onto: np.ndarray) -> Rigid:
    """The rigid motion that lays points (n, 3) best onto others (n, 3), with the scale left as it is."""
    rotation = fit_similarity(points, onto).rotation
    return Rigid(1.0, rotation, onto.mean(axis=0) - rotation @ points.mean(axis=0))


def point_to_plane(scan: np.ndarray, vertices: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Distance (n,) of scan points (n, 3) from the planes at their nearest mesh vertices."""
    nearest = cKDTree(vertices).query(scan)[1]
    return np.abs(((scan - vertices[nearest]) * normals[nearest]).sum(axis=1))


def icp_to_scan(vertices: np.ndarray, triangles: np.ndarray, scan: np.ndarray, start: Rigid) -> Rigid:
    """Rigid ICP of a mesh (V, 3) mm to scan points (n, 3) mm from a start, whose scale it keeps.

    Each scan point pulls the plane at its nearest mesh vertex; the farthest tenth of the pairs is left out.
    """
    normals = normals_of(vertices, triangles)
    motion = start
    for _ in range(STEPS):
        moved, turned = motion(vertices), normals @ motion.rotation.T
        apart, nearest = cKDTree(moved).query(scan)
        kept = apart <= np.quantile(apart, KEPT)
        target, source, plane = scan[kept], moved[nearest[kept]], turned[nearest[kept]]
        residual = ((target - source) * plane).sum(axis=1)
        centre = source.mean(axis=0)
        jacobian = np.concatenate([np.cross(source - centre, plane), plane], axis=1)
        normal = jacobian.T @ jacobian
        step = np.linalg.solve(normal + 1e-9 * np.trace(normal) * np.eye(6), jacobian.T @ residual)
        turn = rotations(step[None, :3])[0]
        shift = turn @ (motion.shift - centre) + centre + step[3:]
        motion = Rigid(motion.scale, turn @ motion.rotation, shift)
        if np.linalg.norm(step[3:]) + 100.0 * np.linalg.norm(step[:3]) < DONE_MM:
            break
    return motion
