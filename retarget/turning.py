"""From the head's rotation in front of the camera, and from the gaze, to the rig's own rotations."""

import numpy as np
from numpy.typing import NDArray

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_INDEX
from retarget import rotations
from retarget.mapping.names import LEFT, RIGHT
from retarget.mapping.schema import Facing, Mapping, TurnTarget
from retarget.motion import RotationCurve
from retarget.rig import RigDescription, SceneObject

Array = NDArray[np.floating]

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


def rotation_curve(rig: RigDescription, target: TurnTarget, facing: Facing, turns: Array) -> RotationCurve:
    """The target's basis rotations that turn it in the world by `turns` (T, 3, 3), given in the head's frame.

    A turn D in the world becomes A^-1 D A in the target's channel, A being the frame in which its basis rotation acts,
    and comes on top of the pose that the file has.
    """
    world = facing.matrix @ turns @ facing.matrix.T
    if target.pivot is not None:
        return RotationCurve(target.object, None, rotations.to_quaternions(world), target.pivot)
    if target.bone is not None:
        armature = rig.armatures[target.object]
        bone = armature.bones[target.bone]
        whole = rotations.orthogonal(armature.world[:3, :3]) @ rotations.orthogonal(bone.pose[:3, :3])
        basis, own = bone.basis, bone.rotation
    else:
        obj = rig.objects[target.object]
        whole = rotations.orthogonal(obj.world[:3, :3])
        basis, own = obj.basis, obj.rotation
    frame = whole @ rotations.orthogonal(basis[:3, :3]).T
    quaternions = rotations.to_quaternions(frame.T @ world @ frame @ own)
    locations = None if target.about is None else _locations(rig.objects[target.object], world, np.array(target.about))
    return RotationCurve(target.object, target.bone, quaternions, locations=locations)


def _locations(obj: SceneObject, world: Array, about: Array) -> Array:
    """The object's location channels (T, 3) while the world rotations (T, 3, 3) turn it about a point."""
    origin = about + world @ (obj.world[:3, 3] - about)
    parent = obj.world @ np.linalg.inv(obj.basis)
    homogeneous = np.concatenate([origin, np.ones((len(origin), 1))], axis=1)
    return (homogeneous @ np.linalg.inv(parent).T)[:, :3]


def turn_curves(
    rig: RigDescription, mapping: Mapping, weights: Array, rotation: Array, confidence: Array, head: str
) -> list[RotationCurve]:
    """All rotation curves of the mapping: the head's (unless `head` is "off") and the eyes'."""
    curves = []
    if head != "off" and mapping.head:
        turns = head_turns(rotation, confidence, head)
        curves.append(rotation_curve(rig, mapping.head, mapping.facing, turns))
    for side, target in mapping.eyes.items():
        curves.append(rotation_curve(rig, target, mapping.facing, gaze_turns(weights, side)))
    return curves
