"""Finds what turns with the head and with each eye: a bone by its name, a bone by what it moves, or an object."""

from dataclasses import replace

import numpy as np

from retarget.mapping.bone_roles import DECORATION, INNER, eye_side, role_of, word_set
from retarget.mapping.facing import moved_by
from retarget.mapping.names import words
from retarget.mapping.schema import Channel, Facing, TurnTarget
from retarget.motion import Pivot
from retarget.rig import Armature, Bone, Mesh, RigDescription

_NO_HEAD = word_set(
    """
    top end nub tip front hair hat gear aim look at target ik pole tweak scale socket ornament band set
    light
    """
)
_HEAD_ELSEWHERE = frozenset({"頭", "あたま", "kopf", "tete", "cabeza", "testa"})

_FACE_SHARE = 0.8  # of the face's skin weights: a bone that has this much with all below it carries the face


def find_head(rig: RigDescription, channels: tuple[Channel, ...], facing: Facing) -> TurnTarget | None:
    """What to turn with the head; None where the rig has neither keys nor bones for it."""
    meshes = face_meshes(rig, channels)
    carried = _carrying_bone(rig, meshes)
    if carried:
        return carried
    armatures = armatures_of(rig, meshes)
    named = [(score, a, b) for a in armatures for b in a.bones.values() if (score := head_score(b.name)) > 0]
    if named:
        _, armature, bone = max(named, key=lambda entry: (entry[0], not entry[2].constraints, -_depth(*entry[1:])))
        return TurnTarget(armature.object, bone.name, by="name")
    for armature in armatures:
        bone_name = _bone_by_skin(armature, meshes, channels)
        if bone_name:
            return TurnTarget(armature.object, bone_name, by="skinning")
    if not meshes:
        return None
    return _head_object(rig, meshes, channels, facing)


# How much of the head's turn the neck takes where there is one: about a half in a living neck's upper joints, less
# here, since a rig's single neck bone bends the throat in one place.
NECK_SHARE = 0.4


def share_with_neck(rig: RigDescription, head: TurnTarget, neck: float) -> tuple[TurnTarget, tuple[TurnTarget, ...]]:
    """The head with its part of the turn, and the neck bones below it (lowest first) with theirs, `neck` in all.

    A neck bone counts where the head hangs on it directly, turns with it, and nothing of the rig's (driver, constraint)
    moves either. Without one, or with neck 0, the head takes all.
    """
    if head.bone is None or neck == 0:
        return head, ()
    bones = rig.armatures[head.object].bones
    found: list[str] = []
    bone = bones[head.bone]
    while bone.parent and bone.inherits and _is_free(bone):
        bone = bones[bone.parent]
        role = role_of(bone.name)
        if role is None or role.part != "neck" or not _is_free(bone) or all(bone.rotation_locks):
            break
        found.append(bone.name)
    if not found:
        return head, ()
    each = neck / len(found)
    necks = tuple(TurnTarget(head.object, name, by="name", share=each) for name in reversed(found))
    return replace(head, share=1.0 - neck), necks


def _is_free(bone: Bone) -> bool:
    return not bone.driven and set(bone.constraints) <= {"LIMIT_ROTATION", "LIMIT_LOCATION", "LIMIT_SCALE"}


def find_eyes(rig: RigDescription, channels: tuple[Channel, ...]) -> dict[str, TurnTarget]:
    """Eye bones by side ("Left", "Right"), both or none."""
    eyes: dict[str, TurnTarget] = {}
    for armature in armatures_of(rig, face_meshes(rig, channels)):
        # Rigify's eye.L is a target to look at; its master_eye.L is what turns. So names that a table knows come first.
        known = [
            (role.side, bone)
            for bone in armature.bones.values()
            if (role := role_of(bone.name)) and role.part == "eye" and role.sure > 1
        ]
        plain = [(side, bone) for bone in armature.bones.values() if (side := eye_side(bone.name))]
        for side, bone in known + plain:
            if not bone.driven and side not in eyes:
                eyes[side] = TurnTarget(armature.object, bone.name, by="name")
    return eyes if len(eyes) == 2 else {}


def face_meshes(rig: RigDescription, channels: tuple[Channel, ...]) -> list[Mesh]:
    """The meshes that the channels' keys lie on."""
    objects = {target.object for channel in channels for target in channel.targets}
    return [mesh for mesh in rig.keyed_meshes if mesh.object in objects]


