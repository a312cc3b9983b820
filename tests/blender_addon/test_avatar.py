"""The bundled avatar holds what the README promises: all units, bones, packed pictures, in one small file."""

from pathlib import Path

import pytest

from mmface_core.model.arkit import ARKIT_NAMES

AVATAR = Path(__file__).resolve().parents[2] / "examples" / "avatar.blend"


@pytest.fixture(scope="module")
def avatar(in_blender) -> dict:
    return in_blender("describe_avatar", AVATAR)


def test_the_file_is_small():
    assert AVATAR.stat().st_size < 1.5e6


@pytest.mark.blender
def test_the_52_units_are_there_and_none_is_dead(avatar):
    keys = {name for mesh in avatar["meshes"].values() for name in mesh["keys"]}
    assert keys == set(ARKIT_NAMES)
    assert set(ARKIT_NAMES) - set(avatar["meshes"]["Head"]["keys"]) == {"tongueOut"}
    assert all(reach > 4e-5 for mesh in avatar["meshes"].values() for reach in mesh["keys"].values())
    assert all(value == 0 for mesh in avatar["meshes"].values() for value in mesh["values"])


@pytest.mark.blender
def test_what_sits_in_the_head_moves_with_it(avatar):
    assert {"jawOpen", "jawLeft", "jawRight", "jawForward"} == set(avatar["meshes"]["Teeth lower"]["keys"])
    assert avatar["meshes"]["Teeth upper"]["keys"] == {}
    assert {"jawOpen", "tongueOut"} <= set(avatar["meshes"]["Tongue"]["keys"])
    assert {"eyeBlinkLeft", "eyeBlinkRight"} <= set(avatar["meshes"]["Lashes"]["keys"])
    assert set(avatar["meshes"]["Eye.L"]["keys"]) == {f"eyeLook{way}Left" for way in ("Up", "Down", "In", "Out")}


@pytest.mark.blender
def test_the_left_eye_is_on_the_left_of_a_head_that_faces_the_viewer(avatar):
    eye, head = avatar["meshes"]["Eye.L"], avatar["meshes"]["Head"]
    assert eye["low"][0] > 0
    assert eye["low"][1] < (head["low"][1] + head["high"][1]) / 2  # the face looks along -y
    assert 0.2 < head["high"][2] - head["low"][2] < 0.35  # metres


@pytest.mark.blender
def test_bones_of_neck_head_and_eyes_hold_every_mesh(avatar):
    assert avatar["bones"] == {"neck": None, "head": "neck", "eye.L": "head", "eye.R": "head"}
    assert all(mesh["groups"] for mesh in avatar["meshes"].values())


@pytest.mark.blender
def test_pictures_are_inside_the_file(avatar):
    assert avatar["libraries"] == 0
    assert avatar["images"] and all(packed and size[0] >= 512 for packed, size in avatar["images"].values())
