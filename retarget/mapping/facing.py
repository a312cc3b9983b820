"""Which way a character faces, from where its keys move the mesh; and where to look at it from."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmface_core.errors import UserError
from retarget.mapping.bone_roles import role_of
from retarget.mapping.names import LEFT, RIGHT, split_channel, words
from retarget.mapping.schema import Channel, Facing
from retarget.rig import Armature, Bone, Mesh, RigDescription

Array = NDArray[np.floating]

_SNAP = np.cos(np.radians(30.0))  # faces look along an axis unless they are clearly askew
_SNAP_ROUGH = np.cos(np.radians(40.0))
_UPPER = ("brow", "eyeBlink", "eyeSquint", "eyeWide")
_LOWER = ("jawOpen", "mouth")


def find_facing(rig: RigDescription, channels: tuple[Channel, ...]) -> Facing:
    """The character's axes.

    Left leads from the right keys' places to the left keys', up from the mouth's to the brows'. Where the keys give no
    such pairs, the bones do: left ones against right ones, and the head's above the rest. Where neither does: facing
    -y, z up, Blender's own habit.
    """
    centres = _centres(rig, channels)
    across = [
        centres[name] - centres[other]
        for name in centres
        if split_channel(name).side == LEFT and (other := name[: -len(LEFT)] + RIGHT) in centres
    ]
    upper = [c for name, c in centres.items() if name.startswith(_UPPER)]
    lower = [c for name, c in centres.items() if name.startswith(_LOWER)]
    if not across or not upper or not lower:
        return _facing_by_bones(rig)
    frame = _frame(np.sum(across, axis=0), np.mean(upper, axis=0) - np.mean(lower, axis=0))
    if frame is None:
        return _facing_by_bones(rig)
    mirrored = _faces_backwards(rig, channels, centres, frame)
    if mirrored:
        # The rig's "left" is the viewer's: keys stay with their names, but the face looks the other way.
        frame = np.stack([-frame[:, 0], frame[:, 1], -frame[:, 2]], axis=1)
    return _facing(frame, "mirrored keys" if mirrored else "keys")


def _facing_by_bones(rig: RigDescription) -> Facing:
    """The axes of the armature whose bones say most about left and right.

    Up leads from the jaw to eyes, lids and brows, where the armature has them, else from the middle of all bones to the
    head's. That is rough, so the world's nearest axis is taken from farther off than for keys.
    """
    best: list[Array] = []
    up = np.zeros(3)
    for armature in rig.armatures.values():
        pairs = [
            bone.head - armature.bones[other].head
            for bone in armature.bones.values()
            if (other := _other_side(bone.name)) in armature.bones
        ]
        rising = _upwards(rig, armature)
        if len(pairs) > len(best) and rising is not None:
            best, up = pairs, rising
    frame = _frame(np.sum(best, axis=0), up) if best else None
    return Facing() if frame is None else _facing(frame, "bones", _SNAP_ROUGH)


def _upwards(rig: RigDescription, armature: Armature) -> Array | None:
    bones = list(armature.bones.values())
    parts = [(role.part, bone) for bone in bones if (role := role_of(bone.name))]
    jaws = [skin_middle(rig, armature, bone) for part, bone in parts if part == "jaw"]
    above = [bone.head for part, bone in parts if part.startswith(("eye", "lid", "brow"))]
    if jaws and above:
        return np.mean(above, axis=0) - jaws[0]
    heads = [bone for bone in bones if "head" in words(bone.name)]
    return heads[0].head - np.mean([bone.head for bone in bones], axis=0) if heads else None


def skin_middle(rig: RigDescription, armature: Armature, bone: Bone) -> Array:
    """The middle (3,), world, of the skin that a bone and all below it carry; its tail where it carries none."""
    points, weights = skin_of(rig, armature, bone)
    return weights @ points / weights.sum() if len(points) else bone.tail


def skin_of(rig: RigDescription, armature: Armature, bone: Bone) -> tuple[Array, Array]:
    """Vertices (N, 3), world, that a bone and all below it carry, and how much (N,).

    Rigify's controls carry no skin: theirs is that of the DEF- bone of the same name.
    """
    below = {bone.name, f"DEF-{bone.name}"} | ({"DEF-jaw"} if bone.name == "jaw_master" else set())
    for other in armature.bones.values():  # parents come before their children
        if other.parent in below:
            below.add(other.name)
    points, weights = [np.zeros((0, 3))], [np.zeros(0)]
    for mesh in rig.meshes:
        for group in below & mesh.skin.keys():
            carried = mesh.skin[group] > 0
            points.append(mesh.positions[carried].astype(np.float64))
            weights.append(mesh.skin[group][carried].astype(np.float64))
    return np.concatenate(points), np.concatenate(weights)


def _other_side(bone: str) -> str | None:
    """The right bone's name for a left bone's; None for others."""
    for left, right in (("Left", "Right"), ("left", "right"), ("_L_", "_R_"), ("左", "右")):
        if left in bone:
            return bone.replace(left, right)
    for left, right in (("L", "R"), ("l", "r")):
        match = re.fullmatch(rf"(.*[._ -]|.*[a-z0-9](?={left}$)){left}([._ -]?\d*)", bone)
        if match and (left == "L" or not match[1][-1:].isalpha()):
            return f"{match[1]}{right}{match[2]}"
    return None


def _frame(left: Array, up: Array) -> Array | None:
    """Axes (3, 3) left, up, front as columns, from directions that need not be square; None where they say nothing."""
    if np.linalg.norm(left) < 1e-9 or np.linalg.norm(up) < 1e-9:
        return None
    left = left / np.linalg.norm(left)
    up = up - left * (left @ up)
    if np.linalg.norm(up) < 1e-9:
        return None
    up = up / np.linalg.norm(up)
    return np.stack([left, up, np.cross(left, up)], axis=1)


def _facing(frame: Array, by: str, near: float = _SNAP) -> Facing:
    left, up, front = ((float(a[0]), float(a[1]), float(a[2])) for a in _snapped(frame, near).T)
    return Facing(left, up, front, by)


def _centres(rig: RigDescription, channels: tuple[Channel, ...]) -> dict[str, Array]:
    """Where each channel's keys move the meshes (world), from the key that moves most."""
    meshes = {mesh.object: mesh for mesh in rig.keyed_meshes}
    centres: dict[str, Array] = {}
    sides: dict[tuple[str, str], set[str]] = {}
    for channel in channels:
        for target in channel.keys:
            sides.setdefault((target.object, target.key), set()).add(split_channel(channel.channel).side)
    shared = {key for key, several in sides.items() if {LEFT, RIGHT} <= several}  # both sides in one key
    for channel in channels:
        if channel.by.startswith(("two-sided", "split")):
            continue
        best, centre = 0.0, None
        for target in channel.keys:
            if (target.object, target.key) in shared:
                continue
            mesh = meshes[target.object]
            key = mesh.key(target.key)
            if key is None or key.delta is None or mesh.is_dead(key):
                continue
            amount = np.linalg.norm(key.delta, axis=1)
            if amount.sum() > best:
                best = float(amount.sum())
                centre = amount @ mesh.positions / amount.sum()
        if centre is not None:
            centres[channel.channel] = centre
    return centres


