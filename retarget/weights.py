"""From a face model's expression to the 52 ARKit weights.

The default model's expression components are the units themselves, so they pass through by name. Another model's basis
U is matched by the units B (the same shapes on the same vertices): for each frame, minimise over 0 <= x <= 1

    1/2 |B x - d|^2 + sparsity * sum(x) + smallness/2 |x|^2 + symmetry/2 |P x|^2 + temporal/2 |x_t - x_(t-1)|^2

with d = U a + mu and P the differences of left and right units. That is the formulation in practice (Lewis and others
2014, Bouaziz and others 2013), except that the temporal term couples the whole clip to both sides instead of leaning
on the past.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES, SIDEWAYS, mirrored_name
from mmface_core.model.readers.facewarehouse import ARKIT_OF_FACEWAREHOUSE, FACEWAREHOUSE_NAMES

Array = NDArray[np.floating]


LEAST_SIZE = 1e-3
"""Share of the mean size of a unit that the smallest is taken to have, such as tongueOut where only skin moves."""
WEIGHT_TOLERANCE = 1e-6
"""A weight that moves by less in a sweep is at rest: far below what a curve shows."""


@dataclass(frozen=True)
class Terms:
    """Strengths of the terms beside the fit, as parts of each unit's size, so that they mean the same in any unit of
    length. That size is the geometric mean of the unit's own diagonal of B'B and of all units' mean: by its own alone
    the jaw would be held as loosely as a brow, which moves far less; by the mean alone no brow would pay its price.
    """

    sparsity: float = 0.02
    smallness: float = 1e-3
    symmetry: float = 0.05
    temporal: float = 0.1


def weights_by_name(expression: Array, names: tuple[str, ...]) -> Array:
    """ARKit weights (T, 52) from expression (T, M) whose components are ARKit units by `names` (M,), in any order.

    Units that the model lacks stay 0. Raises UserError where no name is an ARKit unit.
    """
    index = {name: i for i, name in enumerate(names)}
    if not any(name in index for name in ARKIT_NAMES):
        raise UserError("The face model's expression components are not ARKit units; solve for the weights instead.")
    weights = np.zeros((len(expression), len(ARKIT_NAMES)))
    for column, name in enumerate(ARKIT_NAMES):
        if name in index:
            weights[:, column] = expression[:, index[name]]
    return np.clip(weights, 0.0, 1.0)


def solve_weights(
    expression: Array,
    basis: Array,
    units: Array,
    offset: Array | None = None,
    terms: Terms | None = None,
    names: tuple[str, ...] = ARKIT_NAMES,
) -> Array:
    """Weights (T, U) whose units (U, V, 3) come closest to the model's expression; by default ARKit's 52.

    expression (T, M) codes of `basis` (M, V, 3); offset (V, 3): the model's own mean expression; all in one unit. names
    (U) of the units say which are each other's mirror image.
    """
    terms = terms or Terms()
    flat_units = units.reshape(len(units), -1).astype(np.float64)  # (52, 3V)
    flat_basis = basis.reshape(len(basis), -1).astype(np.float64)
    gram = flat_units @ flat_units.T
    fit = expression @ (flat_basis @ flat_units.T)  # (T, 52)
    if offset is not None:
        fit = fit + flat_units @ offset.reshape(-1)
    own = np.diag(gram)
    # A unit that this mesh does not show must not be free.
    size = np.sqrt(np.maximum(own, LEAST_SIZE * own.mean()) * own.mean())
    root = np.sqrt(size)
    symmetry = terms.symmetry * root[:, None] * symmetry_penalty(names) * root
    matrix = gram + terms.smallness * np.diag(size) + symmetry
    return box_least_squares(matrix, fit - terms.sparsity * size, terms.temporal * size, WEIGHT_TOLERANCE)


def weights_from_facewarehouse(weights: Array) -> Array:
    """ARKit weights (T, 52) from weights (T, 46) of FaceWarehouse's expressions.

    Both sides get what FaceWarehouse does not split; its lipLowerDown and lipUpperUp have no counterpart and are lost.
    """
    out = np.zeros((len(weights), len(ARKIT_NAMES)))
    for column, name in enumerate(FACEWAREHOUSE_NAMES):
        for unit in ARKIT_OF_FACEWAREHOUSE[name]:
            out[:, ARKIT_INDEX[unit]] = weights[:, column]
    return np.clip(out, 0.0, 1.0)


def symmetry_penalty(names: tuple[str, ...] = ARKIT_NAMES) -> Array:
    """P'P (U, U): half the squared differences between each unit and its mirrored one.

    Gaze and sideways mouth and jaw are left out: the eyes look the same way, so left and right differ by nature.
    """
    penalty = np.zeros((len(names), len(names)))
    index = {name: i for i, name in enumerate(names)}
    for i, name in enumerate(names):
        j = index.get(mirrored_name(name), i)
        if i == j or name.startswith(_GAZE) or name in SIDEWAYS:
            continue
        penalty[i, i] += 0.5
        penalty[j, j] += 0.5
        penalty[i, j] -= 0.5
        penalty[j, i] -= 0.5
    return 0.5 * penalty


_GAZE = ("eyeLookIn", "eyeLookOut", "lookIn", "lookOut")


def box_least_squares(
    matrix: Array, linear: Array, temporal: float | Array = 0.0, tolerance: float = 1e-9, sweeps: int = 5000
) -> Array:
    """Minimise, over 0 <= x <= 1, the sum over frames of x'Ax/2 - b'x, plus temporal/2 |x_t - x_(t-1)|^2.

    matrix A (n, n) symmetric positive definite; linear b (T, n); temporal for all weights or one each (n,). Returns
    x (T, n). Coordinate descent from the clipped free minimum, compiled, until no weight moves by `tolerance`;
    `box_least_squares_plain` says what it does.
    """
    from retarget.weights_kernel import descend

    x = np.ascontiguousarray(np.clip(np.linalg.solve(matrix, linear.T).T, 0.0, 1.0), np.float64)
    a, b = np.ascontiguousarray(matrix, np.float64), np.ascontiguousarray(linear, np.float64)
    descend(a, b, np.broadcast_to(np.float64(temporal), len(a)).copy(), tolerance, sweeps, x)
    return x


def box_least_squares_plain(
    matrix: Array, linear: Array, temporal: float | Array = 0.0, tolerance: float = 1e-9, sweeps: int = 5000
) -> Array:
    """The plain twin of `box_least_squares`, which tests hold it against: all frames at once, even and odd ones in
    turn, so that neighbours in time never move together.
    """
    frames, count = linear.shape
    x = np.clip(np.linalg.solve(matrix, linear.T).T, 0.0, 1.0)
    neighbours = np.full(frames, 2.0)
    neighbours[[0, -1]] -= 1.0
    if frames == 1:
        neighbours[:] = 0.0
    pull = np.broadcast_to(np.asarray(temporal, np.float64), (count,))
    coupled = bool(pull.max() > 0) and frames > 1
    halves = [slice(0, None, 2), slice(1, None, 2)] if coupled else [slice(0, None)]
    scale = float(np.abs(np.diag(matrix)).max())
    for _ in range(sweeps):
        moved = 0.0
        for half in halves:
            residual = linear[half] - x[half] @ matrix  # (T', n)
            if coupled:
                around = np.zeros_like(x)
                around[1:] += x[:-1]
                around[:-1] += x[1:]
                residual += pull * (around[half] - neighbours[half, None] * x[half])
            for k in range(count):
                stiffness = pull[k] * neighbours[half] if coupled else 0.0
                old = x[half, k]
                new = np.clip(old + residual[:, k] / (matrix[k, k] + stiffness), 0.0, 1.0)
                step = new - old
                if not step.any():
                    continue
                x[half, k] = new
                residual -= step[:, None] * matrix[k]
                if coupled:
                    residual[:, k] -= stiffness * step
                moved = max(moved, float(np.abs(step).max()) * matrix[k, k] / scale)
        if moved < tolerance:
            break
    return x
