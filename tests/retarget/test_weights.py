import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES
from retarget.weights import (
    Terms,
    box_least_squares,
    box_least_squares_plain,
    solve_weights,
    symmetry_penalty,
    weights_by_name,
)


def problem(seed, frames=7, count=12, rows=30):
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(rows, count))
    target = rng.normal(size=(frames, rows)) * 2
    return design, target


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_every_frame_is_the_bounded_least_squares_solution(seed):
    design, target = problem(seed)
    x = box_least_squares(design.T @ design, target @ design)
    for row, wanted in zip(x, target, strict=True):
        assert np.allclose(row, lsq_linear(design, wanted, (0, 1), tol=1e-12).x, atol=1e-5)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 30.0))
def test_the_temporal_term_couples_the_clip_exactly(seed, temporal):
    design, target = problem(seed, frames=5, count=6, rows=15)
    x = box_least_squares(design.T @ design, target @ design, temporal)
    frames, count = x.shape
    # The same problem as one large least squares: all frames stacked, differences in time as further rows.
    difference = np.kron(np.diff(np.eye(frames), axis=0), np.eye(count)) * np.sqrt(temporal)
    stacked = np.vstack([np.kron(np.eye(frames), design), difference])
    wanted = np.concatenate([target.ravel(), np.zeros(len(difference))])
    assert np.allclose(x.ravel(), lsq_linear(stacked, wanted, (0, 1), tol=1e-12).x, atol=1e-5)


def units(seed=0):
    return np.random.default_rng(seed).normal(size=(52, 200, 3))


def test_weights_are_found_again_from_another_basis():
    rng = np.random.default_rng(1)
    shapes = units()
    true = np.clip(rng.normal(0.1, 0.3, size=(6, 52)), 0, 1)
    mixing = np.linalg.qr(rng.normal(size=(52, 52)))[0]  # a basis that spans the same shapes, all mixed up
    basis = np.einsum("ij,jvc->ivc", mixing, shapes)
    free = Terms(sparsity=0, smallness=0, symmetry=0, temporal=0)
    assert np.allclose(solve_weights(true @ mixing.T, basis, shapes, terms=free), true, atol=1e-4)


def test_the_models_own_mean_expression_counts():
    shapes = units()
    offset = 0.5 * shapes[ARKIT_INDEX["jawOpen"]]
    free = Terms(sparsity=0, smallness=0, symmetry=0, temporal=0)
    weights = solve_weights(np.zeros((1, 52)), shapes, shapes, offset, free)
    assert weights[0, ARKIT_INDEX["jawOpen"]] == pytest.approx(0.5, abs=1e-4)


def test_sparsity_empties_small_weights():
    shapes = units()
    true = np.full((1, 52), 0.03)
    assert solve_weights(true, shapes, shapes, terms=Terms(sparsity=0.2)).sum() < 0.1 * true.sum()


def test_symmetry_leaves_gaze_and_sideways_movements_alone():
    penalty = symmetry_penalty()
    free = [ARKIT_INDEX[n] for n in ("eyeLookInLeft", "eyeLookOutRight", "jawLeft", "mouthRight", "jawOpen")]
    assert not penalty[free].any()
    even = np.ones(52)
    assert np.allclose(penalty @ even, 0) and np.linalg.eigvalsh(penalty).min() > -1e-9


def test_units_pass_by_name_in_any_order():
    names = tuple(reversed(ARKIT_NAMES))
    expression = np.arange(52)[None] / 52
    weights = weights_by_name(expression, names)
    assert np.allclose(weights[0], expression[0, ::-1])


def test_components_without_names_are_refused():
    with pytest.raises(UserError, match="not ARKit"):
        weights_by_name(np.zeros((1, 3)), ("a", "b", "c"))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_the_compiled_descent_equals_its_plain_twin(seed, coupled):
    design, target = problem(seed)
    temporal = np.random.default_rng(seed).uniform(0.1, 20, 12) if coupled else 0.0
    fast = box_least_squares(design.T @ design, target @ design, temporal)
    plain = box_least_squares_plain(design.T @ design, target @ design, temporal)
    assert np.allclose(fast, plain, atol=1e-6)
