"""Artists' rigs of several kinds, opened for real."""

from pathlib import Path

import numpy as np
import pytest

from mmface_core.errors import UserError
from retarget import Settings, retarget_video
from retarget.mapping.map_rig import MapOptions
from retarget.pipeline import read_and_map

pytestmark = pytest.mark.blender
AVATAR = Path(__file__).resolve().parents[2] / "examples" / "avatar.blend"


@pytest.fixture(scope="session")
def mapped(shared, in_blender):
    known = {}

    def get(name):
        if name not in known:
            # By names alone: shapes have tests of their own.
            known[name] = read_and_map(shared / "data" / "rigs" / name, options=MapOptions(how="names"))
        return known[name]

    return get


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "channels", "head"),
    [
        ("makehuman_expression_units.blend", 34, None),
        ("readyplayerme_arkit_visemes.glb", 52, "Head"),
        ("JohnSmithHead.fbx", 50, None),
        ("makehuman_arkit_snake.blend", 52, None),
        ("vroid_fcl_arkit.glb", 52, "Head"),
    ],
)
def test_rigs_are_mapped_by_name_and_found_to_face_the_front(mapped, name, channels, head):
    found = mapped(name)
    assert len(found.mapping.channels) == channels
    assert found.mapping.head.bone == head
    assert np.allclose(found.mapping.facing.front, (0, -1, 0)) and found.mapping.facing.by == "keys"


@pytest.mark.shared
def test_the_same_keys_on_four_meshes_are_all_driven(mapped):
    channel = mapped("readyplayerme_arkit_visemes.glb").mapping.channels[0]
    assert {t.object for t in channel.targets} == {"Wolf3D_Head", "Wolf3D_Teeth", "EyeLeft", "EyeRight"}


@pytest.mark.shared
def test_dead_keys_of_a_vroid_rig_are_named(mapped):
    dead = mapped("vroid_fcl_arkit.glb").named.dead
    assert {"jawForward", "noseSneerLeft", "noseSneerRight"} <= set(dead) and "eyeBlinkLeft" not in dead


@pytest.mark.shared
def test_a_dead_jaw_is_overruled_by_a_live_vowel_and_that_is_said(mapped):
    found = mapped("vroid_fcl_arkit.glb")
    jaw = next(c for c in found.mapping.channels if c.channel == "jawOpen")
    assert [t.key for t in jaw.targets] == ["viseme_aa"] and "jawOpen" not in found.named.dead
    assert any(n.channel == "jawOpen" and "moves nothing" in n.reason for n in found.named.overruled)


@pytest.mark.shared
def test_two_sided_keys_rest_and_a_misspelt_key_is_taken_since_it_mirrors_the_other_side(mapped):
    named = mapped("JohnSmithHead.fbx").named
    keys = {t.key for c in named.channels for t in c.targets}
    assert not keys & {"eyeBlink", "browDown", "Idle"} and "mouthFromRight" in keys
    assert named.missing == ("mouthClose", "tongueOut")
    assert [n.channel for n in named.overruled] == ["mouthFrownRight"]


@pytest.mark.shared
def test_three_moods_drive_a_cartoon_head_and_its_neck_shares_the_turn(mapped):
    found = mapped("RobotExpressive.glb")
    assert {t.key for c in found.mapping.channels for t in c.targets} == {"Angry", "Surprised", "Sad"}
    assert (found.mapping.head.bone, [t.bone for t in found.mapping.neck]) == ("Head_1", ["Neck"])
    assert np.allclose(found.mapping.facing.front, (0, -1, 0)) and found.mapping.facing.by == "bones"


def test_a_rig_whose_names_mean_nothing_is_refused_with_what_it_has(rigs, in_blender):
    with pytest.raises(UserError, match=r"No channel matched: none of the 2 shape keys .*Key 1, Key 2"):
        read_and_map(rigs / "unnamed.blend", options=MapOptions(how="names"))


def test_the_bundled_avatar_takes_every_channel_on_every_mesh_that_moves(in_blender):
    found = read_and_map(AVATAR)
    assert len(found.mapping.channels) == 52 and not found.named.dead
    assert found.mapping.head.bone and found.mapping.facing.by == "keys"
    jaw = next(c for c in found.mapping.channels if c.channel == "jawOpen")
    assert len(jaw.targets) >= 3  # skin, lower teeth, tongue


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("JohnSmithHead.fbx", 50),
        ("RobotExpressive.glb", 12),
        ("makehuman_arkit_snake.blend", 52),
        ("makehuman_expression_units.blend", 34),
        ("readyplayerme_arkit_visemes.glb", 52),
        ("vroid_fcl_arkit.glb", 52),
    ],
)
def test_one_command_animates_the_rig_with_names_and_shapes_at_work(shared, save_take, tmp_path, name, least):
    weights = np.zeros((54, 52), np.float32)
    weights[np.arange(52) + 1, np.arange(52)] = 1.0  # each unit in a frame of its own
    save_take(tmp_path / "clip.npz", weights, np.tile(np.eye(3, dtype=np.float32), (54, 1, 1)))
    out = tmp_path / "out.blend"
    report = retarget_video(tmp_path / "clip.npz", shared / "data" / "rigs" / name, out, settings=Settings(smooth=0.0))
    assert out.is_file() and len(report.mapping.channels) >= least
    moving = [c for c in report.mapping.key_curves(weights) if np.ptp(c.values) > 0.1]
    assert len({c.key for c in moving}) >= min(least, 3) and report.mapping.head is not None
    assert report.lines()[0].startswith(f"Drives {len(report.mapping.channels)} of 52 channels")
