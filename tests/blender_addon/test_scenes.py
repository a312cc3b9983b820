"""Linked rigs, library overrides of them, and more than one scene: what the add-on does with each."""

import sys

import numpy as np
import pytest

from tests.blender_addon.conftest import ADDON
from tests.takes import take_of

AVATAR = ADDON.parent / "examples" / "avatar.blend"
KEYED = ["Eye.L", "Eye.R", "Head", "Lashes"]  # with keys that a take of equal weights moves


@pytest.fixture(scope="module")
def said(in_blender, alone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    take_of(np.full((30, 52), 0.3)).save(folder / "talk.npz")
    return in_blender("use_scenes", alone, AVATAR, folder / "talk.npz", sys.executable)


pytestmark = [pytest.mark.slow, pytest.mark.blender]


def test_a_linked_rig_is_refused_with_a_sentence_that_helps(said):
    assert "linked from another file" in said["linked"] and "library override" in said["linked"]
    assert said["linked_animated"] == []


def test_a_library_override_is_baked_and_still_animated_when_opened_again(said):
    assert said["override"].startswith("Baked")
    assert set(KEYED) <= set(said["override_animated"]) and said["override_reopened"] == said["override_animated"]


def test_a_library_override_is_driven_live_and_rests_afterwards(said):
    assert said["override_live"] == [pytest.approx(0.7), 0.0]


def test_a_bake_stays_in_the_scene_in_which_it_was_begun(said):
    assert said["scenes"].startswith("Baked") and said["untouched"] and said["shared"] == []
    animated, fps, last = said["second"]
    assert {f"{name}.001" for name in KEYED} <= set(animated) and (fps, last) == (30, 30)
