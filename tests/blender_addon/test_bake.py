"""The whole way from a take to a .blend, looked at from inside Blender."""

import hashlib

import numpy as np
import pytest

from mmface_core.conventions import euler_to_rotation, rotation_to_blender
from mmface_core.model.arkit import ARKIT_INDEX
from mmface_core.take import Take
from retarget import Settings, retarget_video
from tests.takes import take_of

pytestmark = pytest.mark.blender

COUNT = 60
FPS = 30000 / 1001
START = 5
TURNS = {56: (0.5, 0.0, 0.0), 57: (0.0, 0.4, 0.0), 58: (0.0, 0.0, 0.3), 59: (0.4, -0.2, 0.1)}  # yaw, pitch, roll


@pytest.fixture(scope="session")
def take(tmp_path_factory):
    """Each unit moves in one frame of its own, then the head turns."""
    weights = np.zeros((COUNT, 52), np.float32)
    weights[np.arange(52) + 1, np.arange(52)] = np.linspace(0.5, 1.0, 52)
    rotation = np.tile(np.eye(3, dtype=np.float32), (COUNT, 1, 1))
    for frame, angles in TURNS.items():
        rotation[frame] = euler_to_rotation(*angles)
    path = tmp_path_factory.mktemp("take") / "clip.npz"
    take_of(weights, FPS, rotation=rotation).save(path)
    return path


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def animate(take, rig, folder, in_blender, **options):
    before = digest(rig)
    output = folder / "out.blend"
    report = retarget_video(take, rig, output, settings=Settings(smooth=0.0, start=START), **options)
    assert digest(rig) == before, "the rig's own file changed"
    assert sorted(p.name for p in folder.iterdir()) == ["out.blend"], "something was left behind"
    return report, in_blender("inspect_blend", output, START, *(START + frame for frame in TURNS))


@pytest.fixture(scope="session")
def skinned(take, rigs, in_blender, tmp_path_factory):
    return animate(take, rigs / "skinned.blend", tmp_path_factory.mktemp("skinned"), in_blender)


@pytest.fixture(scope="session")
def loose(take, rigs, in_blender, tmp_path_factory):
    return animate(take, rigs / "loose.blend", tmp_path_factory.mktemp("loose"), in_blender)


def test_the_scene_has_the_clips_rate_range_and_start(skinned):
    scene = skinned[1]["scene"]
    assert (scene["fps"], scene["start"], scene["end"], scene["current"]) == (30, 5, 64, 5)
    assert scene["fps_base"] == pytest.approx(1.001)


def test_one_action_named_after_the_clip_moves_all_meshes_and_the_head(skinned):
    seen = skinned[1]
    assert {seen["keys"][mesh]["action"] for mesh in ("Head", "Teeth")} == {"clip"}
    assert seen["objects"]["Rig"]["action"] == "clip"


def test_an_action_of_the_artists_own_is_kept(skinned):
    assert skinned[1]["actions"]["Walk"] is True


def test_every_mesh_has_linear_keys_at_every_frame(skinned):
    curves = skinned[1]["keys"]
    assert len(curves["Head"]["curves"]) == 52 and len(curves["Teeth"]["curves"]) == 2
    for mesh in curves.values():
        for curve in mesh["curves"].values():
            assert curve["frames"] == list(range(5, 65)) and curve["interpolation"] == ["LINEAR"]


def test_values_are_the_takes_weights(skinned, take):
    weights = Take.load(take).weights
    curves = skinned[1]["keys"]
    for unit, key in (("jawOpen", "jaw_open"), ("eyeBlinkLeft", "eye_blink_left"), ("tongueOut", "tongue_out")):
        values = curves["Head"]["curves"][f'key_blocks["{key}"].value[0]']["values"]
        assert np.allclose(values, weights[:, ARKIT_INDEX[unit]])
    teeth = curves["Teeth"]["curves"]
    assert np.allclose(teeth['key_blocks["JawOpen"].value[0]']["values"], weights[:, ARKIT_INDEX["jawOpen"]])
    assert np.allclose(teeth['key_blocks["Jaw_L"].value[0]']["values"], weights[:, ARKIT_INDEX["jawLeft"]])


def test_dead_keys_are_named(skinned):
    assert skinned[0].named.dead == ("cheekPuff",)
    assert any("Dead keys" in line and "cheekPuff" in line for line in skinned[0].lines())


def assert_turned(seen, meshes):
    for frame, angles in TURNS.items():
        expected = rotation_to_blender(euler_to_rotation(*angles))
        for mesh in meshes:
            before = np.array(seen["axes"][str(START)][mesh]["axes"])
            after = np.array(seen["axes"][str(START + frame)][mesh]["axes"])
            assert np.allclose(after, before @ expected.T, atol=0.02), (frame, mesh)


def test_the_head_bone_of_an_odd_rig_turns_the_face_as_in_the_video(skinned):
    assert skinned[0].mapping.head.bone == "Head"
    assert_turned(skinned[1], ["Head", "Teeth"])


def test_the_bones_keep_their_rotation_modes(skinned):
    seen = skinned[1]
    assert seen["modes"]["Rig/Head"] == "XYZ"
    head = [f'pose.bones["Head"].rotation_euler[{i}]' for i in range(3)]
    neck = [f'pose.bones["Neck"].rotation_quaternion[{i}]' for i in range(4)]
    assert sorted(seen["objects"]["Rig"]["curves"]) == head + neck


def test_meshes_without_bones_turn_about_a_new_empty_that_their_eyes_follow(loose):
    seen = loose[1]
    pivot = seen["parents"]["Head"]
    assert pivot and seen["parents"]["Lashes"] == seen["parents"]["Eyes"] == pivot
    assert_turned(seen, ["Head", "Lashes"])
    eyes = [np.array(seen["axes"][str(START + f)]["Eyes"]["axes"][0]) for f in (0, 56)]
    assert not np.allclose(*eyes, atol=0.1)


def test_a_two_sided_key_takes_both_lids(loose):
    curve = loose[1]["keys"]["Lashes"]["curves"]['key_blocks["eyeBlink"].value[0]']["values"]
    left, right = (ARKIT_INDEX[n] for n in ("eyeBlinkLeft", "eyeBlinkRight"))
    assert curve[left + 1] == pytest.approx(0.25, abs=0.01) and curve[right + 1] > 0.25


def test_a_channel_without_a_key_is_named(loose):
    assert loose[0].named.missing == ("mouthClose",)


def test_drivers_are_left_alone_and_mutes_and_pins_are_said(take, rigs, in_blender, tmp_path):
    report, seen = animate(take, rigs / "driven.blend", tmp_path, in_blender, head="off")
    assert list(seen["keys"]["Head"]["curves"]) == [
        'key_blocks["mouthSmileLeft"].value[0]',
        'key_blocks["mouthSmileRight"].value[0]',
    ]
    text = "\n".join(report.lines())
    assert "driver of the rig owns" in text and "Muted" in text and "only its active key" in text
    assert seen["pinned"] == [] and seen["objects"]["Head"] is None
