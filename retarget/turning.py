"""From the head's rotation in front of the camera, and from the gaze, to the rig's own rotations."""

import numpy as np
from numpy.typing import NDArray

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_INDEX
from retarget import rotations
from retarget.mapping.names import LEFT, RIGHT
from retarget.mapping.schema import Facing, Mapping, TurnTarget
from retarget.motion import RotationCurve
from retarget.rig import Armature, Bone, RigDescription, SceneObject

Array = NDArray[np.floating]

_EULER_ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")

HEAD_MODES = ("absolute", "relative", "off")

# How far the eyeballs turn at weight 1, radians: about what a person does without turning the head.
GAZE_SIDE = np.radians(32.0)
GAZE_UP = np.radians(24.0)
GAZE_DOWN = np.radians(28.0)


def head_turns(rotation: Array, confidence: Array, mode: str) -> Array:
    """Turns (T, 3, 3) of the head from its rest, in its own frame, from head-to-camera rotations (T, 3, 3).

    absolute: facing the camera is rest. relative: the clip's mean direction is rest, as for a person filmed from the
    side.
    """
    if mode == "absolute":
        return rotation
    if mode == "relative":
        return rotations.mean(rotation, confidence).T @ rotation
    raise UserError(f"The head mode is {mode}; give absolute, relative or off.")


def gaze_turns(weights: Array, side: str) -> Array:
    """Turns (T, 3, 3) of the eyeball of one side, in the head's frame, from ARKit weights (T, 52)."""

    def unit(name: str) -> Array:
        return weights[:, ARKIT_INDEX[f"eyeLook{name}{side}"]]

    to_the_left = {LEFT: unit("Out") - unit("In"), RIGHT: unit("In") - unit("Out")}[side]
    yaw = GAZE_SIDE * to_the_left
    pitch = GAZE_DOWN * unit("Down") - GAZE_UP * unit("Up")
    zero = np.zeros_like(yaw)
    about_up = rotations.exp(np.stack([zero, yaw, zero], axis=-1))
    about_side = rotations.exp(np.stack([pitch, zero, zero], axis=-1))
    return about_up @ about_side


def rotation_curve(
    rig: RigDescription, target: TurnTarget, facing: Facing, turns: Array, moves: Array | None = None
) -> RotationCurve:
    """The target's basis rotations that turn it in the world by `turns` (T, 3, 3), given in the head's frame.

    A turn D in the world becomes A^-1 D A in the target's channel, A being the frame in which its basis rotation acts,
    and comes on top of the pose that the file has. moves (T, 3): offsets of a bone in the head's frame, world units. A
    bone's locks and limits are kept.
    """
    world = facing.matrix @ turns @ facing.matrix.T
    if target.pivot is not None:
        return RotationCurve(target.object, None, rotations.to_quaternions(world), target.pivot)
    if target.bone is not None:
        return _bone_curve(rig.armatures[target.object], target.bone, world, moves, facing)
    obj = rig.objects[target.object]
    whole = rotations.orthogonal(obj.world[:3, :3])
    frame = whole @ rotations.orthogonal(obj.basis[:3, :3]).T
    quaternions = rotations.to_quaternions(frame.T @ world @ frame @ obj.rotation)
    locations = None if target.about is None else _locations(obj, world, np.array(target.about))
    return RotationCurve(target.object, None, quaternions, locations=locations)


def _bone_curve(armature: Armature, name: str, world: Array, moves: Array | None, facing: Facing) -> RotationCurve:
    bone = armature.bones[name]
    whole = rotations.orthogonal(armature.world[:3, :3]) @ rotations.orthogonal(bone.pose[:3, :3])
    frame = whole @ rotations.orthogonal(bone.basis[:3, :3]).T
    turned = within_limits(frame.T @ world @ frame @ bone.rotation, bone)
    locations = None
    if moves is not None:
        # The frame in which the bone's location acts, with the armature's scale: from its channel to the world.
        channel = armature.world[:3, :3] @ (bone.pose @ np.linalg.inv(bone.basis))[:3, :3]
        own = bone.basis[:3, 3]
        locations = own + (moves @ facing.matrix.T) @ np.linalg.inv(channel).T
        locations[:, list(bone.location_locks)] = own[list(bone.location_locks)]
    return RotationCurve(armature.object, name, rotations.to_quaternions(turned), locations=locations)


def within_limits(rotation: Array, bone: Bone) -> Array:
    """Basis rotations (T, 3, 3) with the bone's locked axes as they are in the file and its limits kept."""
    if not any(bone.rotation_locks) and not any(bone.limits):
        return rotation
    order = bone.rotation_mode.lower() if bone.rotation_mode in _EULER_ORDERS else "xyz"
    angles = rotations.to_euler(np.concatenate([bone.rotation[None], rotation]), order)
    own, angles = angles[0], angles[1:]
    for axis in range(3):
        column = order.index("xyz"[axis])
        if bone.rotation_locks[axis]:
            angles[:, column] = own[column]
        elif limit := bone.limits[axis]:
            angles[:, column] = np.clip(angles[:, column], *limit)
    return rotations.from_euler(angles, order)


def _locations(obj: SceneObject, world: Array, about: Array) -> Array:
    """The object's location channels (T, 3) while the world rotations (T, 3, 3) turn it about a point."""
    origin = about + world @ (obj.world[:3, 3] - about)
    parent = obj.world @ np.linalg.inv(obj.basis)
    homogeneous = np.concatenate([origin, np.ones((len(origin), 1))], axis=1)
    return (homogeneous @ np.linalg.inv(parent).T)[:, :3]


def turn_curves(
    rig: RigDescription, mapping: Mapping, weights: Array, rotation: Array, confidence: Array, head: str
) -> list[RotationCurve]:
    """All rotation curves of the mapping: the neck's and head's (unless `head` is "off"), the eyes', other bones'."""
    curves = []
    if head != "off" and mapping.head:
        turns = head_turns(rotation, confidence, head)
        for target in (*mapping.neck, mapping.head):
            curves.append(rotation_curve(rig, target, mapping.facing, _part_of(turns, target.share)))
    for side, target in mapping.eyes.items():
        turns = _part_of(gaze_turns(weights, side), target.share)
        curves.append(rotation_curve(rig, target, mapping.facing, turns))
    taken = {(curve.object, curve.bone) for curve in curves}
    for (armature, bone), (turn, move) in mapping.bone_motions(weights).items():
        if (armature, bone) not in taken:
            target = TurnTarget(armature, bone)
            curves.append(rotation_curve(rig, target, mapping.facing, rotations.exp(turn), move))
    return curves


def _part_of(turns: Array, share: float) -> Array:
    """Turns (T, 3, 3) about the same axes by a part of their angles."""
    return turns if share == 1.0 else rotations.exp(share * rotations.log(turns))
