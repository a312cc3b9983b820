"""Faces of bones: the right bones move the right way, whatever their rest poses, and keep their limits."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmface_core.conventions import euler_to_rotation
from mmface_core.model.arkit import ARKIT_INDEX
from retarget import rotations
from retarget.mapping.bone_roles import role_of
from retarget.mapping.bones import find_head, share_with_neck
from retarget.mapping.facing import find_facing
from retarget.mapping.map_rig import MapOptions, map_rig
from retarget.mapping.schema import BoneTarget, Channel, Facing, KeyTarget, Mapping, TurnTarget
from retarget.rig import Mesh
from retarget.turning import rotation_curve, turn_curves, within_limits

# Where a person's bones lie, in the head's frame (x to the left, y up, z out of the face), in metres.
PLACES = {
    "Head": ((0, 0, 0), (0, 0.2, 0)),
    "jaw": ((0, 0.03, 0.02), (0, -0.02, 0.1)),
    "eye.L": ((0.031, 0.08, 0.07), (0.031, 0.08, 0.1)),
    "eye.R": ((-0.031, 0.08, 0.07), (-0.031, 0.08, 0.1)),
    "upper_lid.L": ((0.031, 0.08, 0.07), (0.031, 0.085, 0.084)),
    "upper_lid.R": ((-0.031, 0.08, 0.07), (-0.031, 0.085, 0.084)),
    "brow.L": ((0.03, 0.1, 0.085), (0.03, 0.11, 0.085)),
    "brow.R": ((-0.03, 0.1, 0.085), (-0.03, 0.11, 0.085)),
}
FACING = Facing()


def matrix(rotation, translation):
    m = np.eye(4)
    m[:3, :3], m[:3, 3] = rotation, translation
    return m


def bony(maker, armature, seed=0, scale=1.0, drop=(), **changes):
    """A rig without keys: bones of odd rolls, each with skin at its tip, in an armature turned and scaled."""
    rng = np.random.default_rng(seed)
    world = matrix(scale * rotations.exp(rng.normal(size=3)), rng.normal(size=3))
    inverse = np.linalg.inv(world)
    names = [name for name in PLACES if name not in drop]
    poses, points, skin = {}, [], {}
    for name in names:
        base, tip = (scale * FACING.matrix @ np.array(p, float) for p in PLACES[name])
        local = inverse @ np.append(base, 1.0)
        poses[name] = matrix(rotations.exp(rng.normal(size=3)), local[:3])
        points.append(tip + scale * 1e-3 * rng.normal(size=(5, 3)))
        weights = np.zeros(5 * len(names), np.float32)
        weights[5 * (len(points) - 1) : 5 * len(points)] = 1.0
        skin[name] = weights
    made = armature(*(n if n == "Head" else f"Head>{n}" for n in names), poses=poses, world=world)
    bones = {}
    for name, bone in made.bones.items():
        base, tip = (scale * FACING.matrix @ np.array(p, float) for p in PLACES[name])
        bones[name] = replace(bone, head=base, tail=tip, **changes.get(name, {}))
    mesh = Mesh("Skin", 5 * len(names), True, False, False, None, np.concatenate(points).astype(np.float32), (), skin)
    return maker.rig(mesh, armatures=[replace(made, bones=bones)])


def moved(rig, mapped, bone, **weights):
    """How far the skin at the bone's tip goes, in the head's frame, in parts of the rig's scale."""
    row = np.zeros((1, 52))
    for name, value in weights.items():
        row[0, ARKIT_INDEX[name]] = value
    armature = rig.armatures["Armature"]
    curves = turn_curves(rig, mapped.mapping, row, np.eye(3)[None], np.ones(1), "off")
    curve = next(c for c in curves if c.bone == bone)
    w, x, y, z = curve.values[0]
    basis = np.eye(4)
    basis[:3, :3] = rotations.Rotation.from_quat([x, y, z, w]).as_matrix()
    if curve.locations is not None:
        basis[:3, 3] = curve.locations[0]
    pose = armature.bones[bone].pose
    after = armature.world @ pose @ basis @ np.linalg.inv(pose) @ np.linalg.inv(armature.world)
    tip = armature.bones[bone].tail
    return FACING.matrix.T @ (after @ np.append(tip, 1.0))[:3] - FACING.matrix.T @ tip


@pytest.mark.parametrize(
    ("name", "part", "side"),
    [
        ("jaw", "jaw", ""), ("Jaw", "jaw", ""), ("CC_Base_JawRoot", "jaw", ""), ("jaw_master", "jaw", ""),
        ("mixamorig:Jaw", "jaw", ""), ("jaw_end", None, None), ("あご", "jaw", ""), ("jaw.L", None, None),
        ("Neck", "neck", ""), ("J_Bip_C_Neck", "neck", ""), ("neck_01", "neck", ""), ("neck_tie", None, None),
        ("lid.T.L.002", "lid_upper", "Left"), ("upperlid_R", None, None), ("Lid_Low.L", "lid_lower", "Left"),
        ("L_UpperEyelid", "lid_upper", "Left"), ("eyelash_upper.L", None, None), ("brow.T.L.003", "brow_inner", "Left"),
        ("LeftInnerBrow", "brow_inner", "Left"), ("eyebrow_outer_r", "brow_outer", "Right"), ("brow.L", "brow", "Left"),
        ("mouth_corner.L", "lip_corner", "Left"), ("master_eye.L", "eye", "Left"), ("Spine", None, None),
    ],
)  # fmt: skip
def test_bones_are_known_by_name(name, part, side):
    role = role_of(name)
    assert (role and role.part, role and role.side) == (part, side)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.01, 1.0, 100.0]))
