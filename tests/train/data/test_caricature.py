"""Caricatures keep what a head is: parts in place, the same points, both sides alike."""

import numpy as np
import pytest

from train.data.head import default_head
from train.data.render.caricature import caricatured
from train.data.streams import CARTOON_SHARE, SampleMaker

HEAD = default_head()


@pytest.mark.parametrize("seed", range(6))
def test_eyes_grow_and_the_head_stays_whole(seed):
    drawn = caricatured(np.random.default_rng(seed), HEAD.mean)
    before, after = HEAD.landmarks(HEAD.mean), HEAD.landmarks(drawn)
    for corners in ((36, 39), (42, 45)):
        assert np.ptp(after[list(corners), 0]) > 1.05 * np.ptp(before[list(corners), 0])
    order = [8, 57, 51, 33, 27]  # chin, lips, nose and its root, from below
    assert (np.diff(after[order, 1]) > 0).all()
    # A warp of space turns no triangle of the face over.
    on_skin = (HEAD.triangles < HEAD.parts["skin"].stop).all(1)
    front = HEAD.triangles[on_skin & (HEAD.mean[HEAD.triangles][..., 2] > 0).all(1)]

    def facing(points: np.ndarray) -> np.ndarray:
        a, b, c = (points[front[:, i], :2] for i in range(3))
        return (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])

    steep = np.abs(facing(HEAD.mean)) < 0.5  # mm^2: seen from the side, these may turn away
    assert ((facing(drawn) > 0) == (facing(HEAD.mean) > 0))[~steep].mean() > 0.995


@pytest.mark.parametrize("seed", range(3))
def test_a_symmetric_head_stays_symmetric(seed):
    drawn = caricatured(np.random.default_rng(seed), HEAD.mean)
    np.testing.assert_allclose(drawn[HEAD.mirror] * [-1, 1, 1], drawn, atol=0.05)


def test_an_unknown_identity_teaches_neither_shape_nor_volume(painted_cache):
    maker = SampleMaker(64, None, augmented=0.0)
    samples = [maker.sample(0, index) for index in range(60)]
    cartoons = [s for s in samples if s["identity_weight"] == 0.0]
    assert 1 <= len(cartoons) <= 4 * 60 * CARTOON_SHARE
    assert all(s["volume_weight"] == 0.0 and s["expression_weight"].max() <= 0.5 for s in cartoons)
    others = [s for s in samples if s["identity_weight"] > 0.0]
    assert all(s["volume_weight"] == 1.0 for s in others)
