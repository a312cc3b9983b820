"""A face of bones: which bones follow the units that no key follows, and how.

Rest poses and axes differ from rig to rig, so nothing is read off a bone's own axes. Turns are given in the head's
frame, and each is tried on the skin that the bone carries: a turn about the axis from ear to ear must move the chin, or
the lid, the right way; a bone that sits on what it moves has no lever and is moved instead. Distances are measured in
eye distances of the rig, so that scale and proportions follow from it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mmface_core.model.arkit import ARKIT_NAMES
from retarget.mapping.bone_roles import Role, role_of
from retarget.mapping.bones import armatures_of, face_meshes
from retarget.mapping.facing import skin_middle, skin_of
from retarget.mapping.schema import BoneTarget, Channel, Facing, Triple, in_arkits_order
from retarget.mapping.spelling import LEFT, RIGHT
from retarget.rig import Armature, Bone, RigDescription

Array = NDArray[np.floating]

JAW_OPEN_DEG: Final = 24.0  # a jaw at ARKit's jawOpen 1: the chin sinks by about 45 mm on a lever of 110
JAW_SIDE_DEG: Final = 7.0
# In distances between the eyes (about 62 mm): what moves how far at weight 1.
JAW_FORWARD: Final = 0.12
BROW_UP: Final = 0.13
BROW_DOWN: Final = 0.09
CORNER: Final = {  # outwards, up, forward
    "mouthSmile": (0.08, 0.12, -0.04),
    "mouthFrown": (0.0, -0.11, 0.0),
    "mouthStretch": (0.12, -0.02, -0.04),
    "mouthDimple": (0.05, 0.0, -0.06),
    "mouthPucker": (-0.14, 0.0, 0.04),
    "mouthFunnel": (-0.09, 0.0, 0.05),
}
EYE_OPENING: Final = 0.17  # height of an open eye, where the lids' own bones do not tell
UPPER_LID: Final = 0.8  # the part of closing that the upper lid does, where the lower one has a bone too
LEAST_LEVER: Final = 0.12  # eye distances from bone to skin, below which turning it does next to nothing
_HEAD_TO_EYES: Final = 0.27  # distance between the eyes over the height of the head


@dataclass(frozen=True)
class _Part:
    """A bone with a role. lever (3,): from its head to the middle of the skin it carries (for a jaw, to the chin), in
    the head's frame.
    """

    armature: Armature
    bone: Bone
    role: Role
    lever: Array
    tip: Array  # (3,) the middle of that skin, or the bone's tail, in the head's frame

    def turned(self, degrees: Triple) -> BoneTarget:
        return BoneTarget(self.armature.object, self.bone.name, turn=degrees)

    def moved(self, by: Array) -> BoneTarget:
        x, y, z = (float(v) for v in by)
        return BoneTarget(self.armature.object, self.bone.name, move=(x, y, z))

    @property
    def movable(self) -> bool:
        """Whether moving it is possible at all: a bone whose head sits on its parent's tail cannot be."""
        return not self.bone.connected and not all(self.bone.location_locks)


def add_bones(
    rig: RigDescription, channels: tuple[Channel, ...], dead: tuple[str, ...], facing: Facing
) -> tuple[Channel, ...]:
    """The channels, with bones for the units that have no key, or only dead ones."""
    parts = find_parts(rig, channels, facing)
    if not parts:
        return channels
    have = {channel.channel for channel in channels if channel.channel not in dead and _drives(channel)}
    found: dict[str, list[BoneTarget]] = {}
    for name, target in _targets(parts, _eye_distance(rig, parts, facing)):
        if name not in have:
            found.setdefault(name, []).append(target)
    kept = [channel for channel in channels if channel.channel not in found]
    made = [Channel(name, tuple(targets), by="bone") for name, targets in found.items()]
    return in_arkits_order((*kept, *made))


def _drives(channel: Channel) -> bool:
    return any(target.gain > 0 for target in channel.targets)


