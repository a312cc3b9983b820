"""Beards, hats and glasses cover what they should, and nothing else."""

import cv2
import numpy as np
import pytest

from train.data import sampling
from train.data.augment import shade
from train.data.head import default_head
from train.data.render.beard import with_beard
from train.data.render.face import SkinColours
from train.data.render.face_mask import sample_face_mask
from train.data.render.glasses import lay_lenses, sample_glasses
from train.data.render.hat import sample_hat

FRONT = sampling.Pose(np.eye(3), 1.0, np.array([128.0, 128.0]), np.inf)


def white_skin(painted: bool) -> SkinColours:
    count = default_head().parts["skin"].stop
    place = np.zeros((count, 2), np.float32)
    white, none = np.ones((count, 3), np.float32), np.zeros(count, np.float32)
    if painted:
        return SkinColours(np.zeros((4, 4, 3), np.uint8), place, place, none, colours=white)
    return SkinColours(np.zeros((4, 4, 3), np.uint8), place, place, none, fill=white, fill_weight=none)


@pytest.mark.parametrize("painted", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_a_beard_grows_on_the_chin_or_lip_and_never_on_mouth_eyes_or_brow(painted, seed):
    head = default_head()
    skin = with_beard(np.random.default_rng(seed), white_skin(painted))
    bearded = (skin.colours < 0.9).any(1) if painted else skin.fill_weight > 0.1
    assert bearded.sum() > 20  # a thin moustache covers some forty vertices
    high = head.mean[head.parts["skin"], 1] > head.landmarks(head.mean)[31:36, 1].mean() + 45.0
    assert not bearded[high].any()
    lips = head.landmark_vertices[48:].ravel()
    assert bearded[lips].mean() < 0.1


def test_a_hat_stays_above_the_brows_in_front():
    head = default_head()
    brows = head.landmarks(head.mean)[17:27, 1].mean()
    for seed in range(8):
        crown = sample_hat(np.random.default_rng(seed), head.mean, FRONT)[0]
        ahead = crown.positions[:, 2] > crown.positions[:, 2].max() - 10.0
        assert (128.0 - crown.positions[ahead, 1] > brows - 10.0).all()


def test_lenses_change_the_picture_within_their_rims_alone():
    picture = np.full((256, 256, 3), 128, np.uint8)
    hidden = [
        (glasses, lay_lenses(np.random.default_rng(seed), picture, glasses))
        for seed in range(20)
        if 0.0 < (glasses := sample_glasses(np.random.default_rng(seed), default_head().mean, FRONT)).hides < 1.0
    ]
    assert hidden
    for glasses, seen in hidden:
        changed = np.argwhere((seen != picture).any(-1))[:, ::-1]
        low, high = glasses.lenses.min((0, 1)) - 2, glasses.lenses.max((0, 1)) + 2
        assert ((changed >= low) & (changed <= high)).all()


def test_a_shadow_only_darkens():
    picture = np.full((64, 64, 3), 200, np.uint8)
    for seed in range(8):
        assert (shade(np.random.default_rng(seed), picture) <= picture).all()


def test_a_mask_hides_nose_tip_mouth_and_chin_and_leaves_the_eyes_free():
    vertices = default_head().mean
    marks = default_head().landmarks(vertices)
    for seed in range(8):
        cloth = sample_face_mask(np.random.default_rng(seed), vertices, FRONT)[0]
        outline = cv2.convexHull(cloth.positions[:, :2].astype(np.float32))
        in_picture = np.column_stack([128.0 + marks[:, 0], 128.0 - marks[:, 1]])

        def hidden(points: range, outline=outline, in_picture=in_picture) -> list[bool]:
            return [cv2.pointPolygonTest(outline, tuple(map(float, in_picture[p])), False) > 0 for p in points]

        assert all(hidden(range(30, 36))) and all(hidden(range(48, 68)))
        assert not any(hidden(range(17, 27))) and not any(hidden(range(36, 48)))
        middle = len(cloth.positions) // 2  # of the cloth: before the mouth
        assert cloth.positions[middle, 2] > marks[48:68, 2].max()


def test_a_masks_cloth_faces_the_camera():
    cloth = sample_face_mask(np.random.default_rng(1), default_head().mean, FRONT)[0]
    normals = cloth.attributes[:, 0:3]
    assert np.allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-4)
    assert normals[len(normals) // 2, 2] > 0.9


def test_some_masks_are_cups_that_stand_before_the_nose():
    vertices = default_head().mean
    nose = default_head().landmarks(vertices)[30, 2]
    depths = np.array(
        [
            sample_face_mask(np.random.default_rng(seed), vertices, FRONT)[0].positions[:, 2].max() - nose
            for seed in range(40)
        ]
    )
    assert 0.2 < (depths > 15.0).mean() < 0.6
    assert depths.min() > 0.0


def test_a_masks_straps_stay_outside_the_cheek():
    head = default_head()
    skin = head.mean[head.parts["skin"]]
    for seed in range(8):
        for strap in sample_face_mask(np.random.default_rng(seed), head.mean, FRONT)[1:]:
            for point in strap.positions[1:5] * [1.0, -1.0, 1.0] + [-128.0, 128.0, 0.0]:  # the picture's, in mm again
                side = np.sign(point[0])
                level = skin[(np.abs(skin[:, 1] - point[1]) < 3.0) & (np.abs(skin[:, 2] - point[2]) < 3.0)]
                assert not len(level) or side * point[0] > (side * level[:, 0]).max() - 1.0
