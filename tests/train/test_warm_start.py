"""A run that starts from the weights of a smaller network: what they knew stays, what is new begins without a say."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from mmface_core.model.dense_points import detail_points, point_names
from mmface_core.network.config import NetworkConfig
from mmface_core.network.mmface import MMFaceNet
from tests.tiny_network import TINY
from train.checkpoint import start_from
from train.config import RunConfig

PLACES = detail_points(point_names())
SIZES = TINY | {"name": "grown", "detail_width": 8, "detail_features": 4, "mixed": 12}
GROWN = RunConfig(stages=(), network_changes=SIZES).network_config(point_names())
SMALL = replace(GROWN, name="small", lip_points=(), mixed=0)


def trained(config: NetworkConfig) -> MMFaceNet:
    torch.manual_seed(4)
    net = MMFaceNet(config).eval()
    for value in net.state_dict().values():
        if value.is_floating_point():
            value += 0.05 * torch.rand(value.shape)
    return net


@pytest.fixture
def grown(tmp_path):
    """(the trained small network, a grown one that starts from it, the line that was said)."""
    small = trained(SMALL)
    save_file(small.state_dict(), tmp_path / "small.safetensors")
    torch.manual_seed(5)
    net = MMFaceNet(GROWN).eval()
    return small, net, start_from(net, tmp_path / "small.safetensors")


def test_a_network_that_grew_says_what_the_smaller_one_said_but_for_the_lips(grown):
    small, net, _ = grown
    crop = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        before, now = small(crop), net(crop)
        seen = net.look_closer(crop, now.first_points).features
        assert seen is not None and seen[:, 12:].any(), "the lips' look says something, to nobody yet"
        points = net.pmn.points(before.points)
    assert net.pmn.mixed is not None and not net.pmn.mixed[-1].weight.any()
    assert torch.allclose(now.second_points, before.points, atol=1e-4)
    assert not torch.allclose(now.points, before.points, atol=1e-2), "lips are placed once more"
    own = net.pmn.points(now.points) - points  # the points' own say, which reads the lips where they are now
    assert torch.allclose(now.rotation_6d - before.rotation_6d, own[:, -8:-2].detach(), atol=1e-4)


def test_the_look_at_the_lips_begins_as_the_look_at_the_mouth(grown):
    _, net, _ = grown
    assert net.detail.lips is not None
    for name, value in net.detail.lips.state_dict().items():
        mouth = net.detail.mouth.state_dict()[name]
        if name.startswith("heat."):
            mouth = mouth[[PLACES.mouth.index(point) for point in PLACES.lips]]
        assert torch.equal(value, mouth), name


def test_what_is_new_is_said(grown):
    line = grown[2]
    assert "% of the weights, the rest anew" in line and "100 %" not in line


def test_layers_of_another_size_begin_anew(tmp_path):
    small = trained(SMALL)
    save_file(small.state_dict(), tmp_path / "small.safetensors")
    wider = MMFaceNet(replace(SMALL, hidden=20))
    fresh = wider.pmn.expression[0].weight.clone()
    start_from(wider, tmp_path / "small.safetensors")
    assert torch.equal(wider.pmn.expression[0].weight, fresh)
    assert torch.equal(wider.point_head.scores.weight, small.point_head.scores.weight)


def test_blocks_that_join_the_look_at_mouth_and_lips_change_nothing_at_first(tmp_path):
    whole = trained(GROWN)
    save_file(whole.state_dict(), tmp_path / "whole.safetensors")
    net = MMFaceNet(replace(GROWN, name="deeper", mouth_blocks=2)).eval()
    start_from(net, tmp_path / "whole.safetensors")
    assert net.detail is not None and len(net.detail.mouth.deep) == 2 and len(net.detail.eye.deep) == 0
    crop = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        before, now = whole(crop), net(crop)
    assert torch.allclose(before.expression, now.expression, atol=1e-5)
    assert torch.allclose(before.points, now.points, atol=1e-4)