def find_parts(rig: RigDescription, channels: tuple[Channel, ...], facing: Facing) -> dict[tuple[str, str], _Part]:
    """The bones of the face by (part, side): the surest name, free of drivers, controls before inner layers."""
    found: dict[tuple[str, str], _Part] = {}
    for armature in armatures_of(rig, face_meshes(rig, channels)):
        for bone in armature.bones.values():
            role = role_of(bone.name)
            if role is None or bone.driven or role.part in ("neck", "eye"):
                continue
            known = found.get((role.part, role.side))
            # An inner layer that copies a control is no use to key.
            rank = (role.sure, not _copied(bone), -len(bone.name))
            if known is None or rank > (known.role.sure, not _copied(known.bone), -len(known.bone.name)):
                found[role.part, role.side] = _part(rig, armature, bone, role, facing)
    return {place: part for place, part in found.items() if not _copied(part.bone)}


def _copied(bone: Bone) -> bool:
    return any(
        kind.startswith(("COPY_", "ARMATURE", "CHILD_OF", "DAMPED_TRACK", "STRETCH_TO")) for kind in bone.constraints
    )


def _part(rig: RigDescription, armature: Armature, bone: Bone, role: Role, facing: Facing) -> _Part:
    tip = _chin(rig, armature, bone) if role.part == "jaw" else skin_middle(rig, armature, bone)
    to_head = facing.matrix.T
    return _Part(armature, bone, role, to_head @ (tip - bone.head), to_head @ tip)


def _chin(rig: RigDescription, armature: Armature, bone: Bone) -> Array:
    """Where the jaw ends: the middle of the skin that it carries fully and farthest from its joint, (3,), world."""
    points, weights = skin_of(rig, armature, bone)
    if not len(points):
        return bone.tail
    points = points[weights >= 0.5 * weights.max()]
    away = np.linalg.norm(points - bone.head, axis=1)
    return points[away >= np.quantile(away, 0.75)].mean(axis=0)


def _eye_distance(rig: RigDescription, parts: dict[tuple[str, str], _Part], facing: Facing) -> float:
    """World units between the eyes: from eye bones or lids, else from the height of what the head carries."""
    eyes: dict[str, Array] = {}
    for armature in rig.armatures.values():
        for bone in armature.bones.values():
            role = role_of(bone.name)
            if role and role.part == "eye":
                eyes.setdefault(role.side, bone.head)
    if len(eyes) == 2:
        return float(np.linalg.norm(eyes[LEFT] - eyes[RIGHT]))
    for part in ("lid_upper", "lid_lower", "brow", "brow_inner"):
        if (part, LEFT) in parts and (part, RIGHT) in parts:
            return float(np.linalg.norm(parts[part, LEFT].tip - parts[part, RIGHT].tip))
    jaw = next(iter(parts.values()))
    heights = [
        float(np.ptp(mesh.positions[weights > 0.5] @ np.array(facing.up)))
        for mesh in rig.meshes
        for name, weights in mesh.skin.items()
        if "head" in name.lower() and (weights > 0.5).any()
    ]
    return _HEAD_TO_EYES * max(heights) if heights else 0.6 * float(np.linalg.norm(jaw.lever))


def _targets(parts: dict[tuple[str, str], _Part], unit: float) -> Iterator[tuple[str, BoneTarget]]:
    """(ARKit unit, what it does to a bone) for all bones found. unit: the distance between the eyes."""
    for (part, side), found in parts.items():
        if part == "jaw":
            yield from _jaw(found, unit)
        elif part == "lid_upper":
            yield from _upper_lid(found, parts.get(("lid_lower", side)), side, unit)
        elif part == "lid_lower":
            yield from _lower_lid(found, parts.get(("lid_upper", side)), side, unit)
        elif part.startswith("brow"):
            yield from _brow(found, part, side, unit)
        elif part == "lip_corner" and found.movable:
            outwards = 1.0 if side == LEFT else -1.0
            for name, (x, y, z) in CORNER.items():
                channel = name if name in ARKIT_NAMES else name + side
                yield channel, found.moved(unit * np.array([outwards * x, y, z]))


