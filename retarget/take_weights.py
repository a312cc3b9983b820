"""A take of plain expression components, given the ARKit weights that explain them."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.model.face_model import FaceModel
from mmface_core.model.readers.facewarehouse import FACEWAREHOUSE_NAMES
from mmface_core.take import Take
from retarget.weights import Terms, solve_weights, weights_by_name, weights_from_facewarehouse


class Solved(NamedTuple):
    """take: with weights. explained: share 0..1 of the expression's squared movement; rest_mm: RMS left, a vertex."""

    take: Take
    explained: float
    rest_mm: float


def with_weights(take: Take, model: FaceModel, terms: Terms | None = None) -> Solved:
    """The take with ARKit weights from its expression components and the model's named units.

    Raises UserError where the model has no units, or is not the one that the take was captured with.
    """
    if take.expression.shape[1] != model.n_expression:
        raise UserError(
            f"The take of {take.source} has {take.expression.shape[1]} expression components and the face model "
            f"{model.n_expression}; name the model that it was captured with."
        )
    if model.expression_names and not model.unit_names:
        weights = _to_arkit(take.expression, model.expression_names)
        return Solved(_with(take, weights), 1.0, 0.0)
    if not model.unit_names:
        raise UserError("The face model has no named units yet; give it some with mmface model transfer.")
    basis, units = model.expression_basis.numpy(), model.unit_basis.numpy()
    offset = model.expression_mean.numpy()
    seen = take.present
    found = np.zeros((len(take), len(model.unit_names)))
    if seen.any():
        codes = take.expression[seen].astype(np.float64)
        found[seen] = solve_weights(codes, basis, units, offset, terms, model.unit_names)
    explained, rest = _fit(take.expression[seen], basis, units, offset, found[seen])
    return Solved(_with(take, _to_arkit(found, model.unit_names)), explained, rest)


def _to_arkit(weights: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    if names == FACEWAREHOUSE_NAMES:
        return weights_from_facewarehouse(weights)
    return weights_by_name(weights, names)


def _with(take: Take, weights: np.ndarray) -> Take:
    weights = np.where(take.present[:, None], weights, 0.0).astype(np.float32)
    return replace(take, weight_names=np.array(ARKIT_NAMES), weights=weights)


def _fit(
    codes: np.ndarray, basis: np.ndarray, units: np.ndarray, offset: np.ndarray, weights: np.ndarray
) -> tuple[float, float]:
    """(share of the squared movement explained, RMS rest in mm), from Gram matrices: no mesh is built for a frame."""
    rows = np.concatenate([basis, offset[None], units]).reshape(len(basis) + 1 + len(units), -1).astype(np.float64)
    gram = rows @ rows.T
    whole = np.concatenate([codes, np.ones((len(codes), 1)), np.zeros_like(weights)], axis=1)
    rest = np.concatenate([codes, np.ones((len(codes), 1)), -weights], axis=1)
    moved, left = (np.einsum("ti,ij,tj->t", x, gram, x).clip(0).sum() for x in (whole, rest))
    vertices = max(basis.shape[1] * len(codes), 1)
    return (1.0 - float(left / moved) if moved > 0 else 1.0), float(np.sqrt(left / vertices))
