"""Artists' rigs of several kinds, opened for real."""

from pathlib import Path

import numpy as np
import pytest

from mmface_core.errors import UserError
from retarget.pipeline import read_and_map

pytestmark = pytest.mark.blender
AVATAR = Path(__file__).resolve().parents[2] / "examples" / "avatar.blend"


@pytest.fixture(scope="session")
def mapped(shared, in_blender):
    known = {}

    def get(name):
        if name not in known:
            known[name] = read_and_map(shared / "data" / "rigs" / name)
        return known[name]

    return get


@pytest.mark.parametrize(
    ("name", "channels", "head"),
    [
        ("readyplayerme_arkit_visemes.glb", 52, "Head"),
        ("JohnSmithHead.fbx", 49, None),
        ("makehuman_arkit_snake.blend", 52, None),
        ("vroid_fcl_arkit.glb", 52, "Head"),
    ],
)
def test_rigs_are_mapped_by_name_and_found_to_face_the_front(mapped, name, channels, head):
    found = mapped(name)
    assert len(found.mapping.channels) == channels
    assert found.mapping.head.bone == head
    assert np.allclose(found.mapping.facing.front, (0, -1, 0)) and found.mapping.facing.by == "keys"


def test_the_same_keys_on_four_meshes_are_all_driven(mapped):
    channel = mapped("readyplayerme_arkit_visemes.glb").mapping.channels[0]
    assert {t.object for t in channel.targets} == {"Wolf3D_Head", "Wolf3D_Teeth", "EyeLeft", "EyeRight"}


def test_dead_keys_of_a_vroid_rig_are_named(mapped):
    dead = mapped("vroid_fcl_arkit.glb").named.dead
    assert {"jawOpen", "noseSneerLeft", "noseSneerRight"} <= set(dead) and "eyeBlinkLeft" not in dead


def test_two_sided_keys_and_a_typo_are_not_driven(mapped):
    named = mapped("JohnSmithHead.fbx").named
    keys = {t.key for c in named.channels for t in c.targets}
    assert not keys & {"eyeBlink", "browDown", "mouthFromRight", "Idle"}
    assert named.missing == ("mouthClose", "mouthFrownRight", "tongueOut")


def test_a_rig_with_other_names_is_refused_with_what_it_has(shared, in_blender):
    with pytest.raises(UserError, match=r"No channel matched: none of the 3 shape keys .*Angry, Surprised, Sad"):
        read_and_map(shared / "data" / "rigs" / "RobotExpressive.glb")


def test_the_bundled_avatar_takes_every_channel_on_every_mesh_that_moves(in_blender):
    found = read_and_map(AVATAR)
    assert len(found.mapping.channels) == 52 and not found.named.dead
    assert found.mapping.head.bone and found.mapping.facing.by == "keys"
    jaw = next(c for c in found.mapping.channels if c.channel == "jawOpen")
    assert len(jaw.targets) >= 3  # skin, lower teeth, tongue
