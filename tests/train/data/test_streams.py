"""Samples are functions of (seed, index) and their labels agree with their pictures."""

from collections.abc import Callable

import numpy as np

from mmface_core.model.dense_points import point_kinds, point_names
from train.data.head import default_head
from train.data.portraits.register import MOST_MM
from train.data.streams import PORTRAIT, PROCEDURAL, TEXTURED, SampleMaker


def test_a_sample_is_a_function_of_seed_and_index(maker: SampleMaker) -> None:
    maker.augmented = 1.0
    first = [maker.sample(3, index) for index in (0, 1, 2, 3, 4, 5)]
    again = [maker.sample(3, index) for index in (5, 4, 3, 2, 1, 0)][::-1]
    maker.augmented = 0.0
    for one, other in zip(first, again, strict=True):
        for key, value in one.items():
            np.testing.assert_array_equal(value, other[key], err_msg=key)
    assert not np.array_equal(maker.sample(4, 0)["identity"], first[0]["identity"])


def test_looks_of_a_person_share_the_identity_and_nothing_else(maker: SampleMaker) -> None:
    one, other, stranger = maker.look(3, 0, 0), maker.look(3, 0, 1), maker.look(3, 1, 0)
    np.testing.assert_array_equal(one["identity"], other["identity"])
    assert not np.array_equal(one["identity"], stranger["identity"])
    assert not np.array_equal(one["expression"], other["expression"])
    assert not np.array_equal(one["rotation"], other["rotation"])
    np.testing.assert_array_equal(one["crop"], maker.look(3, 0, 0)["crop"])


def test_all_streams_occur_and_have_the_same_arrays(maker: SampleMaker) -> None:
    samples = [maker.sample(1, index) for index in range(40)]
    assert {int(sample["stream"]) for sample in samples} == {PROCEDURAL, PORTRAIT, TEXTURED}
    shapes = {key: (value.shape, value.dtype) for key, value in samples[0].items()}
    for sample in samples:
        assert {key: (value.shape, value.dtype) for key, value in sample.items()} == shapes
        assert np.isfinite(sample["points"]).all()
        assert ((sample["expression"] >= 0) & (sample["expression"] <= 1)).all()
        np.testing.assert_allclose(sample["rotation"] @ sample["rotation"].T, np.eye(3), atol=1e-5)
        assert np.linalg.det(sample["rotation"]) > 0.99


def test_weak_perspective_labels_come_close_to_the_true_points(maker: SampleMaker, project_points: Callable) -> None:
    distances = []
    for index in range(30):
        sample = maker.sample(2, index)
        distances.append(np.linalg.norm(project_points(sample) - sample["points"], axis=1).mean())
    assert np.median(distances) < 2.5
    assert max(distances) < 12.0


def test_portrait_labels_project_exactly_but_for_brows_and_lips_that_were_found_elsewhere(
    maker: SampleMaker, project_points: Callable
) -> None:
    sample = maker.portrait(np.random.default_rng(0))
    apart = np.abs(project_points(sample) - sample["points"]).max(1)
    found = np.isin(point_kinds(point_names()), ("brow", "lip"))
    assert apart[~found].max() < 0.05
    assert apart[found].max() < 1.28 * 2.0 * MOST_MM  # px of the largest shift, sideways and upwards


def test_portrait_crop_shows_the_face_where_the_labels_say(maker: SampleMaker) -> None:
    """The irises of both eyes stand out of their whites as nothing does on the nose's bridge."""
    found = []
    head = default_head()
    for index in range(40):
        sample = maker.portrait(np.random.default_rng(index))
        opened = sample["expression"][[head.index("eyeBlinkLeft"), head.index("eyeBlinkRight")]].max() < 0.2
        yaw = np.degrees(np.arcsin(-sample["rotation"][2, 0]))
        if not opened or abs(yaw) > 25:
            continue
        crop = sample["crop"].astype(float)
        points = (sample["points"] + 0.5) / 2 - 0.5
        places = points[36:42].mean(0), points[42:48].mean(0), points[27]
        right, left, bridge = (
            crop[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4].std(axis=(0, 1)).mean() for x, y in places
        )
        found.append(min(right, left) > 1.5 * bridge)
    assert len(found) >= 10 and np.mean(found) > 0.9
