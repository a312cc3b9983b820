"""The arrays of a linear face model, read from its file, without torch: what capture needs, at once.

Frame: head frame in millimetres, x towards the subject's left, y up, z out of the face (see `mmface_core.conventions`).
`FaceModel` is the same in torch, with the model's arithmetic; importing torch takes longer than reading a picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from mmface_core.archive import BROKEN, read_arrays
from mmface_core.errors import UserError
from mmface_core.model.parts import subset_triangles

if TYPE_CHECKING:
    from mmface_core.model.face_model import FaceModel

SCHEMA = "mmface-model/1"
NOSE_TIP_Z_MM = 60.0  # the head frame's origin lies so far behind the tip of the nose
CAP_Z_MM = -45.0  # just in front of the ears: the head in front of this plane is the solid that volumes show
DEFAULT_MODEL_PATH = Path(__file__).resolve().parent.parent / "assets" / "default_face.npz"
DEFAULT_PARTS = ("skin", "eye_left", "eye_right")
ARRAYS = (
    "mean",
    "identity_basis",
    "expression_basis",
    "triangles",
    "vertex_part",
    "mirror",
    "landmark_vertices",
    "landmark_weights",
    "annotated_vertices",
    "annotated_weights",
    "point_vertices",
    "point_weights",
    "uv",
    "expression_pca",
    "expression_pca_mean",
    "expression_spread",
    "expression_mean",
    "unit_basis",
)
"""The arrays that a model holds, by attribute."""
_REQUIRED = (
    "schema",
    "mean",
    "identity_basis",
    "expression_basis",
    "triangles",
    "vertex_part",
    "part_names",
    "mirror",
    "landmark_vertices",
    "landmark_weights",
)

AnyFaceModel: TypeAlias = "FaceArrays | FaceModel"
"""Capture takes either: it only reads the arrays, through `np.asarray`."""


@dataclass(frozen=True)
class SourceFrame:
    """How a converted model's file was meant before it came into the head frame.

    head mm = mm * (axes @ file) - origin: mm per unit of the file, axes (3, 3) a signed permutation, origin (3,) mm.
    identity_std (K,) and expression_std (M,): the file's own parameters divided by them are this model's codes.
    """

    name: str
    mm: float
    axes: np.ndarray
    origin: np.ndarray
    identity_std: np.ndarray
    expression_std: np.ndarray


class ModelSizes:
    """The sizes that follow from a face model's arrays, whichever library holds them."""

    mean: Any
    identity_basis: Any
    expression_basis: Any
    parts: dict[str, slice]

    @property
    def n_vertices(self) -> int:
        return self.mean.shape[0]

    @property
    def n_identity(self) -> int:
        return self.identity_basis.shape[0]

    @property
    def n_expression(self) -> int:
        return self.expression_basis.shape[0]

    @property
    def skin(self) -> slice:
        """The vertices of the head skin."""
        return self.parts["skin"]