def test_the_jaw_opens_downwards_whatever_its_rest_pose_and_scale(maker, armature, seed, scale):
    rig = bony(maker, armature, seed, scale)
    mapped = map_rig(rig, "rig")
    x, y, _ = moved(rig, mapped, "jaw", jawOpen=1.0) / scale
    assert y < -0.02 and abs(x) < 1e-6
    assert moved(rig, mapped, "jaw", jawLeft=1.0)[0] / scale > 0.005
    assert moved(rig, mapped, "jaw", jawRight=1.0)[0] / scale < -0.005
    assert np.allclose(moved(rig, mapped, "jaw", jawForward=1.0) / scale, [0, 0, 0.12 * 0.062], atol=1e-6)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_lids_close_and_brows_rise(maker, armature, seed):
    rig = bony(maker, armature, seed)
    mapped = map_rig(rig, "rig")
    closing = moved(rig, mapped, "upper_lid.L", eyeBlinkLeft=1.0)
    assert -0.013 < closing[1] < -0.007 and abs(closing[0]) < 1e-6
    assert moved(rig, mapped, "upper_lid.L", eyeWideLeft=1.0)[1] > 0.001
    assert np.allclose(moved(rig, mapped, "upper_lid.L", eyeBlinkRight=1.0), 0, atol=1e-9)
    assert moved(rig, mapped, "brow.R", browOuterUpRight=1.0)[1] > 0.003
    assert moved(rig, mapped, "brow.R", browDownRight=1.0)[1] < -0.003


def test_a_rig_of_bones_alone_is_mapped_and_its_gaps_are_said(maker, armature):
    mapped = map_rig(bony(maker, armature), "rig")
    driven = {c.channel for c in mapped.mapping.channels}
    assert {"jawOpen", "eyeBlinkLeft", "browInnerUp"} <= driven
    assert all(c.by == "bone" for c in mapped.mapping.channels) and "mouthSmileLeft" in mapped.named.missing
    assert not set(mapped.named.missing) & driven
    assert set(mapped.mapping.eyes) == {"Left", "Right"} and mapped.mapping.head.bone == "Head"


def test_bones_are_only_for_what_no_key_does(maker, armature):
    rig = bony(maker, armature)
    keyed = maker.mesh(
        {"jawOpen": "jawOpen", "eyeBlinkLeft": "eyeBlinkLeft"}, dead=("eyeBlinkLeft",), skin={"Head": np.ones(800)}
    )
    both = maker.rig(*rig.meshes, keyed, armatures=list(rig.armatures.values()))
    channels = {c.channel: c for c in map_rig(both, "rig").mapping.channels}
    assert not channels["jawOpen"].bones
    assert channels["eyeBlinkLeft"].bones and not channels["eyeBlinkLeft"].keys  # its key was dead
    assert channels["jawLeft"].bones


def test_a_jaw_that_sits_on_the_chin_is_moved_instead_of_turned(maker, armature):
    rig = bony(maker, armature)
    bones = dict(rig.armatures["Armature"].bones)
    bones["jaw"] = replace(bones["jaw"], head=bones["jaw"].tail)
    rig = maker.rig(*rig.meshes, armatures=[replace(rig.armatures["Armature"], bones=bones)])
    target = next(c for c in map_rig(rig, "rig").mapping.channels if c.channel == "jawOpen").bones[0]
    assert target.turn == (0.0, 0.0, 0.0) and target.move[1] < 0


def test_a_connected_brow_cannot_be_moved_and_is_left_out(maker, armature):
    rig = bony(maker, armature, **{"brow.L": {"connected": True}})
    assert "browOuterUpLeft" in map_rig(rig, "rig").named.missing


def test_driven_bones_and_those_that_copy_others_are_left_alone(maker, armature):
    rig = bony(maker, armature, jaw={"driven": True}, **{"brow.L": {"constraints": ("COPY_TRANSFORMS",)}})
    missing = map_rig(rig, "rig").named.missing
    assert {"jawOpen", "browOuterUpLeft"} <= set(missing)


