"""Spoiling a picture keeps its format and depends on nothing but the generator."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from train.data.augment import augment
from train.data.border import black_border


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([128, 256]))
def test_augmented_pictures_keep_shape_and_type(seed: int, size: int) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (size, size, 3), np.uint8)
    one, other = (augment(np.random.default_rng(seed), picture, lambda rng: picture) for _ in range(2))
    assert one.shape == picture.shape
    assert one.dtype == np.uint8
    assert one.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(one, other)


def test_a_black_border_leaves_the_middle_alone() -> None:
    picture = np.full((128, 128, 3), 200, np.uint8)
    for seed in range(20):
        out = black_border(np.random.default_rng(seed), picture, probability=1.0)
        assert (out[54:74, 54:74] == 200).all()
        assert (out == 0).any()