class FaceArrays(ModelSizes):
    """A linear face model's arrays; the attributes are those of `FaceModel`, where they are described."""

    mean: np.ndarray
    identity_basis: np.ndarray
    expression_basis: np.ndarray
    triangles: np.ndarray
    vertex_part: np.ndarray
    mirror: np.ndarray
    landmark_vertices: np.ndarray
    landmark_weights: np.ndarray
    annotated_vertices: np.ndarray
    annotated_weights: np.ndarray
    point_vertices: np.ndarray
    point_weights: np.ndarray
    uv: np.ndarray
    expression_pca: np.ndarray
    expression_pca_mean: np.ndarray
    expression_spread: np.ndarray
    expression_mean: np.ndarray
    unit_basis: np.ndarray

    def __init__(self, arrays: Mapping[str, np.ndarray], parts: Sequence[str] | None = None) -> None:
        """Build from the arrays of an .npz of schema `mmface-model/1`; `parts` keeps only those (None: all of them).

        Raises UserError where an array is missing or a part is not in the model.
        """
        missing = [key for key in _REQUIRED if key not in arrays]
        if missing:
            raise UserError(f"The face model lacks the arrays {', '.join(missing)}.")
        if str(arrays["schema"]) != SCHEMA:
            raise UserError(f'The face model is of version "{arrays["schema"]}"; this program reads "{SCHEMA}".')
        names = [str(name) for name in arrays["part_names"]]
        wanted = names if parts is None else list(parts)
        unknown = [name for name in wanted if name not in names]
        if unknown:
            raise UserError(f"The face model has no part {', '.join(unknown)}; it has {', '.join(names)}.")
        vertex_part = np.asarray(arrays["vertex_part"], np.int64)
        keep = np.flatnonzero(np.isin(vertex_part, [names.index(name) for name in wanted]))
        triangles, new_index = subset_triangles(np.asarray(arrays["triangles"], np.int64), keep, len(vertex_part))

        mean = np.asarray(arrays["mean"], np.float32)
        expression_mean = np.asarray(arrays.get("expression_mean", np.zeros_like(mean)), np.float32)
        mean = mean + expression_mean
        n_expression = len(arrays["expression_basis"])
        uv = arrays.get("uv", np.zeros((len(mean), 2), np.float32))
        pca = arrays.get("expression_pca", np.zeros((0, n_expression), np.float32))
        pca_mean = arrays.get("expression_pca_mean", np.zeros(n_expression, np.float32))
        landmark_vertices = new_index[np.asarray(arrays["landmark_vertices"], np.int64)]
        annotated = arrays.get("annotated_vertices", arrays["landmark_vertices"])
        annotated_vertices = new_index[np.asarray(annotated, np.int64)]
        if (landmark_vertices < 0).any() or (annotated_vertices < 0).any():
            raise UserError(f"The landmarks of the face model need a part that is not among {', '.join(wanted)}.")

        self.mean = np.ascontiguousarray(mean[keep])
        self.identity_basis = np.ascontiguousarray(np.asarray(arrays["identity_basis"], np.float32)[:, keep])
        self.expression_basis = np.ascontiguousarray(np.asarray(arrays["expression_basis"], np.float32)[:, keep])
        self.triangles = np.ascontiguousarray(triangles)
        self.vertex_part = np.ascontiguousarray(vertex_part[keep])
        self.mirror = np.ascontiguousarray(new_index[np.asarray(arrays["mirror"], np.int64)[keep]])
        self.landmark_vertices = np.ascontiguousarray(landmark_vertices)
        self.landmark_weights = np.ascontiguousarray(np.asarray(arrays["landmark_weights"], np.float32))
        self.annotated_vertices = np.ascontiguousarray(annotated_vertices)
        annotated_weights = arrays.get("annotated_weights", arrays["landmark_weights"])
        self.annotated_weights = np.ascontiguousarray(np.asarray(annotated_weights, np.float32))
        point_vertices = np.asarray(arrays.get("point_vertices", np.zeros((0, 3))), np.int64)
        self.point_vertices = np.ascontiguousarray(new_index[point_vertices])
        self.point_weights = np.ascontiguousarray(np.asarray(arrays.get("point_weights", np.zeros((0, 3))), np.float32))
        self.uv = np.ascontiguousarray(np.asarray(uv, np.float32)[keep])
        self.expression_pca = np.ascontiguousarray(np.asarray(pca, np.float32))
        self.expression_pca_mean = np.ascontiguousarray(np.asarray(pca_mean, np.float32))
        spread = arrays.get("expression_spread", np.ones(n_expression, np.float32))
        self.expression_spread = np.ascontiguousarray(np.asarray(spread, np.float32))
        self.expression_mean = np.ascontiguousarray(expression_mean[keep])
        units = np.asarray(arrays.get("unit_basis", np.zeros((0, len(mean), 3))), np.float32)
        self.unit_basis = np.ascontiguousarray(units[:, keep])

        self.part_names: tuple[str, ...] = tuple(names)
        self.parts: dict[str, slice] = {}
        for index, name in enumerate(names):
            where = np.flatnonzero(vertex_part[keep] == index)
            if len(where):  # the parts are contiguous runs by the file format
                self.parts[name] = slice(int(where[0]), int(where[-1]) + 1)
        self.point_names: tuple[str, ...] = tuple(str(name) for name in arrays.get("point_names", ()))
        self.expression_names: tuple[str, ...] = tuple(str(name) for name in arrays.get("expression_names", ()))
        self.unit_names: tuple[str, ...] = tuple(str(name) for name in arrays.get("unit_names", ()))
        self.source = _source_frame(arrays)
        self.cap_z_mm = float(arrays.get("cap_z_mm", np.float32(-np.inf)))
        self.notice = str(arrays.get("notice", ""))

    @classmethod
    def load(cls, path: str | Path | None = None, parts: Sequence[str] | None = DEFAULT_PARTS) -> FaceArrays:
        """Read a model from `path` (None: the bundled default); `parts` as in the constructor.

        Raises UserError where the file is missing or is no face model.
        """
        where = DEFAULT_MODEL_PATH if path is None else Path(path)
        if not where.is_file():
            raise UserError(f"There is no face model at {where}.")
        try:
            arrays = read_arrays(where)
            if parts is DEFAULT_PARTS and "part_names" in arrays:
                parts = [name for name in DEFAULT_PARTS if name in arrays["part_names"]]
            return cls(arrays, parts)
        except BROKEN as error:
            raise UserError(f"{where} is not a face model that can be read ({error}).") from error


def _source_frame(arrays: Mapping[str, np.ndarray]) -> SourceFrame | None:
    if "source_mm" not in arrays:
        return None
    return SourceFrame(
        name=str(arrays["source_name"]),
        mm=float(arrays["source_mm"]),
        axes=np.asarray(arrays["source_axes"], np.float64),
        origin=np.asarray(arrays["source_origin"], np.float64),
        identity_std=np.asarray(arrays["identity_std"], np.float64),
        expression_std=np.asarray(arrays["expression_std"], np.float64),
    )