def _faces_backwards(
    rig: RigDescription, channels: tuple[Channel, ...], centres: dict[str, Array], frame: Array
) -> bool:
    """Whether the features lie clearly at the back of the head, as the axes have it."""
    objects = {target.object for channel in channels for target in channel.targets}
    head = max((m for m in rig.keyed_meshes if m.object in objects), key=lambda m: m.diagonal)
    depth = head.positions @ frame[:, 2]
    features = np.mean([c @ frame[:, 2] for c in centres.values()])
    middle, extent = 0.5 * (depth.max() + depth.min()), np.ptp(depth)
    return bool(features < middle - 0.15 * extent)


def _snapped(frame: Array, enough: float) -> Array:
    """The nearest turn of the world's own axes if it is near, else the frame itself."""
    nearest = np.zeros((3, 3))
    left, up = int(np.argmax(np.abs(frame[:, 0]))), int(np.argmax(np.abs(frame[:, 1])))
    if left == up:
        return frame
    nearest[left, 0], nearest[up, 1] = np.sign(frame[left, 0]), np.sign(frame[up, 1])
    nearest[:, 2] = np.cross(nearest[:, 0], nearest[:, 1])
    near = np.einsum("ij,ij->j", nearest, frame).min() > enough
    return nearest if near else frame


@dataclass(frozen=True)
class View:
    """Where a portrait camera looks: centre (3,) world, and the height (world units) that fills the picture."""

    centre: tuple[float, float, float]
    height: float


def head_view(rig: RigDescription, channels: tuple[Channel, ...], facing: Facing) -> View:
    """Frame the head: the vertices that the mapped keys move, with room for forehead, chin and turning."""
    local = _face_points(rig, channels) @ facing.matrix  # (N, 3) left, up, front
    low, high = np.percentile(local, [1, 99], axis=0)
    span = max(high[1] - low[1], high[0] - low[0])
    # The moved part reaches from chin to brow: the head's crown lies half as much again above it.
    middle = 0.5 * (low + high) + np.array([0.0, 0.13 * span, 0.0])
    centre = facing.matrix @ middle
    return View((float(centre[0]), float(centre[1]), float(centre[2])), float(2.15 * span))


def _face_points(rig: RigDescription, channels: tuple[Channel, ...]) -> Array:
    """Points (N, 3), world, of the face: what mapped keys move; without keys, what the head's bone carries, or all."""
    objects = {target.object for channel in channels for target in channel.targets}
    used = [mesh for mesh in rig.keyed_meshes if mesh.object in objects] or list(rig.keyed_meshes)
    moved = [mesh.positions[moved_by(mesh, channels)] for mesh in used]
    carried = [
        skin_of(rig, armature, bone)[0]
        for armature in rig.armatures.values()
        for bone in armature.bones.values()
        if "head" in words(bone.name)
    ]
    skinned = [mesh.positions for mesh in rig.meshes]
    boxes = [thing.box for thing in rig.objects.values() if thing.box is not None and thing.type == "MESH"]
    for points in (moved, [mesh.positions for mesh in used], carried, skinned, boxes):
        if any(len(p) for p in points):
            return np.concatenate([p for p in points if len(p)])
    raise UserError(f"The rig {rig.source} has no mesh to look at.")


def moved_by(mesh: Mesh, channels: tuple[Channel, ...]) -> NDArray[np.bool_]:
    """(N,) which vertices the mapped keys move by at least a tenth of that key's largest offset."""
    names = {t.key for channel in channels for t in channel.keys if t.object == mesh.object}
    moved = np.zeros(len(mesh.positions), dtype=bool)
    for key in mesh.keys:
        if (key.name in names or not names) and key.delta is not None and not mesh.is_dead(key):
            moved |= np.linalg.norm(key.delta, axis=1) > 0.1 * key.max_delta
    return moved
