"""Brows and lips of a portrait are found where they lie, and the texture follows them."""

import cv2
import numpy as np
import pytest

from tests.train.data.conftest import lip_correspondence
from train.data import camera
from train.data.head import default_head
from train.data.portraits import register
from train.data.portraits.texture import texture_coordinates

SCALE, AT = 1.2, np.array([128.0, 128.0])


@pytest.fixture(scope="module")
def influence() -> register.Influence:
    return register.Influence(lip_correspondence())


def portrait_with_brows(offset_mm: float, lock: bool = False) -> np.ndarray:
    """A grey face with dark bands so much higher than usual; `lock`: with a lock of hair over one brow's end."""
    marks = default_head().landmarks(default_head().mean)[register.BROWS]
    marks = marks + (register.USUAL + offset_mm)[:, None] * np.array([0.0, 1.0, 0.0])
    place = np.rint(16 * camera.project(marks, np.eye(3), SCALE, AT, np.inf)[:, :2]).astype(np.int32)
    picture = np.full((256, 256, 3), 180, np.uint8)
    for side in (slice(5), slice(5, 10)):
        cv2.polylines(picture, [place[side]], False, (70, 60, 50), 5, cv2.LINE_AA, shift=4)
    if lock:
        x, y = (place[0] / 16).astype(int)
        cv2.rectangle(picture, (x - 3, y - 12), (x + 3, y - 6), (10, 10, 10), -1)
    return picture


@pytest.mark.parametrize("offset", [-2.5, -1.0, 0.0, 1.5, 2.5])
def test_a_brow_is_found_where_it_was_drawn(offset):
    found = register.brow_offsets(portrait_with_brows(offset), default_head().mean, np.eye(3), SCALE, AT)
    assert np.allclose(found, offset, atol=0.3 + 0.25 * abs(offset))  # the prior draws towards the usual place


def test_a_lock_of_hair_does_not_move_the_whole_brow():
    plain, with_lock = (
        register.brow_offsets(portrait_with_brows(1.0, lock), default_head().mean, np.eye(3), SCALE, AT)
        for lock in (False, True)
    )
    assert np.abs(with_lock - plain)[1:].max() < 1.0
    assert np.allclose(with_lock[5:], plain[5:])


def test_a_face_without_brows_has_them_where_they_usually_are():
    grey = np.full((256, 256, 3), 150, np.uint8)
    assert np.allclose(register.brow_offsets(grey, default_head().mean, np.eye(3), SCALE, AT), 0.0)


def test_what_all_portraits_share_is_no_offset():
    rng = np.random.default_rng(1)
    brows, lips = rng.normal(0, 1, (9, 10)), rng.normal(0, 1, (9, 5, 2))
    one, other = (register.without_common(register.Offsets(brows + c, lips + c)) for c in (0.0, 3.0))
    assert np.allclose(one.brows, other.brows) and np.allclose(one.lips, other.lips)
    assert np.abs(one.brows).max() <= register.MOST_MM


def test_brows_move_upwards_together_and_leave_the_lids_alone(influence):
    head = default_head()
    shift = influence.shifts(np.ones(10), np.zeros((20, 2)), np.eye(3), SCALE)
    moved = np.zeros((head.n_vertices, 2))
    moved[: len(shift)] = shift
    marks = head.landmarks(moved)
    assert np.allclose(marks[17:27, 0], 0.0)
    assert np.all(marks[18:26, 1] < -0.7 * SCALE) and np.all(marks[17:27, 1] < -0.5 * SCALE)
    assert np.abs(marks[36:48]).max() < 0.05 * SCALE and np.abs(marks[48:]).max() < 1e-6


def test_one_lip_does_not_follow_the_other(influence):
    head = default_head()
    lips = np.zeros((20, 2))
    lower = [*range(55, 60), *range(65, 68)]
    lips[np.array(lower) - 48] = [0.0, 1.0]
    shift = influence.shifts(np.zeros(10), lips, np.eye(3), SCALE)
    moved = np.zeros((head.n_vertices, 2))
    moved[: len(shift)] = shift
    marks = head.landmarks(moved)[:, 1]
    assert marks[[57, 66]].min() > 0.7 * SCALE
    assert np.abs(marks[[51, 62]]).max() < 0.15 * SCALE


def test_lips_that_lie_where_the_fit_puts_them_have_no_offset():
    places = lip_correspondence()
    marks = default_head().landmarks(default_head().mean)[48:]
    seen = camera.project(marks, np.eye(3), SCALE, AT, np.inf)[:, :2]
    assert np.allclose(register.lip_offsets(seen, places, default_head().mean, np.eye(3), SCALE, AT), 0.0, atol=1e-4)
    beside = register.lip_offsets(seen + np.array([SCALE, 0.0]), places, default_head().mean, np.eye(3), SCALE, AT)
    assert np.allclose(beside, [1.0, 0.0], atol=1e-4)


def test_the_texture_is_taken_from_where_the_shift_leads():
    head = default_head()
    projected = camera.project(head.mean, np.eye(3), SCALE, AT, np.inf)
    count = head.parts["skin"].stop
    shift = np.tile([2.0, -3.0], (count, 1))
    still = texture_coordinates(head.mean, projected, np.eye(3), 256, np.zeros((count, 2)))
    moved = texture_coordinates(head.mean, projected, np.eye(3), 256, shift)
    assert np.allclose(256 * (moved[0] - still[0]), shift, atol=1e-4)
    assert np.array_equal(moved[2], still[2])  # what is seen is the fit's business
