from dataclasses import replace

import pytest
import torch

from mmface_core.model.dense_points import detail_points, point_mirror, point_names
from mmface_core.network.detail import DetailNetwork, cut, lip_reach, to_crop
from mmface_core.network.mmface import MMFaceNet

NAMES = point_names()


@pytest.fixture
def closer(tiny):
    """The tiny network's sizes with a closer look."""
    places = detail_points(NAMES)
    return replace(
        tiny,
        eye_points=places.eye_left,
        eye_points_right=places.eye_right,
        mouth_points=places.mouth,
        detail_width=8,
        detail_features=4,
    )


@pytest.fixture
def with_lips(closer):
    """The same with a look at the lips alone."""
    return replace(closer, lip_points=detail_points(NAMES).lips)


@pytest.fixture
def first() -> torch.Tensor:
    """First points of two faces, spread as a face's are."""
    generator = torch.Generator().manual_seed(3)
    return 127.5 + 50.0 * torch.randn(2, len(NAMES), 2, generator=generator)


def ramp(size: int) -> torch.Tensor:
    """A picture whose red is x and whose green is y, in pixels of the 256 crop."""
    line = (torch.arange(size, dtype=torch.float32) + 0.5) * (256.0 / size) - 0.5
    return torch.stack([line.repeat(size, 1), line[:, None].repeat(1, size), torch.zeros(size, size)])[None]


@pytest.mark.parametrize("size", [256, 128])
def test_a_patch_shows_the_picture_where_it_was_cut(size):
    centre, reach = torch.tensor([[100.0, 140.0]]), torch.tensor([32.0])
    patch = cut(ramp(size), centre, reach)[0]
    assert patch.shape == (3, 64, 64)
    inside = torch.tensor([[-0.5, 0.25]])  # of the patch: 16 px left of its centre, 8 px below
    x, y = to_crop(inside[None], centre, reach)[0, 0]
    column, row = ((inside[0] + 1.0) * 32.0 - 0.5).tolist()
    at = patch[:2, [int(row), int(row) + 1]][:, :, [int(column), int(column) + 1]].mean((1, 2))
    assert torch.allclose(at, torch.stack([x, y]), atol=0.6)


def test_beyond_the_border_a_patch_is_black():
    patch = cut(torch.ones(1, 3, 256, 256), torch.tensor([[0.0, 128.0]]), torch.tensor([40.0]))[0, 0]
    assert patch[32, :30].abs().max() == 0 and patch[32, 40:].min() > 0.99


def test_only_the_points_of_eyes_and_mouth_are_placed_anew(closer, first):
    network = DetailNetwork(closer).eval()
    points, second, features = network(torch.rand(2, 3, 256, 256), first)
    assert points is second
    moved = (points != first).any(dim=2).any(dim=0)
    places = detail_points(NAMES)
    assert set(torch.nonzero(moved)[:, 0].tolist()) == set(places.eye_left + places.eye_right + places.mouth)
    assert features.shape == (2, 12)


def test_a_mirrored_face_has_its_eyes_points_mirrored(closer, first):
    network = DetailNetwork(closer).eval()
    crop = torch.rand(2, 3, 256, 256)
    mirror = torch.from_numpy(point_mirror(NAMES))

    def mirrored(points: torch.Tensor) -> torch.Tensor:
        return torch.stack([255.0 - points[..., 0], points[..., 1]], dim=2)[:, mirror]

    here, _, _ = network(crop, first)
    there, _, _ = network(crop.flip(3), mirrored(first))
    eyes = list(closer.eye_points + closer.eye_points_right)
    assert torch.allclose(mirrored(there)[:, eyes], here[:, eyes], atol=1e-2)


def test_first_points_learn_nothing_from_the_closer_look(closer):
    net = MMFaceNet(closer)
    output = net(torch.rand(2, 3, 256, 256))
    patches = list(closer.eye_points + closer.eye_points_right + closer.mouth_points)
    output.points[:, patches].sum().backward()
    assert net.point_head.scores.weight.grad is None
    assert net.detail.eye.heat.weight.grad.abs().sum() > 0


def test_without_patches_the_first_points_are_the_points(tiny_net):
    output = tiny_net.eval()(torch.rand(1, 3, 256, 256))
    assert tiny_net.detail is None
    assert torch.equal(output.points, output.first_points)


def test_without_a_look_at_the_mouth_there_is_none_at_the_lips(with_lips):
    net = MMFaceNet(replace(with_lips, eye_points=(), eye_points_right=(), mouth_points=())).eval()
    output = net(torch.rand(1, 3, 256, 256))
    assert net.detail is None and torch.equal(output.points, output.first_points)


def test_the_two_eyes_points_are_each_others_mirror_image():
    places, mirror = detail_points(NAMES), point_mirror(NAMES)
    assert [int(mirror[number]) for number in places.eye_left] == list(places.eye_right)
    assert not set(places.eye_left) & set(places.eye_right)
    assert {int(mirror[number]) for number in places.mouth} == set(places.mouth)


def test_blocks_that_join_a_trained_closer_look_change_nothing_at_first(closer, first):
    shallow = replace(closer, fine_width=8, detail_blocks=2, fine_blocks=0)
    torch.manual_seed(1)
    trained = DetailNetwork(shallow).eval()
    for parameter in trained.parameters():  # blocks begin with a factor of zero; these have learnt something
        parameter.data += 0.02 * torch.randn_like(parameter)
    deeper = DetailNetwork(replace(shallow, detail_blocks=4, fine_blocks=1)).eval()
    deeper.load_state_dict(trained.state_dict(), strict=False)
    crop = torch.rand(2, 3, 256, 256)
    for ours, theirs in zip(deeper(crop, first), trained(crop, first), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_the_look_at_the_lips_places_the_lips_alone(with_lips, first):
    network = DetailNetwork(with_lips).eval()
    points, second, features = network(torch.rand(2, 3, 256, 256), first)
    moved = (points != second).any(dim=2).any(dim=0)
    assert set(torch.nonzero(moved)[:, 0].tolist()) == set(with_lips.lip_points)
    assert features.shape == (2, 16)


def lips_of(width: float, height: float) -> torch.Tensor:
    """A ring of lip points (1, 32, 2) px."""
    angle = torch.arange(32) * (2.0 * torch.pi / 32)
    return 127.5 + torch.stack([0.5 * width * angle.cos(), 0.5 * height * angle.sin()], dim=1)[None]


def test_a_lip_patch_holds_its_lips_and_grows_as_they_open():
    spread = torch.tensor([45.0])
    shut, wide = (lip_reach(lips_of(50.0, height), spread) for height in (14.0, 60.0))
    assert 25.0 < shut < 40.0 and shut < wide
    assert wide > 30.0


def test_a_lip_patch_of_lips_seen_from_the_side_stays_large_enough():
    assert torch.allclose(lip_reach(lips_of(8.0, 8.0), torch.tensor([50.0])), torch.tensor([22.5]))


def test_second_points_learn_nothing_from_the_look_at_the_lips(with_lips):
    net = MMFaceNet(with_lips)
    output = net(torch.rand(2, 3, 256, 256))
    output.points[:, list(with_lips.lip_points)].sum().backward()
    assert not net.detail.mouth.heat.weight.grad.any()
    assert net.detail.lips.heat.weight.grad.abs().sum() > 0