def test_neck_and_head_share_the_turn_and_reach_it_together(maker, armature):
    chain = armature("Hips", "Spine", "Neck", "Head")
    rig = maker.rig(maker.mesh(["jawOpen"], skin={"Head": np.ones(800)}), armatures=[chain])
    mapped = map_rig(rig, "rig")
    assert [t.bone for t in mapped.mapping.neck] == ["Neck"]
    assert mapped.mapping.head.share == pytest.approx(0.6) and mapped.mapping.neck[0].share == pytest.approx(0.4)
    turn = euler_to_rotation(0.5, -0.3, 0.2)
    neck, head = turn_curves(rig, mapped.mapping, np.zeros((1, 52)), turn[None], np.ones(1), "absolute")
    assert (neck.bone, head.bone) == ("Neck", "Head")
    # Both bones rest upright in the world's axes here, so their basis rotations multiply up the chain.
    whole = to_matrix(neck.values[0]) @ to_matrix(head.values[0])
    assert np.allclose(whole, FACING.matrix @ turn @ FACING.matrix.T, atol=1e-6)


def to_matrix(quaternion):
    w, x, y, z = quaternion
    return rotations.Rotation.from_quat([x, y, z, w]).as_matrix()


@pytest.mark.parametrize(("neck", "shares"), [(0.0, []), (0.25, [0.25]), (1.0, [1.0])])
def test_the_necks_part_can_be_chosen(maker, armature, neck, shares):
    rig = maker.rig(maker.mesh(["jawOpen"], skin={"Head": np.ones(800)}), armatures=[armature("Hips", "Neck", "Head")])
    mapping = map_rig(rig, "rig", options=MapOptions(neck=neck)).mapping
    assert [t.share for t in mapping.neck] == shares and mapping.head.share == pytest.approx(1 - neck)


def test_several_neck_bones_share_the_necks_part(maker, armature):
    rig = maker.rig(
        maker.mesh(["jawOpen"], skin={"Head": np.ones(800)}), armatures=[armature("neck_01", "neck_02", "Head")]
    )
    assert [(t.bone, t.share) for t in map_rig(rig, "rig").mapping.neck] == [("neck_01", 0.2), ("neck_02", 0.2)]


@pytest.mark.parametrize(
    "change",
    [
        {"Head": {"inherits": False}},
        {"Head": {"constraints": ("COPY_ROTATION",)}},
        {"Neck": {"constraints": ("IK",)}},
        {"Neck": {"driven": True}},
        {"Neck": {"rotation_locks": (True, True, True)}},
    ],
)
def test_a_neck_that_would_not_carry_the_head_along_gets_nothing(maker, armature, change):
    chain = armature("Hips", "Neck", "Head")
    bones = {name: replace(bone, **change.get(name, {})) for name, bone in chain.bones.items()}
    rig = maker.rig(maker.mesh(["jawOpen"], skin={"Head": np.ones(800)}), armatures=[replace(chain, bones=bones)])
    head = find_head(rig, (Channel("jawOpen", (KeyTarget("Head", "jawOpen"),)),), FACING)
    assert share_with_neck(rig, head, 0.4) == (head, ())


@given(st.integers(0, 10_000), st.sampled_from(["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX", "QUATERNION"]))
def test_locks_and_limits_of_a_bone_are_kept(armature, seed, mode):
    rng = np.random.default_rng(seed)
    bone = replace(
        armature("jaw").bones["jaw"],
        rotation_mode=mode,
        rotation=rotations.exp(0.3 * rng.normal(size=3)),
        rotation_locks=(False, True, False),
        limits=((-0.1, 0.2), None, None),
    )
    order = "xyz" if mode == "QUATERNION" else mode.lower()
    turned = within_limits(rotations.exp(0.5 * rng.normal(size=(6, 3))), bone)
    angles, own = rotations.to_euler(turned, order), rotations.to_euler(bone.rotation[None], order)[0]
    assert np.allclose(angles[:, order.index("y")], own[order.index("y")], atol=1e-6)
    x = angles[:, order.index("x")]
    assert (x > -0.1 - 1e-6).all() and (x < 0.2 + 1e-6).all()


def test_a_locked_location_stays(maker, armature):
    rig = maker.rig(maker.mesh(["jawOpen"]), armatures=[armature("brow")])
    bones = {"brow": replace(rig.armatures["Armature"].bones["brow"], location_locks=(True, False, False))}
    rig = maker.rig(maker.mesh(["jawOpen"]), armatures=[replace(rig.armatures["Armature"], bones=bones)])
    curve = rotation_curve(rig, TurnTarget("Armature", "brow"), FACING, np.eye(3)[None], np.array([[0.1, 0.2, 0.3]]))
    assert curve.locations[0, 0] == 0.0 and np.abs(curve.locations[0, 1:]).min() > 0.1


def test_several_channels_of_one_bone_add_up():
    turn = BoneTarget("A", "jaw", turn=(20.0, 0.0, 0.0))
    mapping = Mapping((Channel("jawOpen", (turn,)), Channel("mouthClose", (replace(turn, gain=-0.5),))))
    weights = np.zeros((1, 52))
    weights[0, [ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]]] = 1.0, 0.5
    assert np.degrees(mapping.bone_motions(weights)["A", "jaw"][0][0]) == pytest.approx([15.0, 0.0, 0.0])


def test_a_rig_that_faces_elsewhere_is_told_by_its_bones(maker, armature):
    rig = bony(maker, armature)
    assert np.allclose(find_facing(rig, ()).front, (0, -1, 0))
    assert find_facing(rig, ()).by == "bones"
