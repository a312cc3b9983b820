"""Motions in a scene of the artist's own: what is keyed, what is kept, what is refused."""

import pytest

pytestmark = pytest.mark.blender


@pytest.fixture(scope="module")
def said(in_blender, alone, rigs, tmp_path_factory):
    return in_blender("put_motions", alone, rigs / "skinned.blend", tmp_path_factory.mktemp("motions"))


def test_among_two_thousand_loose_meshes_the_rig_is_found_at_every_redraw(said):
    assert said["a_large_scene"]["inside"] == 1000
    assert said["a_large_scene"]["seconds"] < 0.2


def test_a_photos_key_leaves_the_handles_and_easings_of_all_others(said):
    found = said["a_photo_between_keys_of_the_artists"]
    assert found["same"], found
    assert [frame for frame, _ in found["keys"]] == [1, 10, 15, 20, 30] and found["keys"][2][1] == pytest.approx(0.7)


def test_a_layer_takes_the_place_of_the_last_and_of_no_track_of_the_artists(said):
    assert said["a_layer_again"] == [["Mine", "talk"], ["Mine", "talk"]]


def test_an_action_keeps_the_number_in_its_clips_name(said):
    assert said["a_numbered_clip"] == ["shot.010", "shot.010"]


def test_an_object_of_another_kind_is_refused_with_a_sentence(said):
    assert said["another_kind_of_object"] == [
        "Head has no shape key jaw_open.",
        "Old has no bone Neck.",
        "Head has no jaw_open any more, so live stopped.",
        "Old has no Neck any more, so live stopped.",
        "Old has no no_key any more, so live stopped.",
        "Rig has no NoBone any more, so live stopped.",
    ]