def head_score(name: str) -> int:
    """How surely a bone's name means the head: 3 surely, 2 an inner layer of it, 1 perhaps, 0 no."""
    if name.lower() in _HEAD_ELSEWHERE:
        return 3
    parts = [word for word in words(name) if not word.isdigit()]
    if "head" not in parts or set(parts) & _NO_HEAD:
        return 0
    if set(parts) - DECORATION == {"head"}:
        return 2 if set(parts) & INNER else 3
    return 1


def armatures_of(rig: RigDescription, meshes: list[Mesh]) -> list[Armature]:
    """The armatures that deform the meshes or stand above them, nearest first, linked ones left out; all of them for a
    rig without keys.
    """
    names: list[str] = [] if meshes else list(rig.armatures)
    for mesh in meshes:
        obj = rig.objects.get(mesh.object)
        names += obj.armatures if obj else ()
        while obj and obj.parent:
            names.append(obj.parent)
            obj = rig.objects.get(obj.parent)
    return [rig.armatures[n] for n in dict.fromkeys(names) if n in rig.armatures and not rig.armatures[n].linked]


def _carrying_bone(rig: RigDescription, meshes: list[Mesh]) -> TurnTarget | None:
    """The head bone to which the face's meshes, or objects above them, are parented."""
    for mesh in meshes:
        obj = rig.objects.get(mesh.object)
        while obj and obj.parent:
            armature = rig.armatures.get(obj.parent)
            if obj.parent_bone and armature and not armature.linked and head_score(obj.parent_bone) > 0:
                return TurnTarget(armature.object, obj.parent_bone, by="parent")
            obj = rig.objects.get(obj.parent)
    return None


def _depth(armature: Armature, bone: Bone) -> int:
    depth, parent = 0, bone.parent
    while parent:
        depth, parent = depth + 1, armature.bones[parent].parent
    return depth


def _bone_by_skin(armature: Armature, meshes: list[Mesh], channels: tuple[Channel, ...]) -> str | None:
    """The deepest bone that, with all below it, has most of the face's skin weights."""
    carried = dict.fromkeys(armature.bones, 0.0)
    for mesh in meshes:
        face = moved_by(mesh, channels)
        for group, weights in mesh.skin.items():
            bone: str | None = group
            while bone in carried:
                carried[bone] += float(weights[face].sum())
                bone = armature.bones[bone].parent
    total = max(carried.values(), default=0.0)
    if total <= 0:
        return None
    enough = [name for name, amount in carried.items() if amount >= _FACE_SHARE * total]
    return max(enough, key=lambda name: _depth(armature, armature.bones[name]))


def _head_object(rig: RigDescription, meshes: list[Mesh], channels: tuple[Channel, ...], facing: Facing) -> TurnTarget:
    """The one object to turn, or an empty in the neck for several that hang on nothing together."""
    face = np.concatenate([mesh.positions for mesh in meshes])
    low, high = face.min(axis=0), face.max(axis=0)
    margin = 0.05 * float(np.linalg.norm(high - low))
    roots = {_root(rig, mesh.object) for mesh in meshes}
    # Eyes and teeth without keys stand within the head and must come along.
    for name, obj in rig.objects.items():
        if obj.type == "MESH" and obj.visible and obj.box is not None:
            inside = (obj.box[0] >= low - margin).all() and (obj.box[1] <= high + margin).all()
            if inside:
                roots.add(_root(rig, name))
    local = face @ facing.matrix
    middle = 0.5 * (local.min(axis=0) + local.max(axis=0))
    # A head turns about the top of the spine: a third of its height up, behind its middle.
    middle[1] = local[:, 1].min() + 0.33 * np.ptp(local[:, 1])
    middle[2] = local[:, 2].min() + 0.4 * np.ptp(local[:, 2])
    x, y, z = (float(value) for value in facing.matrix @ middle)
    if len(roots) == 1:
        return TurnTarget(roots.pop(), None, by="object", about=(x, y, z))
    pivot = Pivot((x, y, z), float(0.3 * np.linalg.norm(high - low)), tuple(sorted(roots)))
    return TurnTarget("Head turn", None, by="new empty", pivot=pivot)


def _root(rig: RigDescription, name: str) -> str:
    while (parent := rig.objects[name].parent) and parent in rig.objects:
        name = parent
    return name
