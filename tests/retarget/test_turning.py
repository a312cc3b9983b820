import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmface_core.conventions import euler_to_rotation, rotation_to_blender, rotation_to_euler
from mmface_core.errors import UserError
from retarget import rotations
from retarget.mapping.bone_roles import eye_side
from retarget.mapping.bones import find_eyes, find_head, head_score
from retarget.mapping.by_name import map_by_name
from retarget.mapping.facing import find_facing
from retarget.mapping.schema import Facing, TurnTarget
from retarget.turning import gaze_turns, head_turns, rotation_curve

NAMES = ["jawOpen", "browInnerUp", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthSmileRight"]


def head_of(rig):
    channels = map_by_name(rig).channels
    return find_head(rig, channels, find_facing(rig, channels))


def skin(*groups):
    return {name: np.ones(800, np.float32) for name in groups}


def matrix(rotation, translation=(0, 0, 0), scale=1.0):
    m = np.eye(4)
    m[:3, :3], m[:3, 3] = scale * rotation, translation
    return m


def from_quaternion(q):
    w, x, y, z = q
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("Head", 3), ("head", 3), ("mixamorig:Head", 3), ("CC_Base_Head", 3), ("J_Bip_C_Head", 3), ("Bip01 Head", 3),
        ("Head_1", 3), ("head.x", 3), ("頭", 3), ("DEF-head", 2), ("ORG-head", 2), ("HeadTop_End", 0), ("head_hair", 0),
        ("Neck", 0), ("forehead", 0), ("headphones", 0), ("head_target_ik", 0), ("my head thing", 1),
    ],
)  # fmt: skip
def test_bones_named_head(name, score):
    assert head_score(name) == score


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("LeftEye", "Left"), ("RightEye", "Right"), ("eye.L", "Left"), ("CC_Base_R_Eye", "Right"),
        ("mixamorig:LeftEye", "Left"), ("J_Adj_R_FaceEye", "Right"), ("eyeball_l", "Left"), ("左目", "Left"),
        ("eyelid.L", None), ("eye_target.R", None), ("DEF-eye.L", None), ("brow.L", None), ("Eye", None),
        ("lid.T.L.001", None),
    ],
)  # fmt: skip
def test_bones_named_eye(name, side):
    assert eye_side(name) == side


def test_the_head_bone_is_found_by_name(maker, armature):
    rig = maker.rig(maker.mesh(NAMES, skin=skin("Head")), armatures=[armature("Hips", "Neck", "Head", "HeadTop_End")])
    assert (head_of(rig).bone, head_of(rig).by) == ("Head", "name")


def test_rigifys_control_comes_before_its_inner_layers(maker, armature):
    bones = armature("DEF-head", "ORG-head", "DEF-head>head", constraints={"ORG-head": ["COPY_TRANSFORMS"]})
    assert head_of(maker.rig(maker.mesh(NAMES, skin=skin("DEF-head")), armatures=[bones])).bone == "head"


def test_a_bone_of_any_name_is_found_by_what_it_moves(maker, armature):
    bones = armature("Bone", "Bone.001", "Bone.002", "Bone.002>Bone.003")
    rig = maker.rig(maker.mesh(NAMES, skin=skin("Bone.002", "Bone.003")), armatures=[bones])
    assert (head_of(rig).bone, head_of(rig).by) == ("Bone.002", "skinning")


def test_a_face_that_hangs_on_a_head_bone_turns_with_it(maker, armature):
    rig = maker.rig(
        maker.mesh(NAMES),
        armatures=[armature("Hips", "Head_1")],
        parents={"Head": "Armature"},
        bones={"Head": "Head_1"},
    )
    assert (head_of(rig).bone, head_of(rig).by) == ("Head_1", "parent")


def test_a_lone_mesh_turns_itself_about_its_neck(maker):
    target = head_of(maker.rig(maker.mesh(NAMES)))
    assert (target.object, target.bone, target.by) == ("Head", None, "object")
    assert target.about[2] < 0


def test_meshes_with_a_common_parent_turn_with_it(maker):
    rig = maker.rig(maker.mesh(NAMES, "A"), maker.mesh(NAMES, "B"), parents={"A": "Root", "B": "Root"})
    assert head_of(rig).object == "Root"


def test_loose_meshes_and_eyes_without_keys_turn_about_a_new_empty(maker):
    eyes = maker.mesh([], "Eyes")
    pivot = head_of(maker.rig(maker.mesh(NAMES, "A"), maker.mesh(NAMES, "B"), eyes)).pivot
    assert pivot.children == ("A", "B", "Eyes")


