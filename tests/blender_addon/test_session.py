"""What the add-on's session does with words of the engine that come early, late, or not at all."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.blender

AS_BEFORE = [True, True, True, True]  # the rig plays its action and its NLA; neither live nor a recording is under way


@pytest.fixture(scope="module")
def said(in_blender, alone, rigs, tmp_path_factory):
    return in_blender("use_session", alone, rigs / "skinned.blend", tmp_path_factory.mktemp("session"))


def test_a_mute_while_live_is_recorded_waits_for_the_next_recording(said):
    found = said["a_mute_while_recording"]
    assert found["told"] == [] and found["problem"] is None and found["state"] == AS_BEFORE
    assert "Recorded frames 1 to 5, 2 curves" in found["notice"]


def test_channels_that_change_as_a_recording_begins_do_not_lose_it(said):
    found = said["channels_that_come_after_recording_began"]
    assert found["problem"] is None and found["state"] == AS_BEFORE
    assert found["keyed"] == {"mouth_pucker": 10}, "its frames count from the press of Record"
    assert found["rested"] == 0.0, "what is driven no more goes back to its rest"


def test_a_recording_that_fails_leaves_the_rig_as_it_was_before_live(said):
    found = said["a_recording_that_cannot_be_keyed"]
    assert "failed" in found["problem"] and found["state"] == AS_BEFORE and found["rested"] == 0.0


def test_an_answer_that_comes_in_time_is_baked(said):
    found = said["an_answer_in_time"]
    assert found["actions"] == ["talk"] and found["notice"].startswith("Baked") and not found["busy"]


@pytest.mark.parametrize("how", ["an_answer_after_cancel", "an_error_after_cancel"])
def test_what_the_engine_says_after_cancel_changes_nothing(said, how):
    found = said[how]
    assert found["actions"] == [] and found["problem"] is None and not found["busy"]
    assert found["notice"] == "Stopped; nothing was changed."


def test_an_answer_never_reaches_the_file_that_was_opened_meanwhile(said):
    found = said["an_answer_in_another_file"]
    assert found["actions"] == [] and found["problem"] is None and not found["busy"]


def test_a_file_that_is_opened_while_live_keeps_its_own_values(said):
    found = said["a_file_opened_while_live"]
    assert found["values"] == [0.25, 0.5] and found["plays"] == [True, False], found
    assert found["problem"] is None and not found["busy"]


def test_a_task_that_cannot_tidy_up_does_not_keep_the_engine(said):
    found = said["a_task_that_cannot_be_ended"]
    assert "not tidy" in found["problem"] and not found["busy"] and found["engine_gone"]


def test_disabled_while_recording_the_addon_leaves_nothing_behind(said):
    found = said["disabled_while_recording"]
    assert not found["left"] and not found["timer"] and found["engine_gone"] and found["problem"] is None, found
    assert found["state"] == AS_BEFORE and found["rested"] == 0.0


def test_live_without_its_video_never_touches_the_viewports(said):
    assert "There is no file" in said["live_without_its_video"]["problem"]
    assert said["live_without_its_video"]["drivers"] == 0


def test_a_new_file_lets_the_engine_be_set_up(said):
    found = said["a_new_file_during_set_up"]
    assert not found["cancelled"] and found["going_on"], found
    assert found["cancel"] and not found["busy"], "the person can stop it all the same"


def test_an_object_that_is_deleted_while_live_ends_live_with_a_sentence(said):
    found = said["an_object_deleted_while_live"]
    assert "Head" in found["problem"] and "live stopped" in found["problem"]
    assert found["asked"] == "cancel" and not found["engine_gone"] and not found["busy"] and not found["live"]


def test_a_mapping_stays_the_persons_until_another_is_there(said):
    assert said["mapping_anew"] == [True, True, False]


def test_the_current_frame_as_neutral_is_a_picture_of_the_clip_at_any_rate(said):
    unknown, picture, before, at_the_clips_rate, problem = said["a_neutral_frame_at_the_scenes_rate"]
    assert "frame rate is not known yet" in unknown and "before the clip's first" in before
    assert (picture, at_the_clips_rate, problem) == (60, 24, None)


def test_the_engine_is_given_whole_paths(said):
    found = said["paths_beside_the_file"]
    assert found["problem"] is None and found["count"] == 8
    assert len(found["folders"]) == 1 and Path(found["folders"][0]).is_absolute(), found
