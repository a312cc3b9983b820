import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmface_core import conventions
from mmface_core.geometry import rotation

angles = st.tuples(*[st.floats(-1.5, 1.5)] * 3)


@given(angles)
def test_torch_and_numpy_agree_on_euler_angles(triple):
    torch_rotation = rotation.from_euler(*(torch.tensor(a, dtype=torch.float64) for a in triple))
    assert np.allclose(torch_rotation.numpy(), conventions.euler_to_rotation(*triple))


@given(angles)
def test_six_numbers_carry_a_rotation(triple):
    before = rotation.from_euler(*(torch.tensor(a, dtype=torch.float64) for a in triple))
    assert torch.allclose(rotation.from_6d(rotation.to_6d(before)), before)


@settings(deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=6, max_size=6))
def test_any_six_numbers_make_a_proper_rotation(numbers):
    six = torch.tensor(numbers, dtype=torch.float64) + torch.tensor([3.5, 0, 0, 0, 3.5, 0], dtype=torch.float64)
    made = rotation.from_6d(six)
    assert torch.allclose(made @ made.T, torch.eye(3, dtype=torch.float64), atol=1e-9)
    assert torch.linalg.det(made) > 0


@settings(deadline=None)
@given(st.floats(0.0, 3.0))
def test_angle_between_measures_the_axis_angle(size):
    vector = torch.tensor([0.0, size, 0.0], dtype=torch.float64)
    measured = rotation.angle_between(torch.eye(3, dtype=torch.float64), rotation.from_axis_angle(vector))
    assert torch.allclose(measured, torch.tensor(size, dtype=torch.float64), atol=1e-9)
