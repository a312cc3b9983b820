import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmface_core.network import losses


def test_volume_loss_is_the_mean_cross_entropy_with_its_sign():
    logits = torch.tensor([0.0, 2.0, -1.0, 30.0]).reshape(1, 4, 1, 1)
    target = torch.tensor([1.0, 1.0, 0.0, 0.0]).reshape(1, 4, 1, 1)
    by_hand = (math.log(2) + math.log1p(math.exp(-2)) + math.log1p(math.exp(-1)) + 30.0) / 4
    assert losses.volume_loss(logits, target).item() == pytest.approx(by_hand, rel=1e-5)


def test_volume_loss_and_its_gradient_equal_torchs():
    logits = torch.randn(3, 4, 5, 5, dtype=torch.float64, requires_grad=True)
    target, trust = torch.rand(3, 4, 5, 5, dtype=torch.float64), torch.tensor([1.0, 0.5, 0.0], dtype=torch.float64)
    ours = losses.volume_loss(logits, target, trust)
    each = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    plain = (each.mean(dim=(1, 2, 3)) * trust).mean()
    assert torch.allclose(ours, plain)
    (first,) = torch.autograd.grad(ours, logits)
    (second,) = torch.autograd.grad(plain, logits)
    assert torch.allclose(first, second)


def test_coarser_logits_are_held_against_the_averaged_volume():
    target = torch.zeros(1, 2, 4, 4)
    target[:, :, :2, :2] = 1.0
    assert losses.volume_loss(torch.full((1, 2, 1, 1), math.log(0.25 / 0.75)), target).item() == pytest.approx(
        -(0.25 * math.log(0.25) + 0.75 * math.log(0.75)), rel=1e-5
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_geometry_loss_is_the_mean_squared_distance_of_vertices(seed):
    generator = torch.Generator().manual_seed(seed)
    basis = torch.randn(5, 7, 3, generator=generator)
    a, b = torch.randn(2, 4, 5, generator=generator)
    moved = torch.einsum("bk,kvc->bvc", a - b, basis)
    by_hand = moved.square().sum(dim=2).mean()
    assert torch.allclose(losses.geometry_loss(a, b, losses.gram_matrix(basis)), by_hand, rtol=1e-4)


def test_vertex_weights_tilt_the_mean():
    basis = torch.zeros(1, 2, 3)
    basis[0, 0, 0], basis[0, 1, 0] = 1.0, 2.0
    assert losses.gram_matrix(basis, torch.tensor([3.0, 1.0])).item() == pytest.approx((1.5 * 1 + 0.5 * 4) / 2)


def test_trust_leaves_out_what_is_not_known():
    gram = torch.eye(2)
    a, b = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.zeros(2, 2)
    assert losses.geometry_loss(a, b, gram, torch.tensor([1.0, 0.0])).item() == pytest.approx((1 + 4) / 2)
    assert losses.geometry_loss(a, b, gram, torch.tensor([[1.0, 0.0], [0.25, 0.0]])).item() == pytest.approx(
        (1 + 0.25 * 9) / 2
    )
    assert losses.code_loss(a, b, torch.tensor([1.0, 0.0])).item() == pytest.approx((1 + 4) / 4)


def test_pose_loss_is_in_squared_pixels_on_the_true_landmarks():
    landmarks = torch.tensor([[[10.0, 0.0, 0.0], [0.0, 20.0, 5.0]]])
    eye = torch.eye(3)[None]
    true = (eye, torch.tensor([1.0]), torch.tensor([[100.0, 100.0]]))
    wrong = (eye, torch.tensor([1.5]), torch.tensor([[103.0, 104.0]]))
    # (10, 0) -> 5 + 3, 4; (0, 20) -> 3, -10 + 4 (y runs down)
    by_hand = ((8.0**2 + 4.0**2) + (3.0**2 + 6.0**2)) / 2
    assert losses.pose_loss(landmarks, wrong, true).item() == pytest.approx(by_hand)
    assert losses.projection_loss(landmarks, wrong, landmarks, true).item() == pytest.approx(by_hand)


def test_points_loss_is_huber():
    points = torch.tensor([[[0.5, 0.0], [0.0, 3.0]]])
    assert losses.points_loss(points, torch.zeros_like(points)).item() == pytest.approx((0.125 + 2.5) / 2)


def test_pair_loss_sees_gaps_and_not_places():
    target = torch.tensor([[[0.0, 0.0], [0.0, 6.0]]])
    pairs = torch.tensor([[0, 1]])
    assert losses.pair_loss(target + 50.0, target, pairs).item() == 0.0
    shut = torch.tensor([[[0.0, 3.0], [0.0, 3.0]]])
    assert losses.pair_loss(shut, target, pairs).item() == pytest.approx(5.5)
