"""The linear face model S(a_id, a_exp) = mean + U_id a_id + U_exp a_exp as a torch module.

Frame: head frame in millimetres, x towards the subject's left, y up, z out of the face (see `mmface_core.conventions`).
Identity codes are standardised (N(0, 1)); expression codes are the weights 0..1 of named units where the model has
names. All arrays are non-persistent buffers, so that a checkpoint of a module that holds a model contains weights only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mmface_core.model.face_arrays import (
    ARRAYS,
    DEFAULT_MODEL_PATH,
    DEFAULT_PARTS,
    SCHEMA,
    FaceArrays,
    ModelSizes,
    SourceFrame,
)

__all__ = ["DEFAULT_MODEL_PATH", "DEFAULT_PARTS", "SCHEMA", "FaceModel", "SourceFrame"]


class FaceModel(nn.Module, ModelSizes):
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

    def __init__(self, arrays: Mapping[str, np.ndarray] | FaceArrays, parts: Sequence[str] | None = None) -> None:
        """Build from the arrays of an .npz of schema `mmface-model/1`; `parts` keeps only those (None: all of them).

        Raises UserError where an array is missing or a part is not in the model.
        """
        super().__init__()
        plain = arrays if isinstance(arrays, FaceArrays) else FaceArrays(arrays, parts)
        for name in ARRAYS:
            self.register_buffer(name, torch.from_numpy(getattr(plain, name)), persistent=False)
        self.part_names = plain.part_names
        self.parts = plain.parts
        self.point_names = plain.point_names
        self.expression_names = plain.expression_names
        self.cap_z_mm = plain.cap_z_mm
        self.notice = plain.notice
        self.unit_names = plain.unit_names
        self.source = plain.source

    @classmethod
    def load(cls, path: str | Path | None = None, parts: Sequence[str] | None = DEFAULT_PARTS) -> FaceModel:
        """Read a model from `path` (None: the bundled default); `parts` as in the constructor, and by default those of
        `DEFAULT_PARTS` that the file has.

        Raises UserError where the file is missing or is no face model.
        """
        return cls(FaceArrays.load(path, parts))

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
