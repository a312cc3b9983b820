"""What every reader hands over: a linear face model in its file's own unit, frame and triangle order."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmface_core.errors import UserError

MOST_VERTICES = 2_000_000
MOST_COMPONENTS = 2_000
MOST_BYTES = 6 * 1024**3
"""No published face model comes near these; a header that declares more is broken or hostile."""

MM_PER_UNIT = {"um": 1e-3, "mm": 1.0, "cm": 10.0, "dm": 100.0, "m": 1000.0}

# The 68 landmark vertices (0-based) of the Basel model cut to 53,215 vertices, in iBUG order.
LANDMARKS_53215 = np.fromstring(
    """21873 22149 21653 21036 43236 44918 46166 47135 47914 48695 49667 50924 52613 33678 33005 32469 32709
    38695 39392 39782 39987 40154 40893 41059 41267 41661 42367 8161 8177 8187 8192 6515 7243 8204 9163 9883
    2215 3886 4920 5828 4801 3640 10455 11353 12383 14066 12653 11492 5522 6025 7495 8215 8935 10395 10795 9555 8836
    8236 7636 6915 5909 7384 8223 9064 10537 8829 8229 7629""",
    np.int64,
    sep=" ",
)
BASEL_TRIMMED, BASEL_2009, BASEL_2017 = 53_215, 53_490, 53_149


@dataclass(frozen=True)
class Landmarks:
    """The 68 iBUG points on a mesh: vertices (68, 3) and barycentric weights (68, 3); `origin` says where from."""

    vertices: np.ndarray
    weights: np.ndarray
    origin: str

    @classmethod
    def at(cls, vertices: np.ndarray, origin: str) -> Landmarks:
        """Landmarks that lie on single vertices (68,)."""
        weights = np.zeros((len(vertices), 3), np.float32)
        weights[:, 0] = 1.0
        return cls(np.repeat(np.asarray(vertices, np.int64)[:, None], 3, axis=1), weights, origin)


@dataclass(frozen=True)
class SourceModel:
    """A linear model S = mean + expression_mean + sum identity_basis codes + sum expression_basis codes.

    name: what kind of file it is. files: everything that was read. mean, expression_mean (V, 3); identity_basis
    (K, V, 3) and expression_basis (M, V, 3), for standardised codes where identity_std says so; triangles (F, 3)
    0-based, wound as in the file.
    identity_std (K,): the file's own identity parameters divided by it are this model's codes; expression_std (M,) the
    same. expression_spread (M,): standard deviation of the model's expression codes among faces.
    unit: a key of `MM_PER_UNIT`, or "" where the format has none and the size of the face must tell.
    orthogonal: whether the published identity components are orthogonal, so that others betray a wrong reading.
    notes: what the reader found or decided, for the user.
    """

    name: str
    files: tuple[Path, ...]
    mean: np.ndarray
    identity_basis: np.ndarray
    expression_basis: np.ndarray
    triangles: np.ndarray
    identity_std: np.ndarray
    expression_std: np.ndarray
    expression_spread: np.ndarray
    expression_mean: np.ndarray | None = None
    expression_names: tuple[str, ...] = ()
    landmarks: Landmarks | None = None
    landmark_hint: str = ""
    unit: str = ""
    orthogonal: bool = True
    notes: list[str] = field(default_factory=list)


def check_size(path: Path, what: str, *sides: int, item_bytes: int = 4) -> None:
    """Refuse an array that a header declares before any memory is asked for. UserError where it is out of reason."""
    total = item_bytes
    for side in sides:
        if side < 0:
            raise UserError(f"{path} declares {what} with a negative size {sides}; the file is broken.")
        total *= max(int(side), 1)
    if total > MOST_BYTES:
        raise UserError(
            f"{path} declares {what} as {' x '.join(map(str, sides))}, {total / 1e9:.0f} GB, which no face model has; "
            "the file is broken."
        )


def check_counts(path: Path, vertices: int, *components: int) -> None:
    """Refuse numbers of vertices and components that no face model has."""
    if not 0 < vertices <= MOST_VERTICES:
        raise UserError(f"{path} declares {vertices} vertices; between 1 and {MOST_VERTICES} are believed.")
    for count in components:
        if not 0 <= count <= MOST_COMPONENTS:
            raise UserError(f"{path} declares {count} components; at most {MOST_COMPONENTS} are believed.")


def numbers(value: Any, path: Path | str, name: str, sides: int | None = None) -> np.ndarray:
    """The value, if it is an array of real numbers with so many sides (None: any). UserError for anything else."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        raise UserError(f"{path}: {name} is not an array of numbers.")
    if sides is not None and value.ndim != sides:
        raise UserError(f"{path}: {name} has the shape {value.shape}, where {sides} sides are expected.")
    return value