def test_eye_bones_come_in_pairs(maker, armature):
    both = maker.rig(
        maker.mesh(NAMES, skin=skin("Head")), armatures=[armature("Head", "Head>LeftEye", "Head>RightEye")]
    )
    one = maker.rig(maker.mesh(NAMES, skin=skin("Head")), armatures=[armature("Head", "Head>LeftEye")])
    channels = map_by_name(both).channels
    assert sorted(find_eyes(both, channels)) == ["Left", "Right"] and find_eyes(one, channels) == {}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.01, 1.0, 100.0]))
def test_a_bone_of_any_rest_pose_turns_the_head_as_seen_in_the_world(maker, armature, seed, scale):
    rng = np.random.default_rng(seed)
    world = matrix(rotations.exp(rng.normal(size=3)), rng.normal(size=3), scale)
    pose = matrix(rotations.exp(rng.normal(size=3)), rng.normal(size=3))
    rig = maker.rig(
        maker.mesh(NAMES, skin=skin("Head")), armatures=[armature("Head", poses={"Head": pose}, world=world)]
    )
    turn = euler_to_rotation(*rng.uniform(-1, 1, 3))
    curve = rotation_curve(rig, TurnTarget("Armature", "Head", "name"), Facing(), turn[None])
    # The pose's own basis is none, so the bone's frame is its pose, and the new pose is pose times basis.
    before = world[:3, :3] / scale @ pose[:3, :3]
    after = before @ from_quaternion(curve.values[0])
    assert np.allclose(after @ before.T, rotation_to_blender(turn), atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_an_object_turns_about_its_neck(maker, seed):
    rng = np.random.default_rng(seed)
    rig = maker.rig(maker.mesh(NAMES))
    obj = rig.objects["Head"]
    about = rng.normal(size=3)
    curve = rotation_curve(
        rig,
        TurnTarget("Head", None, "object", about=tuple(about)),
        Facing(),
        euler_to_rotation(*rng.uniform(-1, 1, 3))[None],
    )
    local = np.linalg.inv(obj.world) @ np.append(about, 1)  # the neck as a point of the object
    moved = from_quaternion(curve.values[0]) @ local[:3] + curve.locations[0]
    assert np.allclose(moved, about, atol=1e-6)


def test_plus_yaw_turns_the_nose_to_the_characters_left():
    turn = head_turns(euler_to_rotation(np.radians(30), 0, 0)[None], np.ones(1), "absolute")
    facing = Facing()
    nose = facing.matrix @ turn[0] @ [0, 0, 1]
    assert nose @ np.array(facing.left) == pytest.approx(0.5)
    down = facing.matrix @ euler_to_rotation(0, np.radians(30), 0) @ [0, 0, 1]
    assert down[2] == pytest.approx(-0.5)
    tilted = facing.matrix @ euler_to_rotation(0, 0, np.radians(30)) @ [0, 1, 0]
    assert tilted @ np.array(facing.left) == pytest.approx(0.5)


def test_relative_takes_the_mean_direction_as_rest():
    yaw = np.radians(50 + 10 * np.sin(np.linspace(0, 2 * np.pi, 41)))
    rotation = np.stack([euler_to_rotation(y, 0.1, 0) for y in yaw])
    turned = np.degrees(rotation_to_euler(head_turns(rotation, np.ones(41), "relative"))[0])
    assert abs(turned.mean()) < 0.5 and np.ptp(turned) == pytest.approx(20, abs=0.5)


def test_an_unknown_head_mode_is_refused():
    with pytest.raises(UserError, match="relative"):
        head_turns(np.eye(3)[None], np.ones(1), "sideways")


def test_both_eyes_look_to_the_subjects_left():
    weights = np.zeros((1, 52))
    from mmface_core.model.arkit import ARKIT_INDEX

    weights[0, [ARKIT_INDEX["eyeLookOutLeft"], ARKIT_INDEX["eyeLookInRight"]]] = 1.0
    for side in ("Left", "Right"):
        pupil = gaze_turns(weights, side)[0] @ [0, 0, 1]
        assert pupil[0] > 0.4
    weights[:] = 0
    weights[0, ARKIT_INDEX["eyeLookDownLeft"]] = 1.0
    assert (gaze_turns(weights, "Left")[0] @ [0, 0, 1])[1] < -0.3
