import numpy as np
import pytest

from train.measure.skin import group_of, skin_angle

POINTS = np.random.default_rng(0).uniform([20, 20], [180, 180], (68, 2))


@pytest.mark.parametrize(
    "colour, group",
    [
        ((240, 205, 185), "light"),
        ((198, 150, 120), "intermediate"),
        ((172, 122, 92), "tan"),
        ((90, 60, 45), "brown and dark"),
        ((90, 90, 90), "unknown"),
    ],
)
def test_plain_skins_fall_into_their_groups(colour, group):
    picture = np.full((200, 200, 3), colour, np.uint8)
    assert group_of(skin_angle(picture, POINTS)) == group


def test_cheeks_outside_the_picture_are_unknown():
    assert group_of(skin_angle(np.zeros((200, 200, 3), np.uint8), POINTS + 1000.0)) == "unknown"
