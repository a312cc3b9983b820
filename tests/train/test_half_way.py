"""Weights half way between a run's end and what it began from."""

from dataclasses import replace

import pytest
import torch

from mmface_core.errors import UserError
from mmface_core.network.mmface import MMFaceNet
from tests.train.test_warm_start import GROWN, trained
from train.half_way import move_half_way

DEEPER = replace(GROWN, name="deeper", mouth_blocks=1)


def test_every_weight_is_the_mean_of_both():
    earlier, net = trained(GROWN).state_dict(), trained(GROWN)
    for value in net.state_dict().values():
        if value.is_floating_point():
            value += 0.5
    later = {name: value.clone() for name, value in net.state_dict().items()}
    move_half_way(net, earlier)
    for name, value in net.state_dict().items():
        mean = 0.5 * (earlier[name].double() + later[name].double())
        assert torch.allclose(value.double(), mean, atol=1e-6) or not value.is_floating_point(), name


def test_a_block_that_joined_on_the_way_adds_half_of_what_it_adds():
    net, halved = trained(DEEPER), trained(DEEPER)
    earlier = {name: value for name, value in net.state_dict().items() if ".deep." not in name}
    move_half_way(halved, earlier)
    assert net.detail is not None and halved.detail is not None
    x = torch.rand(2, 2 * DEEPER.detail_width, 4, 4, generator=torch.Generator().manual_seed(8))
    with torch.no_grad():
        for side in ("mouth", "lips"):
            block, half = (getattr(n.detail, side).deep[0] for n in (net, halved))
            assert torch.allclose(half.layers(x), 0.5 * block.layers(x), atol=1e-6)


def test_weights_that_a_run_did_not_begin_from_are_refused():
    net = MMFaceNet(GROWN)
    other = net.state_dict() | {"pmn.pose.0.weight": torch.zeros(3, 3)}
    with pytest.raises(UserError, match=r"did not begin from these weights: pmn\.pose\.0\.weight"):
        move_half_way(net, other)