def vertex_count(coordinates: np.ndarray, path: Path, name: str) -> int:
    """Vertices of an array with x, y, z of each. UserError where it does not come out even, or there are none."""
    count, rest = divmod(coordinates.size, 3)
    if rest:
        raise UserError(f"{path}: {name} holds {coordinates.size} numbers, which are no x, y, z of vertices.")
    check_counts(path, count)
    return count


def columns_to_basis(columns: np.ndarray) -> np.ndarray:
    """(3V, K) columns with x, y, z of each vertex in turn -> (K, V, 3) f32."""
    return np.ascontiguousarray(np.asarray(columns, np.float32).T).reshape(columns.shape[1], len(columns) // 3, 3)


def column_norms(columns: np.ndarray) -> np.ndarray:
    """Euclidean length (K,) of columns (3V, K)."""
    return np.sqrt(np.einsum("ij,ij->j", columns, columns, dtype=np.float64))


def standardised(columns: np.ndarray, std: np.ndarray, path: Path, what: str) -> tuple[np.ndarray, np.ndarray, str]:
    """Columns (3V, K) scaled so that codes are standardised; also what file parameters are divided by, and a note.

    Published components are either of unit length, to be multiplied by their deviation, or have it inside already. The
    lengths tell which; anything else is a UserError, for a wrong guess would give wrong faces.
    """
    std = np.asarray(std, np.float64).reshape(-1)
    if len(std) != columns.shape[1]:
        raise UserError(f"{path}: {what} has {columns.shape[1]} components but {len(std)} deviations.")
    if not np.isfinite(std).all() or (std <= 0).any():
        raise UserError(f"{path}: the deviations of {what} must be positive numbers.")
    if not len(std):
        raise UserError(f"{path}: {what} has no components.")
    lengths = column_norms(columns)
    if np.abs(lengths - 1.0).max() < 0.1:
        return columns * std.astype(np.float32), std, f"{what}: unit components, multiplied by their deviations"
    if np.abs(lengths / std - 1.0).max() < 0.1:
        return columns, np.ones_like(std), f"{what}: components already carry their deviations"
    raise UserError(
        f"{path}: the components of {what} are {lengths.min():.3g} to {lengths.max():.3g} long: neither of unit length "
        "nor of the length of their deviations, so it is not clear how they are meant. Is the file complete?"
    )


def as_they_stand(columns: np.ndarray, path: Path, mean: str) -> str:
    """A note on expressions (3V, M) that the file's parameters multiply as they are. UserError where there are none."""
    if not columns.shape[1]:
        raise UserError(f"{path}: the expressions have no components.")
    lengths = column_norms(columns)
    return (
        f"expressions: {columns.shape[1]} components {lengths.min():.3g} to {lengths.max():.3g} long, used as they "
        f"stand (Exp_Para multiplies them), {mean} added"
    )


def zero_based(indices: np.ndarray, vertices: int, path: Path, what: str) -> np.ndarray:
    """MATLAB's 1-based indices as 0-based ones; UserError where they do not fit the number of vertices."""
    values = np.asarray(indices).astype(np.int64) - 1
    if values.size and (values.min() < 0 or values.max() >= vertices):
        raise UserError(
            f"{path}: {what} runs from {values.min() + 1} to {values.max() + 1}; the {vertices} vertices are counted "
            "from 1."
        )
    return values


def as_triangles(array: np.ndarray, path: Path, what: str) -> np.ndarray:
    """(F, 3) from (F, 3) or (3, F). UserError for anything else."""
    array = np.asarray(array)
    if array.ndim == 2 and array.shape[1] == 3:
        return array
    if array.ndim == 2 and array.shape[0] == 3:
        return np.ascontiguousarray(array.T)
    raise UserError(f"{path}: {what} has the shape {array.shape}; triangles need a side of 3.")
