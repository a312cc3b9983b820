"""The Basel models of 2009, 2017 and 2019 as statismo/scalismo writes them: HDF5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmface_core.errors import UserError
from mmface_core.model.readers.matlab import read_mat
from mmface_core.model.readers.source import (
    BASEL_2009,
    BASEL_TRIMMED,
    LANDMARKS_53215,
    Landmarks,
    SourceModel,
    as_triangles,
    check_counts,
    check_size,
    columns_to_basis,
    numbers,
    standardised,
    vertex_count,
    zero_based,
)

MOST_SQUEEZED = 1040  # times: what deflate can do at most


def read_bfm_h5(path: Path) -> SourceModel:
    """A `model2017-1_*.h5`, `model2019_*.h5` or `model2009-publicmm1-bfm.h5`. UserError where parts are missing.

    The files hold variances, not deviations. 2009's has no expressions, and its model then has none.
    """
    try:
        import h5py
    except ImportError as error:
        raise UserError(
            'Reading .h5 face models needs h5py: install mmface with its extra, "mmface[models]".'
        ) from error
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise UserError(f"{path} is not an HDF5 file that can be read ({error}).") from error
    with file:
        mean = _dataset(file, "shape/model/mean", path).reshape(-1)
        count = vertex_count(mean, path, "shape/model/mean")
        cells = _dataset(file, "shape/representer/cells", path)
        identity, std, note = _components(file, "shape", count, path, "identity")
        notes = [note]
        if _has(file, "expression"):
            expression, expression_std, said = _components(file, "expression", count, path, "expressions")
            expression_mean = _dataset(file, "expression/model/mean", path)
            vertex_count(expression_mean, path, "expression/model/mean")
            expression_mean = expression_mean.reshape(-1, 3)
            notes.append(said)
        else:
            expression, expression_std = np.zeros((3 * count, 0), np.float32), np.zeros(0)
            expression_mean = np.zeros((count, 3))
            notes.append("the file carries no expressions")
        named = _has(file, "metadata/landmarks")
    files: tuple[Path, ...] = (path,)
    landmarks = None
    info = path.parent / "model_info.mat"
    if count == BASEL_2009 and info.is_file():
        kept = zero_based(read_mat(info, ("trimIndex",))["trimIndex"].reshape(-1), count, info, "trimIndex")
        if len(kept) == BASEL_TRIMMED:
            landmarks = Landmarks.at(kept[LANDMARKS_53215], "the table for 53,215 vertices through trimIndex")
            files = (path, info)
    hint = "Its own named landmarks are not the 68 of iBUG. " if named else ""
    if count == BASEL_2009:
        hint += "With model_info.mat in the same folder the known 68 are found. "
    return SourceModel(
        name=f"Basel .h5 ({count} vertices)",
        files=files,
        mean=np.asarray(mean, np.float64).reshape(-1, 3),
        identity_basis=columns_to_basis(identity),
        expression_basis=columns_to_basis(expression),
        expression_mean=expression_mean,
        triangles=as_triangles(cells, path, "shape/representer/cells").astype(np.int64),
        identity_std=std,
        expression_std=expression_std,
        expression_spread=np.ones(expression.shape[1]),
        landmarks=landmarks,
        landmark_hint=hint,
        notes=notes,
    )


def _dataset(file: Any, name: str, path: Path) -> np.ndarray:
    """One array, its declared size looked at first."""
    try:
        found = file.get(name)
        if found is None or not getattr(found, "shape", None):
            raise UserError(f"{path} lacks {name}; it is no face model of Basel's.")
        check_size(path, name, *found.shape, item_bytes=found.dtype.itemsize)
        held = found.id.get_storage_size()
        if found.nbytes > MOST_SQUEEZED * held:
            raise UserError(f"{path} declares {name} with {found.nbytes} bytes and holds {held}; the file is broken.")
        return numbers(found[()], path, name)
    except UserError:
        raise
    except Exception as error:  # h5py raises nearly anything at a broken file
        raise UserError(f"{path}: {name} cannot be read ({type(error).__name__}: {error}); copy it again.") from error


def _has(file: Any, name: str) -> bool:
    try:
        return name in file
    except Exception:  # what it should lie in is broken, or no group
        return False


def _components(file: Any, part: str, count: int, path: Path, what: str) -> tuple[np.ndarray, np.ndarray, str]:
    basis = _dataset(file, f"{part}/model/pcaBasis", path)
    variance = np.asarray(_dataset(file, f"{part}/model/pcaVariance", path), np.float64).reshape(-1)
    if basis.ndim != 2 or basis.shape[0] != 3 * count or basis.shape[1] != len(variance):
        wanted = (3 * count, len(variance))
        raise UserError(f"{path}: {part}/model/pcaBasis has the shape {basis.shape}; with its variances {wanted} fits.")
    check_counts(path, count, basis.shape[1])
    if (variance < 0).any():
        raise UserError(f"{path}: {part}/model/pcaVariance holds negative numbers.")
    used = variance > 0
    columns, std, note = standardised(basis[:, used], np.sqrt(variance[used]), path, what)
    return columns, std, note + " (square roots of the variances)"
