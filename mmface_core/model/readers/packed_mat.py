"""Single MATLAB files that carry a whole model: face3d's `BFM.mat` and Deep3D's `BFM_model_front.mat`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmface_core.errors import UserError
from mmface_core.model.readers.matlab import read_mat, struct_fields
from mmface_core.model.readers.source import (
    Landmarks,
    SourceModel,
    as_they_stand,
    as_triangles,
    check_counts,
    check_size,
    columns_to_basis,
    standardised,
    vertex_count,
    zero_based,
)


def read_face3d(path: Path) -> SourceModel:
    """face3d's `BFM.mat`: one struct `model`, indices from 1, um. UserError where it does not fit together."""
    needed = ("shapeMU", "shapePC", "shapeEV", "expMU", "expPC", "expEV", "tri", "kpt_ind")
    read = struct_fields(read_mat(path, ("model",))["model"], path, needed, ("tri_mouth",))
    count = vertex_count(read["shapeMU"], path, "shapeMU")
    check_counts(path, count, read["shapePC"].shape[1], read["expPC"].shape[1])
    for name in ("shapePC", "expPC"):
        check_size(path, name, *read[name].shape)
        if read[name].shape[0] != 3 * count:
            raise UserError(f"{path}: {name} has {read[name].shape[0]} rows for {count} vertices.")
    columns, std, note = standardised(read["shapePC"], read["shapeEV"], path, "identity")
    expressions = np.asarray(read["expPC"], np.float32)
    triangles = as_triangles(read["tri"], path, "tri")
    notes = [
        note,
        as_they_stand(expressions, path, "expMU"),
    ]
    if "tri_mouth" in read:
        notes.append("tri_mouth, which closes the mouth, was left out")
    spread = np.abs(np.asarray(read["expEV"], np.float64).reshape(-1))
    ones = np.ones(expressions.shape[1])
    return SourceModel(
        name="Basel 2009 as face3d packs it",
        files=(path,),
        mean=np.asarray(read["shapeMU"], np.float64).reshape(-1, 3),
        identity_basis=columns_to_basis(columns),
        expression_basis=columns_to_basis(expressions),
        expression_mean=_as_vertices(read["expMU"], path, "expMU"),
        triangles=zero_based(triangles, count, path, "tri"),
        identity_std=std,
        expression_std=ones,
        expression_spread=spread if len(spread) == len(ones) else ones,
        landmarks=Landmarks.at(zero_based(read["kpt_ind"].reshape(-1), count, path, "kpt_ind"), "kpt_ind"),
        unit="um",
        notes=notes,
    )


def _as_vertices(coordinates: np.ndarray, path: Path, name: str) -> np.ndarray:
    return np.asarray(coordinates, np.float64).reshape(vertex_count(coordinates, path, name), 3)


def read_deep3d(path: Path) -> SourceModel:
    """Deep3D's `BFM_model_front.mat`: bases with their deviations inside, decimetres, indices from 1."""
    read = read_mat(path, ("meanshape", "idBase", "exBase", "tri", "keypoints"))
    count = vertex_count(read["meanshape"], path, "meanshape")
    check_counts(path, count, read["idBase"].shape[1], read["exBase"].shape[1])
    for name in ("idBase", "exBase"):
        if read[name].shape[0] != 3 * count:
            raise UserError(f"{path}: {name} has {read[name].shape[0]} rows for {count} vertices.")
    identities, expressions = read["idBase"].shape[1], read["exBase"].shape[1]
    return SourceModel(
        name="Basel 2009 as Deep3D cuts it",
        files=(path,),
        mean=np.asarray(read["meanshape"], np.float64).reshape(-1, 3),
        identity_basis=columns_to_basis(read["idBase"]),
        expression_basis=columns_to_basis(read["exBase"]),
        triangles=zero_based(as_triangles(read["tri"], path, "tri"), count, path, "tri"),
        identity_std=np.ones(identities),
        expression_std=np.ones(expressions),
        expression_spread=np.ones(expressions),
        landmarks=Landmarks.at(zero_based(read["keypoints"].reshape(-1), count, path, "keypoints"), "keypoints"),
        unit="dm",
        # The cut to the front of the face leaves components that are only nearly orthogonal.
        orthogonal=False,
        notes=["identity and expressions: bases carry their deviations (Deep3D multiplies them in)"],
    )
