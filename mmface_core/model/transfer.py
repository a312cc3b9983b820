"""Moving named expression units from one face model's topology to another's, once, and keeping the result.

The source's neutral skin is laid on the target's (`registration`); then each unit is carried over as deformation
transfer does (Sumner and Popovic 2004), in its linear form for small offsets: the target's offsets are those whose
gradients over the surface equal the source's, held lightly to the source's own offsets, since gradients say nothing of
a shift. Millimetres throughout.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from mmface_core.errors import UserError
from mmface_core.geometry.normals import normals_of
from mmface_core.model.face_model import FaceModel
from mmface_core.model.registration import FARTHEST_MM, SAME_SIDE, register
from mmface_core.whole_file import replacing

VERSION = 1  # of the method: another one does not read this one's cache
CACHE_ENVIRONMENT = "MMFACE_CACHE"
NEIGHBOURS = 6
HOLD = 0.02  # 1/mm^2 against the gradients: how strongly offsets themselves are held


def units_on(target: FaceModel, source: FaceModel) -> np.ndarray:
    """The source's expression components (U, V, 3) mm on the vertices of the target model (its skin; others stay 0).

    Raises UserError where a model has no skin.
    """
    for model in (target, source):
        if "skin" not in model.parts:
            raise UserError("Units can only be moved between models that have a skin.")
    rest, faces = _skin(source)
    onto, onto_faces = _skin(target)
    marks = _landmark_matrix(source)
    laid = register(rest, faces, marks, onto, onto_faces, _landmark_matrix(target) @ onto)
    offsets = source.expression_basis[:, source.skin].numpy().astype(np.float64)  # (U, S, 3)
    share = _correspondence(laid, faces, onto, onto_faces)
    # Gradients are taken on the laid source, in whose shape and size the offsets must first be.
    size = _local_size(rest, laid, faces)
    scaled = offsets * size[None, :, None]
    gradients = _vertex_gradients(laid, faces, scaled)  # (U, S, 3 along, 3 of offset)
    moved = _solve(onto, onto_faces, share, gradients, scaled)
    out = np.zeros((len(offsets), target.n_vertices, 3), np.float32)
    out[:, target.skin] = moved
    return out


def cached_units(target: FaceModel, source: FaceModel, folder: Path | None = None) -> np.ndarray:
    """`units_on`, computed once for a pair of models; kept in MMFACE_CACHE or ~/.cache/mmface/models."""
    if folder is None:
        root = os.environ.get(CACHE_ENVIRONMENT)
        folder = Path(root) if root else Path.home() / ".cache" / "mmface"
        folder = folder / "models"
    path = folder / f"units-{_fingerprint(target, source)}.npy"
    if path.is_file():
        try:
            kept = np.load(path, allow_pickle=False)
            if kept.shape == (source.n_expression, target.n_vertices, 3):
                return kept
        except (OSError, ValueError, EOFError):
            pass  # broken by a full disk or a kill: made again
    made = units_on(target, source)
    with suppress(OSError):  # where nothing can be kept, it is made again each time
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            np.save(file, made)
    return made


def with_units(arrays: Mapping[str, np.ndarray], names: tuple[str, ...], units: np.ndarray) -> dict[str, np.ndarray]:
    """A model file's arrays with named units (U, V, 3) for all of its vertices beside its own components."""
    return {**arrays, "unit_names": np.array(names), "unit_basis": units.astype(np.float32)}


def _skin(model: FaceModel) -> tuple[np.ndarray, np.ndarray]:
    triangles = model.part_triangles("skin").numpy() - model.skin.start
    # The mean of a PCA of expressions is no rest.
    return (model.mean - model.expression_mean)[model.skin].numpy().astype(np.float64), triangles


def _landmark_matrix(model: FaceModel) -> sparse.csr_matrix:
    """(68, S) that picks the landmarks from skin vertices."""
    columns = model.landmark_vertices.numpy() - model.skin.start
    rows = np.repeat(np.arange(68), 3)
    size = model.skin.stop - model.skin.start
    values = model.landmark_weights.numpy().ravel().astype(np.float64)
    return sparse.csr_matrix((values, (rows, columns.ravel())), (68, size))


def _correspondence(laid: np.ndarray, faces: np.ndarray, onto: np.ndarray, onto_faces: np.ndarray) -> sparse.csr_matrix:
    """(V, S): each target vertex as a mean of near source vertices that face the same way; empty rows far from all."""
    apart, near = cKDTree(laid).query(onto, k=NEIGHBOURS)
    cosine = np.einsum("vki,vi->vk", normals_of(laid, faces)[near], normals_of(onto, onto_faces))
    weight = np.where((cosine > SAME_SIDE) & (apart < FARTHEST_MM), 1.0 / np.square(apart + 0.05), 0.0)
    total = weight.sum(axis=1, keepdims=True)
    weight = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)
    rows = np.repeat(np.arange(len(onto)), NEIGHBOURS)
    return sparse.csr_matrix((weight.ravel(), (rows, near.ravel())), (len(onto), len(laid)))


