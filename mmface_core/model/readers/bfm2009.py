"""The Basel model of 2009 with expressions, in the three forms that are handed around.

A folder with `01_MorphableModel.mat` and `model_info.mat` (which cuts 53,490 vertices to 53,215), or with 300W-LP's
`Model_Shape.mat`; and beside it the expressions: `Model_Exp.mat` or `Model_Expression.mat` (29 components), or
`Exp_Pca.bin` with `std_exp.txt` (79).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmface_core.errors import UserError
from mmface_core.model.readers.matlab import read_mat
from mmface_core.model.readers.source import (
    BASEL_TRIMMED,
    LANDMARKS_53215,
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

SHAPE, CUT, SHAPE_300W = "01_MorphableModel.mat", "model_info.mat", "Model_Shape.mat"
EXPRESSIONS = ("Model_Exp.mat", "Model_Expression.mat")
EXPRESSION_PCA, EXPRESSION_STD = "Exp_Pca.bin", "std_exp.txt"
NAMES = (SHAPE, CUT, SHAPE_300W, *EXPRESSIONS, EXPRESSION_PCA, EXPRESSION_STD)


class Expressions(NamedTuple):
    """mean (3V,), columns (3V, M), what file parameters are divided by (M,), spread of the codes (M,), file, note."""

    mean: np.ndarray
    columns: np.ndarray
    std: np.ndarray
    spread: np.ndarray
    files: tuple[Path, ...]
    note: str


def read_bfm2009(folder: Path) -> SourceModel:
    """The model of a folder. UserError where a file that it needs is missing or does not fit the others."""
    if (folder / SHAPE).is_file():
        model = _whole(folder)
    elif (folder / SHAPE_300W).is_file():
        model = _of_300w_lp(folder)
    else:
        raise UserError(f"{folder} holds neither {SHAPE} nor {SHAPE_300W}, one of which carries the identities.")
    return model


def _whole(folder: Path) -> SourceModel:
    path, cut_path = folder / SHAPE, folder / CUT
    if not cut_path.is_file():
        raise UserError(
            f"{folder} lacks {CUT}, which says which {BASEL_TRIMMED} of the 53,490 vertices carry expressions "
            "(it comes with 300W-LP and with Deep3DFaceReconstruction's BFM folder)."
        )
    read = read_mat(path, ("shapeMU", "shapePC", "shapeEV", "tl"))
    count = vertex_count(read["shapeMU"], path, "shapeMU")
    check_counts(path, count, read["shapePC"].shape[1])
    if read["shapePC"].shape[0] != 3 * count:
        raise UserError(f"{path}: shapePC has {read['shapePC'].shape[0]} rows for {count} vertices.")
    info = read_mat(cut_path, ("trimIndex",), ("keypoints",))
    kept = zero_based(info["trimIndex"].reshape(-1), count, cut_path, "trimIndex")
    columns, std, note = standardised(read["shapePC"], read["shapeEV"], path, "identity")
    triangles = zero_based(as_triangles(read["tl"], path, "tl"), count, path, "tl")
    new_index = np.full(count, -1, np.int64)
    new_index[kept] = np.arange(len(kept))
    triangles = new_index[triangles]
    triangles = triangles[(triangles >= 0).all(axis=1)]
    basis = columns_to_basis(columns)[:, kept]
    expressions = read_expressions(folder, len(kept))
    notes = [note, expressions.note, f"cut from {count} to {len(kept)} vertices by {CUT}"]
    landmarks = _landmarks(info.get("keypoints"), len(kept), cut_path, notes)
    return SourceModel(
        name="Basel 2009",
        files=(path, cut_path, *expressions.files),
        mean=np.asarray(read["shapeMU"], np.float64).reshape(-1, 3)[kept],
        identity_basis=basis,
        expression_basis=columns_to_basis(expressions.columns),
        expression_mean=expressions.mean.reshape(-1, 3),
        triangles=triangles,
        identity_std=std,
        expression_std=expressions.std,
        expression_spread=expressions.spread,
        landmarks=landmarks,
        unit="um",
        notes=notes,
    )


def _of_300w_lp(folder: Path) -> SourceModel:
    path = folder / SHAPE_300W
    read = read_mat(path, ("mu_shape", "w", "sigma", "tri"), ("keypoints",))
    count = vertex_count(read["mu_shape"], path, "mu_shape")
    check_counts(path, count, read["w"].shape[1])
    if read["w"].shape[0] != 3 * count:
        raise UserError(f"{path}: w has {read['w'].shape[0]} rows for {count} vertices.")
    columns, std, note = standardised(read["w"], read["sigma"], path, "identity")
    expressions = read_expressions(folder, count)
    notes = [note, expressions.note]
    return SourceModel(
        name="Basel 2009 as 300W-LP cuts it",
        files=(path, *expressions.files),
        mean=np.asarray(read["mu_shape"], np.float64).reshape(-1, 3),
        identity_basis=columns_to_basis(columns),
        expression_basis=columns_to_basis(expressions.columns),
        expression_mean=expressions.mean.reshape(-1, 3),
        triangles=zero_based(as_triangles(read["tri"], path, "tri"), count, path, "tri"),
        identity_std=std,
        expression_std=expressions.std,
        expression_spread=expressions.spread,
        landmarks=_landmarks(read.get("keypoints"), count, path, notes),
        unit="um",
        notes=notes,
    )


def read_expressions(folder: Path, vertices: int) -> Expressions:
    """The expressions that lie in the folder; 29 components before 79 where both are there, as the paper uses them."""
    for name in EXPRESSIONS:
        if (folder / name).is_file():
            also = f"; {EXPRESSION_PCA} beside it was left" if (folder / EXPRESSION_PCA).is_file() else ""
            return _from_mat(folder / name, vertices, also)
    if (folder / EXPRESSION_PCA).is_file():
        return _from_binary(folder / EXPRESSION_PCA, folder / EXPRESSION_STD, vertices)
    raise UserError(
        f"{folder} holds no expressions: {EXPRESSIONS[0]}, {EXPRESSIONS[1]}, or {EXPRESSION_PCA} with {EXPRESSION_STD}."
    )


def _from_mat(path: Path, vertices: int, also: str) -> Expressions:
    read = read_mat(path, ("mu_exp", "w_exp"), ("sigma_exp",))
    columns, mean = read["w_exp"], read["mu_exp"].reshape(-1)
    if columns.shape[0] != 3 * vertices or len(mean) != 3 * vertices:
        raise UserError(f"{path} is made for {columns.shape[0] // 3} vertices; the identities have {vertices}.")
    check_counts(path, vertices, columns.shape[1])
    # 300W-LP's Exp_Para multiplies w_exp as it stands, whatever its length, so the columns stay as they are.
    ones = np.ones(columns.shape[1])
    spread = ones
    if "sigma_exp" in read and read["sigma_exp"].size == columns.shape[1]:
        spread = np.abs(read["sigma_exp"].astype(np.float64).reshape(-1))
    note = as_they_stand(columns, path, "mu_exp")
    return Expressions(mean, columns, ones, spread, (path,), note + also)


def _from_binary(path: Path, std_path: Path, vertices: int) -> Expressions:
    if not std_path.is_file():
        raise UserError(f"{path} needs {std_path.name} beside it, with the deviation of each component.")
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4)
        if len(head) < 4:
            raise UserError(f"{path} is empty.")
        count = int(np.frombuffer(head, "<i4")[0])
        check_counts(path, vertices, count)
        check_size(path, "the expressions", count + 1, 3 * vertices)
        expected = 4 + 4 * (count + 1) * 3 * vertices
        if size != expected:
            raise UserError(
                f"{path} declares {count} components of {vertices} vertices, {expected} bytes, and holds {size}."
            )
        values = np.fromfile(file, "<f4", (count + 1) * 3 * vertices).reshape(count + 1, 3 * vertices)
    try:
        std = np.array(std_path.read_text().split(), np.float64)
    except ValueError as error:
        raise UserError(f"{std_path} must hold numbers only ({error}).") from error
    columns, divisor, note = standardised(values[1:].T, std[:count], path, "expressions")
    return Expressions(values[0], columns, divisor, np.ones(count), (path, std_path), note)


def _landmarks(keypoints: np.ndarray | None, vertices: int, path: Path, notes: list[str]) -> Landmarks | None:
    """The file's own keypoints, or the known table of the 53,215 vertices; a disagreement is told."""
    if keypoints is not None and keypoints.size == 68:
        own = zero_based(keypoints.reshape(-1), vertices, path, "keypoints")
        if vertices == BASEL_TRIMMED and (own != LANDMARKS_53215).any():
            notes.append(
                f"{int((own != LANDMARKS_53215).sum())} keypoints differ from the usual table; the file's count"
            )
        return Landmarks.at(own, f"keypoints in {path.name}")
    if vertices == BASEL_TRIMMED:
        return Landmarks.at(LANDMARKS_53215, "the table for 53,215 vertices")
    return None
