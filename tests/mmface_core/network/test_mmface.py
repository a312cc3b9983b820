from dataclasses import replace

import pytest
import torch

from mmface_core.errors import UserError
from mmface_core.geometry.rotation import from_6d
from mmface_core.network.config import LITE, PAPER, NetworkConfig, named_config
from mmface_core.network.mmface import MMFaceNet
from mmface_core.network.pmn import EXPRESSION_START, PatchConv3d, decode_pose
from mmface_core.network.points import soft_argmax
from mmface_core.network.vmn import resize_volume


@pytest.mark.parametrize("config", [LITE, PAPER], ids=["lite", "paper"])
def test_sizes_are_those_of_the_config(config):
    with torch.device("meta"):
        net = MMFaceNet(config).eval()
        output = net(torch.zeros(2, 3, config.input_size, config.input_size))
    assert len(output.volume_logits) == 2
    solid = resize_volume(output.volume_logits[-1], config.volume_size)
    assert solid.shape == (2, config.volume_size, config.volume_size, config.volume_size)
    assert output.identity.shape == (2, config.n_identity)
    assert output.expression.shape == (2, config.n_expression)
    assert output.rotation.shape == (2, 3, 3)
    assert output.scale.shape == (2,)
    assert output.translation.shape == (2, 2)
    assert output.points.shape == (2, config.n_points, 2)


def test_paper_is_a_volume_of_192_and_the_basel_codes():
    assert (PAPER.volume_size, PAPER.channels, PAPER.n_identity, PAPER.n_expression) == (192, 256, 199, 29)
    assert (LITE.volume_size, LITE.channels, LITE.n_identity, LITE.n_expression) == (64, 64, 80, 52)
    assert len(PAPER.volume_convs) == len(LITE.volume_convs) == 5


def test_an_untrained_network_says_a_resting_face_in_the_middle(tiny_net):
    output = tiny_net.eval()(torch.rand(2, 3, 256, 256))
    assert output.expression.sub(EXPRESSION_START).abs().max() < 0.1
    assert output.rotation.sub(torch.eye(3)).abs().max() < 0.2
    assert output.scale.sub(1.28).abs().max() < 0.2
    assert output.translation.sub(127.5).abs().max() < 8.0


def test_half_the_input_meets_the_same_layers(tiny_net):
    whole, half = (tiny_net.eval()(torch.rand(1, 3, side, side)) for side in (256, 128))
    assert [stack.shape for stack in whole.volume_logits] == [stack.shape for stack in half.volume_logits]
    assert whole.points.shape == half.points.shape


@pytest.mark.parametrize("part", ["identity", "expression", "rotation", "translation"])
def test_losses_on_parameters_reach_the_volumetric_part(tiny_net, part):
    output = tiny_net(torch.rand(2, 3, 256, 256))
    getattr(output, part).square().sum().backward()
    for layer in (tiny_net.vmn.first, tiny_net.vmn.scores[-1]):
        assert layer.weight.grad is not None
        assert layer.weight.grad.abs().sum() > 0


def test_parameters_leave_the_direct_points_to_their_own_loss(tiny_net):
    tiny_net(torch.rand(2, 3, 256, 256)).identity.sum().backward()
    assert tiny_net.point_head.scores.weight.grad is None


def test_the_true_volume_may_replace_the_predicted_one(tiny_net):
    tiny_net.eval()
    crop, empty = torch.rand(1, 3, 256, 256), torch.zeros(1, 64, 64, 64)
    full = torch.ones_like(empty)
    assert not torch.equal(tiny_net(crop, empty).identity, tiny_net(crop, full).identity)


def test_merging_is_two_convolutions_in_one(tiny_net):
    vmn = tiny_net.vmn
    features = torch.randn(2, 8, 4, 4)
    apart = vmn.merge_features[0](features) + vmn.merge_scores[0](vmn.scores[0](features))
    assert torch.allclose(vmn._merge(0, features), apart, atol=1e-5)


def test_patch_convolution_equals_torchs():
    patch = PatchConv3d(1, 3, (4, 2, 2), (4, 2, 2))
    x = torch.randn(2, 1, 8, 6, 6)
    plain = torch.nn.functional.conv3d(x, patch.weight, patch.bias, stride=(4, 2, 2))
    assert torch.allclose(patch(x), plain, atol=1e-5)


def test_soft_argmax_reads_pixels_of_the_crop():
    scores = torch.full((1, 2, 32, 32), -50.0)
    scores[0, 0, 0, 0] = 50.0
    scores[0, 1, 5, 20] = scores[0, 1, 5, 21] = 50.0
    points = soft_argmax(scores)[0]
    assert torch.allclose(points[0], torch.tensor([3.5, 3.5]), atol=1e-3)
    assert torch.allclose(points[1], torch.tensor([8 * 20.5 + 3.5, 8 * 5 + 3.5]), atol=1e-3)


def test_no_output_of_the_pose_is_the_nominal_pose():
    pose = decode_pose(torch.zeros(1, 9))
    assert torch.allclose(from_6d(pose.rotation_6d)[0], torch.eye(3))
    assert pose.scale.item() == pytest.approx(1.28)
    assert torch.equal(pose.translation, torch.full((1, 2), 127.5))


def test_config_survives_a_round_trip():
    assert NetworkConfig.from_dict(PAPER.to_dict()) == PAPER


def test_config_of_another_version_is_a_users_error():
    with pytest.raises(UserError, match="another version"):
        NetworkConfig.from_dict(LITE.to_dict() | {"wheels": 4})
    with pytest.raises(UserError, match="lite, paper"):
        named_config("huge")


def test_parameters_can_be_read_without_the_volume(tiny):
    blind = MMFaceNet(replace(tiny, read_volume=False)).eval()
    crop = torch.rand(2, 3, 256, 256)
    empty, full = (blind(crop, volume=value * torch.ones(2, 64, 64, 64)) for value in (0.0, 1.0))
    assert torch.equal(empty.expression, full.expression)
    seeing = MMFaceNet(tiny).eval()
    empty, full = (seeing(crop, volume=value * torch.ones(2, 64, 64, 64)) for value in (0.0, 1.0))
    assert not torch.equal(empty.expression, full.expression)
