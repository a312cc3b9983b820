"""Lays the template's skin over a surface: first by pose and identity, then by free offsets that stay smooth.

The second step is the optimal-step non-rigid ICP of B. Amberg, S. Romdhani and T. Vetter ("Optimal step nonrigid ICP
algorithms for surface registration", CVPR 2007) with offsets of the fitted model as unknowns instead of affine maps:
identity has taken up what is large, so what is left is small and needs no rotations. Correspondences look at normals
too, and those that are far or face away carry no weight, so that a face without a skull, or a skull without ears,
registers as well. Everything here is in the template's frame, millimetres.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import splu
from scipy.spatial.transform import Rotation

from mmface_core.geometry.normals import normals_of
from mmface_core.geometry.similarity import Similarity
from retarget.registration.closest import Matches, SurfaceIndex
from retarget.registration.template import Template, edges_of, laplacian

Array = NDArray[np.floating]


@dataclass(frozen=True)
class NonrigidConfig:
    """Settings of both steps. Millimetres.

    reach: matches farther than this (first and last round) do not count; facing: nor those whose normals' cosine is
    less. noise: of a match, against the standard normal prior of identity. point_share: how much a match holds along
    the surface, of what it holds across. stiffness, landmark_weight: of the offsets, round by round. landmark_noise: of
    the landmarks. landmark_slack: so far a landmark may be off before it pulls at the offsets; people who annotate
    photos, and our capture, are no better.
    """

    pose_rounds: int = 12
    reach: tuple[float, float] = (25.0, 6.0)
    facing: float = 0.5
    noise: tuple[float, float] = (8.0, 3.0)
    landmark_noise: tuple[float, float] = (3.0, 5.0)
    point_share: float = 0.1
    stiffness: tuple[float, ...] = (30.0, 15.0, 7.0, 3.0, 1.5, 0.8)
    landmark_weight: tuple[float, ...] = (100.0, 60.0, 40.0, 20.0, 10.0, 5.0)
    landmark_slack: float = 3.0


def fit_identity(
    template: Template, index: SurfaceIndex, landmarks: Array, seen: NDArray[np.bool_], config: NonrigidConfig
) -> tuple[Array, Similarity]:
    """Identity codes (K,) and the small similarity that lay the template on the surface in `index`.

    landmarks (68, 3) in the frame of the surface, used where `seen`. Gauss-Newton on point-to-plane distances of
    the face's skin, the landmarks and the prior of identity, with new matches in each round.
    """
    skin = template.skin
    face = np.flatnonzero(template.mean[skin, 2] > -30.0)  # ears, skull and neck differ too much between rigs
    basis = template.identity[:, skin][:, face]
    marks_basis = np.stack([template.landmarks(component) for component in template.identity])
    triangles = template.part_triangles("skin")
    codes, pose = np.zeros(len(template.identity)), Similarity(1.0)
    for number in range(config.pose_rounds):
        share = number / (config.pose_rounds - 1)
        noise, reach, mark_noise = (a + share * (b - a) for a, b in (config.noise, config.reach, config.landmark_noise))
        shape = template.mean + np.tensordot(codes, template.identity, 1)
        placed = pose.apply(shape)
        normals = normals_of(placed[skin], triangles)[face]
        points = placed[skin][face]
        found = index.match(points, normals)
        weight = match_weights(found, reach, config.facing)
        rows, residuals = [], []
        moved_basis = pose.turn(basis)
        for direction, strength in ((found.normal, 1.0), *((np.tile(e, (len(points), 1)), 0.1) for e in np.eye(3))):
            root = np.sqrt(weight * strength / len(points) * 400.0) / noise  # a surface is worth 400 independent points
            rows.append(root[:, None] * _jacobian(points, direction, moved_basis))
            residuals.append(root * ((found.point - points) * direction).sum(axis=1))
        marks = pose.apply(template.landmarks(shape))
        root = seen / mark_noise
        for axis in np.eye(3):
            direction = np.tile(axis, (68, 1))
            rows.append(root[:, None] * _jacobian(marks, direction, pose.turn(marks_basis)))
            residuals.append(root * ((landmarks - marks) @ axis))
        rows.append(np.concatenate([np.zeros((len(codes), 7)), np.eye(len(codes))], axis=1))
        residuals.append(-codes)
        step = np.linalg.lstsq(np.concatenate(rows), np.concatenate(residuals), rcond=None)[0]
        codes = codes + step[7:]
        pose = _nudged(pose, step[:7])
    return codes, pose


def match_weights(found: Matches, reach: float, facing: float) -> Array:
    """(Q,) 0..1: full near the surface, none beyond `reach` or where the normals disagree."""
    near = np.asarray(np.clip(1 - (found.distance / reach) ** 2, 0.0, 1.0), float) ** 2
    return near * np.asarray(np.clip((found.facing - facing) / (1 - facing), 0.0, 1.0), float)


def fit_offsets(
    vertices: Array,
    triangles: NDArray[np.integer],
    index: SurfaceIndex,
    config: NonrigidConfig,
    landmark_matrix: sparse.csr_matrix,
    landmarks: Array,
) -> tuple[Array, Matches, Array]:
    """Vertices (S, 3) of the skin moved onto the surface, their matches, and the matches' weights (S,).

    landmark_matrix (L, S) @ vertices are the landmarks whose goals are (L, 3).
    """
    edges = edges_of(triangles)
    length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    smooth = sparse.kron(
        laplacian(edges, len(vertices), np.median(length) / np.maximum(length, 0.2)), np.eye(3)
    ).tocsr()
    marks = sparse.kron(landmark_matrix, np.eye(3)).tocsr()
    away = landmarks - landmark_matrix @ vertices
    pull = away * np.clip(
        1 - config.landmark_slack / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9), 0, 1
    )
    rest, now = vertices, vertices
    for stiffness, mark_weight in zip(config.stiffness, config.landmark_weight, strict=True):
        found = index.match(now, normals_of(now, triangles))
        weight = match_weights(found, 2 * config.reach[1], config.facing)  # the last round is stricter
        blocks = weight[:, None, None] * (
            np.einsum("vi,vj->vij", found.normal, found.normal) + config.point_share * np.eye(3)
        )
        data = sparse.bsr_matrix((blocks, np.arange(len(now)), np.arange(len(now) + 1))).tocsr()
        system = data + stiffness * smooth + mark_weight * marks.T @ marks + 1e-6 * sparse.identity(3 * len(now))
        wanted = np.einsum("vij,vj->vi", blocks, found.point - rest).reshape(-1)
        wanted += mark_weight * marks.T @ pull.reshape(-1)
        now = rest + splu(system.tocsc()).solve(wanted).reshape(-1, 3)
    found = index.match(now, normals_of(now, triangles))
    return now, found, match_weights(found, config.reach[1], config.facing)


def _jacobian(points: Array, direction: Array, basis: Array) -> Array:
    """(Q, 7 + K): change of direction . point by a small turn (3), shift (3), relative growth (1), and the codes."""
    return np.concatenate(
        [
            np.cross(points, direction),
            direction,
            (points * direction).sum(axis=1, keepdims=True),
            np.einsum("kqx,qx->qk", basis, direction),
        ],
        axis=1,
    )


def _nudged(pose: Similarity, step: Array) -> Similarity:
    """The pose followed by a small turn, shift and growth about the origin."""
    turn = Rotation.from_rotvec(step[:3]).as_matrix()
    growth = float(np.exp(np.clip(step[6], -0.3, 0.3)))
    return Similarity(pose.scale * growth, turn @ pose.rotation, growth * turn @ pose.translation + step[3:6])
