"""FLAME: `generic_model.pkl`, `flame2023.pkl` and their kin; neutral pose, so its skinning is left out."""

from __future__ import annotations

import io
import tokenize
from pathlib import Path

import numpy as np

from mmface_core.archive import BROKEN
from mmface_core.errors import UserError
from mmface_core.model.readers.pickle_safe import as_array, read_pickle, unpickle
from mmface_core.model.readers.source import Landmarks, SourceModel, as_triangles, check_counts

EMBEDDING = "landmark_embedding.npy"
IDENTITIES = 300  # the first components of shapedirs; the rest are expressions


def read_flame(path: Path) -> SourceModel:
    """A FLAME pickle; the 68 landmarks come from `landmark_embedding.npy` beside it where there is one.

    Jaw and eyes turn by skinning in FLAME: only its linear expressions are taken, which the notes say.
    """
    content = read_pickle(path)
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no dictionary, so it is no FLAME model.")
    missing = [key for key in ("v_template", "shapedirs", "f") if key not in content]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}; it is no FLAME model.")
    mean = as_array(content["v_template"], str(path), "v_template").astype(np.float64)
    shapes = as_array(content["shapedirs"], str(path), "shapedirs")
    if mean.ndim != 2 or mean.shape[1] != 3 or shapes.ndim != 3 or shapes.shape[:2] != mean.shape:
        raise UserError(f"{path}: v_template {mean.shape} and shapedirs {shapes.shape} do not fit together.")
    check_counts(path, len(mean), shapes.shape[2])
    if shapes.shape[2] <= IDENTITIES:
        raise UserError(f"{path}: shapedirs has {shapes.shape[2]} components; FLAME has 300 identities and more.")
    basis = np.ascontiguousarray(shapes.transpose(2, 0, 1), np.float32)
    triangles = as_triangles(as_array(content["f"], str(path), "f"), path, "f").astype(np.int64)
    expressions = shapes.shape[2] - IDENTITIES
    files: tuple[Path, ...] = (path,)
    landmarks = None
    embedding = path.parent / EMBEDDING
    if embedding.is_file():
        landmarks, files = read_embedding(embedding, triangles), (path, embedding)
    return SourceModel(
        name="FLAME",
        files=files,
        mean=mean,
        identity_basis=basis[:IDENTITIES],
        expression_basis=basis[IDENTITIES:],
        triangles=triangles,
        identity_std=np.ones(IDENTITIES),
        expression_std=np.ones(expressions),
        expression_spread=np.ones(expressions),
        landmarks=landmarks,
        landmark_hint=f"{EMBEDDING} (as DECA ships it) beside the model would give them. ",
        unit="m",
        notes=[f"{IDENTITIES} identities and {expressions} expressions; jaw, neck and eyes stay at rest (no skinning)"],
    )


def read_embedding(path: Path, triangles: np.ndarray) -> Landmarks:
    """The 68 points of DECA's `landmark_embedding.npy`: triangle numbers and barycentric weights."""
    data = path.read_bytes()
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        read_header(stream)
    except (*BROKEN, tokenize.TokenError) as error:  # NumPy tidies headers of Python 2 by its tokens
        raise UserError(f"{path} is not a NumPy file ({error}).") from error
    content = unpickle(stream.read(), str(path))
    if isinstance(content, np.ndarray) and content.size == 1:  # an array of one dictionary
        content = content.reshape(-1)[0]
    names = ("full_lmk_faces_idx", "full_lmk_bary_coords")
    if not isinstance(content, dict) or not {*names} <= {*content}:
        raise UserError(f"{path} lacks {' or '.join(names)}; it is not DECA's landmark embedding.")
    faces, weights = (as_array(content[name], str(path), name).reshape(-1) for name in names)
    if faces.size != 68 or weights.size != 3 * 68 or faces.min() < 0 or faces.max() >= len(triangles):
        raise UserError(f"{path} does not place 68 landmarks on the {len(triangles)} triangles of this model.")
    return Landmarks(triangles[faces.astype(np.int64)], weights.astype(np.float32).reshape(-1, 3), path.name)
