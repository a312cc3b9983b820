import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmface_core.network.config import NetworkConfig
from mmface_core.network.mmface import MMFaceNet
from tests.tiny_network import TINY
from train.config import RunConfig, Stage
from train.muon import LEAST_SIDE, MOMENTUM, STEP_SIZE, Muon, inner_matrices, orthogonal
from train.optimisers import learning_rate, make_optimisers

CLOSER = NetworkConfig(
    "closer",
    eye_points=(0, 1),
    eye_points_right=(2, 3),
    mouth_points=(4, 5),
    lip_points=(4,),
    detail_width=16,
    detail_features=16,
    fine_width=8,
    **(TINY | {"stem_channels": 8, "channels": 16, "map_convs": (8, 8, 8)}),
)


@given(st.integers(2, 40), st.integers(2, 40), st.integers(0, 999), st.floats(1e-4, 1e4))
@settings(max_examples=60, deadline=None)
def test_orthogonal_keeps_singular_vectors_and_levels_singular_values(rows, columns, seed, size):
    generator = torch.Generator().manual_seed(seed)
    least = min(rows, columns)
    left = torch.linalg.qr(torch.randn(rows, least, generator=generator)).Q
    right = torch.linalg.qr(torch.randn(columns, least, generator=generator)).Q
    values = size * torch.linspace(0.3, 1.0, least)
    made = orthogonal((left * values @ right.T)[None])[0]
    levelled = left.T @ made @ right
    assert torch.all((levelled.diagonal() > 0.6) & (levelled.diagonal() < 1.3))
    assert float((levelled - torch.diag(levelled.diagonal())).abs().max()) < 0.1, "other directions mixed in"
    assert float((left @ levelled @ right.T - made).norm()) < 0.05 * least**0.5, "something outside of them"


def test_of_nothing_nothing_is_made():
    assert not orthogonal(torch.zeros(2, 3, 4)).any()


def test_a_step_goes_against_the_gradient_and_has_the_size_of_a_step_of_adamw():
    kernel = torch.nn.Parameter(torch.zeros(16, 8, 3, 3))
    kernel.grad = torch.randn(kernel.shape, generator=torch.Generator().manual_seed(3))
    Muon([kernel], lr=0.01, weight_decay=0.0).step()
    assert float((kernel.detach() * kernel.grad).sum()) < 0
    assert float(kernel.detach().square().mean().sqrt()) == pytest.approx(0.01 * STEP_SIZE, rel=0.15)


def test_weights_decay_by_rate_and_decay_alone_where_the_gradient_is_zero():
    matrix = torch.nn.Parameter(torch.ones(8, 8))
    matrix.grad = torch.zeros(8, 8)
    Muon([matrix], lr=0.1, weight_decay=0.5).step()
    assert torch.allclose(matrix, torch.full((8, 8), 0.95))


def test_many_matrices_at_once_move_as_each_would_alone():
    def grown(together: bool) -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(5)
        shapes = [(16, 8), (16, 8), (8, 16), (16, 2, 2, 2)]
        matrices = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
        groups = [matrices] if together else [[matrix] for matrix in matrices]
        optimisers = [Muon(group, lr=0.1, weight_decay=0.1) for group in groups]
        for _ in range(3):
            for matrix in matrices:
                matrix.grad = torch.randn(matrix.shape, generator=generator)
            for optimiser in optimisers:
                optimiser.step()
        return [matrix.detach() for matrix in matrices]

    for one, other in zip(grown(True), grown(False), strict=True):
        assert torch.allclose(one, other, atol=1e-3)  # products of bf16 in batches round otherwise


def test_momentum_remembers_earlier_gradients():
    matrix = torch.nn.Parameter(torch.zeros(8, 8))
    optimiser = Muon([matrix], lr=1.0, weight_decay=0.0)
    matrix.grad = torch.eye(8)
    optimiser.step()
    before = matrix.detach().clone()
    matrix.grad = -1e-3 * (1.0 - MOMENTUM) * torch.eye(8)
    optimiser.step()
    assert torch.all(matrix.diagonal() < before.diagonal()), "a small gradient does not turn the way at once"


def test_layers_of_answers_norms_and_biases_stay_with_adamw():
    net = MMFaceNet(CLOSER)
    inner = {id(p) for p in inner_matrices(net)}
    names = {name for name, p in net.named_parameters() if id(p) in inner}
    assert "vmn.first.weight" in names and "detail.eye.narrow.7.weight" in names
    answers = (
        "point_head.scores.weight",
        "vmn.scores.1.weight",
        "detail.eye.heat.weight",
        "detail.lips.heat.weight",
        "pmn.mixed.6.weight",
        "pmn.points.layers.6.weight",
    )
    assert not names & set(answers)
    assert all(p.dim() > 1 and min(len(p), p[0].numel()) >= LEAST_SIDE for p in inner_matrices(net))


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_every_parameter_has_one_optimiser(optimiser):
    net = MMFaceNet(CLOSER)
    made = make_optimisers(net, RunConfig(stages=(), optimiser=optimiser))
    assert len(made) == {"adamw": 1, "muon": 2}[optimiser]
    held = [id(p) for each in made for group in each.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in net.parameters())


def test_the_rate_warms_up_and_anneals():
    stage = Stage("s", images=1000, batch=10, warmup_images=100, learning_rate=1e-3, final_learning_rate=1e-5)
    assert learning_rate(stage, 0.0, 0) == pytest.approx(1e-4)
    assert learning_rate(stage, 0.0, 200) == pytest.approx(1e-3)
    assert learning_rate(stage, 1.0, 1000) == pytest.approx(1e-5)
