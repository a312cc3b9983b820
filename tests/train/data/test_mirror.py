"""The mirror image of a head, and of a mirror image."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from train.data import mirror, sampling
from train.data.head import default_head


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_mirrored_codes_make_the_mirrored_head(seed: int) -> None:
    rng, head = np.random.default_rng(seed), default_head()
    identity = rng.standard_normal(head.n_identity).astype(np.float32)
    expression = sampling.sample_expression(rng)
    turned = head.shape(*mirror.mirrored_codes(identity, expression))
    expected = head.shape(identity, expression)[head.mirror] * np.float32([-1, 1, 1])
    skin = head.parts["skin"]
    assert np.abs(turned[skin] - expected[skin]).max() < 0.05


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_mirroring_twice_changes_nothing(seed: int) -> None:
    rng, head = np.random.default_rng(seed), default_head()
    identity = rng.standard_normal(head.n_identity).astype(np.float32)
    expression = sampling.sample_expression(rng)
    twice = mirror.mirrored_codes(*mirror.mirrored_codes(identity, expression))
    np.testing.assert_allclose(twice[0], identity, atol=1e-3)
    np.testing.assert_array_equal(twice[1], expression)
