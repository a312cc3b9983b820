"""The linear face model S(a_id, a_exp) = mean + U_id a_id + U_exp a_exp as a torch module.

Frame: head frame in millimetres, x towards the subject's left, y up, z out of the face (see `mmface_core.conventions`).
Identity codes are standardised (N(0, 1)); expression codes are the weights 0..1 of named units where the model has
names. All arrays are non-persistent buffers, so that a checkpoint of a module that holds a model contains weights only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mmface_core.archive import BROKEN, read_arrays
from mmface_core.errors import UserError
from mmface_core.model.parts import subset_triangles

SCHEMA = "mmface-model/1"
DEFAULT_MODEL_PATH = Path(__file__).resolve().parent.parent / "assets" / "default_face.npz"
DEFAULT_PARTS = ("skin", "eye_left", "eye_right")
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


class FaceModel(nn.Module):
    """A linear face model with any number of vertices V, identity components K and expression components M.

    Attributes (tensors move with the module):
        mean (V, 3) f32 mm, at rest; expression_mean (V, 3) f32 mm, the part of it that a PCA of expressions brought;
        identity_basis (K, V, 3) f32; expression_basis (M, V, 3) f32; triangles (F, 3) i64;
        vertex_part (V,) i64 index into `part_names`; mirror (V,) i64 the vertex on the other side of the plane x = 0;
        landmark_vertices (68, 3) i64 and landmark_weights (68, 3) f32 (barycentric); annotated_vertices and
        annotated_weights, the same for where annotators of photos put them (equal where the file has none);
        point_names, point_vertices (P, 3) and point_weights (P, 3): see `mmface_core.model.dense_points` (P is 0 where
        the file has none); uv (V, 2) f32;
        expression_pca (C, M) and expression_pca_mean (M,) f32: weights = pca_mean + codes @ pca (C is 0 where there is
        none); expression_spread (M,) f32: standard deviation of the expression codes among faces (1 where the file does
        not say); expression_names tuple of M names or (); source: see `SourceFrame`, None where the model was not
        converted; unit_basis (U, V, 3) f32 mm and unit_names: named units moved to this mesh (see
        `mmface_core.model.transfer`; U is 0 where there are none); parts name -> slice of vertices; skin slice;
        cap_z_mm float.
    """

    mean: Tensor
    identity_basis: Tensor
    expression_basis: Tensor
    triangles: Tensor
    vertex_part: Tensor
    mirror: Tensor
    landmark_vertices: Tensor
    landmark_weights: Tensor
    annotated_vertices: Tensor
    annotated_weights: Tensor
    point_vertices: Tensor
    point_weights: Tensor
    uv: Tensor
    expression_pca: Tensor
    expression_pca_mean: Tensor
    expression_spread: Tensor
    expression_mean: Tensor
    unit_basis: Tensor

    def __init__(self, arrays: Mapping[str, np.ndarray], parts: Sequence[str] | None = None) -> None:
        """Build from the arrays of an .npz of schema `mmface-model/1`; `parts` keeps only those (None: all of them).

        Raises UserError where an array is missing or a part is not in the model.
        """
        super().__init__()
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

        self._buffer("mean", mean[keep])
        self._buffer("identity_basis", np.asarray(arrays["identity_basis"], np.float32)[:, keep])
        self._buffer("expression_basis", np.asarray(arrays["expression_basis"], np.float32)[:, keep])
        self._buffer("triangles", triangles)
        self._buffer("vertex_part", vertex_part[keep])
        self._buffer("mirror", new_index[np.asarray(arrays["mirror"], np.int64)[keep]])
        self._buffer("landmark_vertices", landmark_vertices)
        self._buffer("landmark_weights", np.asarray(arrays["landmark_weights"], np.float32))
        self._buffer("annotated_vertices", annotated_vertices)
        annotated_weights = arrays.get("annotated_weights", arrays["landmark_weights"])
        self._buffer("annotated_weights", np.asarray(annotated_weights, np.float32))
        point_vertices = np.asarray(arrays.get("point_vertices", np.zeros((0, 3))), np.int64)
        self._buffer("point_vertices", new_index[point_vertices])
        self._buffer("point_weights", np.asarray(arrays.get("point_weights", np.zeros((0, 3))), np.float32))
        self._buffer("uv", np.asarray(uv, np.float32)[keep])
        self._buffer("expression_pca", np.asarray(pca, np.float32))
        self._buffer("expression_pca_mean", np.asarray(pca_mean, np.float32))
        spread = arrays.get("expression_spread", np.ones(n_expression, np.float32))
        self._buffer("expression_spread", np.asarray(spread, np.float32))
        self._buffer("expression_mean", expression_mean[keep])
        units = np.asarray(arrays.get("unit_basis", np.zeros((0, len(mean), 3))), np.float32)
        self._buffer("unit_basis", units[:, keep])

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

    def _buffer(self, name: str, array: np.ndarray) -> None:
        self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array)), persistent=False)

    @classmethod
    def load(cls, path: str | Path | None = None, parts: Sequence[str] | None = DEFAULT_PARTS) -> FaceModel:
        """Read a model from `path` (None: the bundled default); `parts` as in the constructor, and by default those of
        `DEFAULT_PARTS` that the file has.

        Raises UserError where the file is missing or is no face model.
        """
        where = DEFAULT_MODEL_PATH if path is None else Path(path)
        if not where.is_file():
            raise UserError(f"There is no face model at {where}.")
        try:
            arrays = read_arrays(where)
        except BROKEN as error:
            raise UserError(f"{where} is not a face model that can be read ({error}).") from error
        if parts is DEFAULT_PARTS and "part_names" in arrays:
            parts = [name for name in DEFAULT_PARTS if name in arrays["part_names"]]
        return cls(arrays, parts)

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

    def part_triangles(self, *names: str) -> Tensor:
        """Triangles (f, 3) whose vertices lie in the named parts; indices into this model's vertices."""
        wanted = torch.tensor([self.part_names.index(name) for name in names], device=self.triangles.device)
        return self.triangles[torch.isin(self.vertex_part[self.triangles[:, 0]], wanted)]

    def shape(self, identity: Tensor, expression: Tensor) -> Tensor:
        """Vertices (B, V, 3) in mm for identity codes (B, K) and expression weights (B, M)."""
        return self.mean + _combine(identity, self.identity_basis) + _combine(expression, self.expression_basis)

    def points(self, identity: Tensor, expression: Tensor, vertex_indices: Tensor) -> Tensor:
        """`shape(...)[:, vertex_indices]` at the cost of those vertices only; (B, n, 3) mm."""
        return (
            self.mean[vertex_indices]
            + _combine(identity, self.identity_basis[:, vertex_indices])
            + _combine(expression, self.expression_basis[:, vertex_indices])
        )

    def landmarks(self, identity: Tensor, expression: Tensor) -> Tensor:
        """The 68 iBUG points (B, 68, 3) in mm, computed from their own vertices only."""
        corners = self.points(identity, expression, self.landmark_vertices.reshape(-1))
        corners = corners.reshape(len(corners), -1, 3, 3)  # (B, 68, corner, xyz)
        return (corners * self.landmark_weights[None, :, :, None]).sum(2)

    def landmarks_of(self, shape: Tensor) -> Tensor:
        """The 68 iBUG points (B, 68, 3) of given vertices (B, V, 3), in the frame and unit of those."""
        return (shape[:, self.landmark_vertices] * self.landmark_weights[None, :, :, None]).sum(2)

    def mirrored(self, shape: Tensor) -> Tensor:
        """The mirror image (x -> -x) of vertices (B, V, 3), again in this model's vertex order."""
        return shape[:, self.mirror] * shape.new_tensor([-1.0, 1.0, 1.0])


def _combine(codes: Tensor, basis: Tensor) -> Tensor:
    """sum_k codes[b, k] basis[k]: (B, K), (K, V, 3) -> (B, V, 3)."""
    return (codes @ basis.flatten(1)).reshape(len(codes), basis.shape[1], 3)


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
