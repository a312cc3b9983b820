from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_NAMES
from retarget.mapping.by_name import map_by_name
from retarget.mapping.facing import find_facing, head_view
from retarget.mapping.schema import Facing

TO_MINUS_Y = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])


def turned(quarters):
    c, s = np.cos(quarters * np.pi / 2), np.sin(quarters * np.pi / 2)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]) @ TO_MINUS_Y


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 3), st.sampled_from([0.01, 1.0, 100.0]), st.tuples(*[st.floats(-5, 5)] * 3))
def test_the_facing_is_found_whatever_the_turn_the_scale_and_the_place(rig_maker, quarters, scale, origin):
    axes = turned(quarters)
    maker = rig_maker(axes, scale, origin)
    rig = maker.rig(maker.mesh(ARKIT_NAMES))
    channels = map_by_name(rig).channels
    facing = find_facing(rig, channels)
    assert np.allclose(facing.matrix, axes, atol=1e-9) and facing.by == "keys"
    view = head_view(rig, channels, facing)
    assert np.linalg.norm(np.array(view.centre) - maker.world([0, 0, 0.05])) < 0.1 * scale
    assert 0.1 * scale < view.height < 0.6 * scale


def test_a_head_that_lies_down_is_seen_to_lie_down(rig_maker):
    axes = np.eye(3)  # face to +z, up is +y, as in files whose axes were never converted
    rig = rig_maker(axes).rig(rig_maker(axes).mesh(ARKIT_NAMES))
    assert np.allclose(find_facing(rig, map_by_name(rig).channels).matrix, axes)


def test_a_head_clearly_askew_keeps_its_own_axes(rig_maker):
    c, s = np.cos(np.pi / 4), np.sin(np.pi / 4)
    axes = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ TO_MINUS_Y
    rig = rig_maker(axes).rig(rig_maker(axes).mesh(ARKIT_NAMES))
    matrix = find_facing(rig, map_by_name(rig).channels).matrix
    assert np.degrees(np.arccos(np.einsum("ij,ij->j", matrix, axes).min())) < 15


def test_keys_named_for_the_viewers_sides_do_not_turn_the_face_around(rig_maker):
    maker = rig_maker(TO_MINUS_Y)
    swapped = {n: n.replace("Left", "#").replace("Right", "Left").replace("#", "Right") for n in ARKIT_NAMES}
    rig = maker.rig(maker.mesh(swapped))
    facing = find_facing(rig, map_by_name(rig).channels)
    assert facing.by == "mirrored keys" and np.allclose(facing.front, (0, -1, 0))


@pytest.mark.parametrize("names", [["jawOpen"], ["eyeBlinkLeft", "eyeBlinkRight"]])
def test_without_pairs_or_brows_blenders_habit_holds(maker, names):
    rig = maker.rig(maker.mesh(names))
    assert find_facing(rig, map_by_name(rig).channels) == Facing()


def test_a_rig_of_bones_alone_is_looked_at_where_its_head_is(maker, armature):
    ball = maker.mesh([]).positions
    body = np.concatenate([ball, ball - [0, 0, 3.0]])
    skin = {"Head": np.r_[np.ones(len(ball)), np.zeros(len(ball))].astype(np.float32)}
    skinned = replace(maker.mesh([]), positions=body, vertices=len(body), skin=skin)
    whole = head_view(maker.rig(skinned), (), Facing())
    view = head_view(maker.rig(skinned, armatures=(armature("Spine", "Head"),)), (), Facing())
    assert view.height < 0.5 * whole.height
    assert abs(view.centre[2] - ball[:, 2].mean()) < 0.5


def test_a_rig_without_any_mesh_is_refused_in_a_sentence(maker, armature):
    with pytest.raises(UserError, match="no mesh"):
        head_view(maker.rig(armatures=(armature("Head"),)), (), Facing())