def _jaw(jaw: _Part, unit: float) -> Iterator[tuple[str, BoneTarget]]:
    ahead = float(jaw.lever[2])
    if abs(ahead) > LEAST_LEVER * unit:
        # A turn by +x sinks what lies ahead of the bone: the sign of the lever decides.
        yield "jawOpen", jaw.turned((float(np.copysign(JAW_OPEN_DEG, ahead)), 0.0, 0.0))
        yield "jawLeft", jaw.turned((0.0, float(np.copysign(JAW_SIDE_DEG, ahead)), 0.0))
        yield "jawRight", jaw.turned((0.0, -float(np.copysign(JAW_SIDE_DEG, ahead)), 0.0))
    elif jaw.movable:
        yield "jawOpen", jaw.moved(unit * np.array([0.0, -0.6, -0.15]))
        yield "jawLeft", jaw.moved(unit * np.array([JAW_FORWARD, 0.0, 0.0]))
        yield "jawRight", jaw.moved(unit * np.array([-JAW_FORWARD, 0.0, 0.0]))
    if jaw.movable:
        yield "jawForward", jaw.moved(unit * np.array([0.0, 0.0, JAW_FORWARD]))


def _upper_lid(lid: _Part, lower: _Part | None, side: str, unit: float) -> Iterator[tuple[str, BoneTarget]]:
    travel = _opening(lid, lower, unit) * (UPPER_LID if lower else 1.0)
    closed = _lid_target(lid, -travel, unit)
    if closed:
        yield f"eyeBlink{side}", closed
        yield f"eyeSquint{side}", replace(closed, gain=0.25)
        yield f"eyeLookDown{side}", replace(closed, gain=0.35)
        yield f"eyeWide{side}", replace(closed, gain=-0.3)


def _lower_lid(lid: _Part, upper: _Part | None, side: str, unit: float) -> Iterator[tuple[str, BoneTarget]]:
    travel = _opening(upper, lid, unit) * (1.0 - UPPER_LID if upper else 0.5)
    closed = _lid_target(lid, travel, unit)
    if closed:
        yield f"eyeBlink{side}", closed
        yield f"eyeSquint{side}", closed


def _opening(upper: _Part | None, lower: _Part | None, unit: float) -> float:
    """World units between the lids, from their bones if these tell something likely."""
    if upper and lower:
        apart = float(upper.tip[1] - lower.tip[1])
        if 0.08 * unit < apart < 0.35 * unit:
            return apart
    return EYE_OPENING * unit


def _lid_target(lid: _Part, up: float, unit: float) -> BoneTarget | None:
    """Turn or move a lid so that its middle rises by `up` (world units)."""
    _, height, ahead = (float(v) for v in lid.lever)
    if abs(ahead) <= LEAST_LEVER * unit:
        return lid.moved(np.array([0.0, up, 0.0])) if lid.movable else None
    # A lever of length r at the angle a above the level ends at the height r sin(a); a turn by +x sinks what lies
    # ahead.
    length, angle = np.hypot(height, ahead), np.arctan2(height, abs(ahead))
    wanted = np.arcsin(np.clip((height + up) / length, -0.95, 0.95))
    return lid.turned((float(np.copysign(1.0, ahead) * np.degrees(angle - wanted)), 0.0, 0.0))


def _brow(brow: _Part, part: str, side: str, unit: float) -> Iterator[tuple[str, BoneTarget]]:
    if not brow.movable:
        return
    inner, outer = {"brow": (0.5, 0.5), "brow_inner": (1.0, 0.0), "brow_outer": (0.0, 1.0)}[part]
    up = brow.moved(np.array([0.0, BROW_UP * unit, 0.0]))
    if inner:
        yield "browInnerUp", replace(up, gain=inner)
    if outer:
        yield f"browOuterUp{side}", replace(up, gain=outer)
    yield f"browDown{side}", brow.moved(np.array([0.0, -BROW_DOWN * unit, 0.0]))