def _local_size(rest: np.ndarray, laid: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """How much larger the laid mesh is around each vertex (S,): mean ratio of edges, between a half and two."""
    ratios, count = np.zeros(len(rest)), np.zeros(len(rest))
    for a, b in ((0, 1), (1, 2), (2, 0)):
        edge = faces[:, [a, b]]
        before = np.linalg.norm(rest[edge[:, 0]] - rest[edge[:, 1]], axis=1)
        after = np.linalg.norm(laid[edge[:, 0]] - laid[edge[:, 1]], axis=1)
        for end in range(2):
            np.add.at(ratios, edge[:, end], np.log(np.maximum(after, 1e-6) / np.maximum(before, 1e-6)))
            np.add.at(count, edge[:, end], 1.0)
    # One factor for the whole face would make small features of large heads too large; single edges are too noisy.
    mean = np.divide(ratios, count, out=np.zeros_like(ratios), where=count > 0)
    return np.exp(np.clip(0.5 * (mean + np.median(mean)), np.log(0.5), np.log(2.0)))


def _gradient_operator(vertices: np.ndarray, faces: np.ndarray) -> tuple[sparse.csr_matrix, np.ndarray]:
    """(3F, V) surface gradients of a function on vertices, x, y, z of each triangle in turn; and areas (F,)."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    double = np.maximum(np.linalg.norm(normal, axis=1), 1e-9)
    unit = normal / double[:, None]
    parts = [np.cross(unit, edge) / double[:, None] for edge in (c - b, a - c, b - a)]  # (F, 3) for each corner
    rows = np.repeat(3 * np.arange(len(faces)), 3) + np.tile(np.arange(3), len(faces))
    blocks = [(part.ravel(), (rows, np.repeat(faces[:, k], 3))) for k, part in enumerate(parts)]
    shape = (3 * len(faces), len(vertices))
    operator = sum((sparse.csr_matrix(block, shape) for block in blocks), sparse.csr_matrix(shape))
    return operator.tocsr(), double / 2


def _vertex_gradients(vertices: np.ndarray, faces: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Gradients (U, S, 3, 3) of offsets (U, S, 3) at vertices, averaged over the triangles around by area."""
    operator, area = _gradient_operator(vertices, faces)
    units, count = len(offsets), len(vertices)
    columns = offsets.transpose(1, 0, 2).reshape(count, -1)  # (S, 3U)
    flat = (operator @ columns).reshape(len(faces), -1)  # (F, 3 * 3U)
    rows, weights = faces.ravel(), np.repeat(area, 3)
    gather = sparse.csr_matrix((weights, (rows, np.repeat(np.arange(len(faces)), 3))), (count, len(faces)))
    total = np.maximum(np.asarray(gather.sum(axis=1)), 1e-9)
    return ((gather @ flat) / total).reshape(count, 3, units, 3).transpose(2, 0, 1, 3)


def _solve(
    onto: np.ndarray, faces: np.ndarray, share: sparse.csr_matrix, gradients: np.ndarray, offsets: np.ndarray
) -> np.ndarray:
    """Offsets (U, V, 3) on the target whose gradients and values come nearest to the source's."""
    units, count = len(offsets), len(onto)
    operator, area = _gradient_operator(onto, faces)
    known = np.asarray(share.sum(axis=1)).ravel() > 0
    corner_mean = sparse.csr_matrix(
        (np.full(faces.size, 1 / 3), (np.repeat(np.arange(len(faces)), 3), faces.ravel())), (len(faces), count)
    )
    at_vertex = share @ gradients.transpose(1, 0, 2, 3).reshape(gradients.shape[1], -1)
    wanted = (
        (corner_mean @ at_vertex).reshape(len(faces), units, 3, 3).transpose(0, 2, 1, 3).reshape(3 * len(faces), -1)
    )
    values = share @ offsets.transpose(1, 0, 2).reshape(offsets.shape[1], -1)  # (V, 3U), 0 where nothing is near
    weight = sparse.diags(np.repeat(area, 3))
    near = np.zeros(count)
    for corner in range(3):
        np.add.at(near, faces[:, corner], area / 3)
    hold = HOLD * np.where(known, 1.0, 5.0) * np.maximum(near, 1e-6)
    matrix = operator.T @ weight @ operator + sparse.diags(hold)
    right = operator.T @ (weight @ wanted) + hold[:, None] * values
    solved = splu(matrix.tocsc()).solve(np.ascontiguousarray(right))
    return solved.reshape(count, units, 3).transpose(1, 0, 2)


def _fingerprint(target: FaceModel, source: FaceModel) -> str:
    digest = hashlib.sha256(f"{VERSION}".encode())
    for model in (target, source):
        for part in (model.mean, model.expression_mean, model.triangles, model.landmark_vertices):
            digest.update(part.numpy().tobytes())
    digest.update(source.expression_basis.numpy().tobytes())
    return digest.hexdigest()[:24]
