import torch

from mmface_core.geometry.camera import weak_perspective


def test_up_in_the_head_is_up_in_the_picture_and_left_of_the_subject_is_right():
    points = torch.tensor([[[0.0, 0.0, 0.0], [10.0, 0.0, 0.0], [0.0, 10.0, 0.0], [0.0, 0.0, 10.0]]])
    pixels = weak_perspective(points, torch.eye(3)[None], torch.tensor([2.0]), torch.tensor([[100.0, 50.0]]))
    expected = torch.tensor([[[100.0, 50, 0], [120, 50, 0], [100, 30, 0], [100, 50, 20]]])
    assert torch.allclose(pixels, expected)
