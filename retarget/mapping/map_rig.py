"""The whole of a rig's mapping in one place: names, shapes, bones, the way it faces, what turns with the head."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_NAMES
from retarget.mapping.bones import NECK_SHARE, find_eyes, find_head, share_with_neck
from retarget.mapping.by_name import Named, map_by_name
from retarget.mapping.combine import MAP_BY, Asker, map_by
from retarget.mapping.conventions import convention
from retarget.mapping.face_bones import add_bones
from retarget.mapping.facing import find_facing
from retarget.mapping.misspelt import accept_misspelt
from retarget.mapping.schema import BoneTarget, Channel, KeyTarget, Mapping, TurnTarget, load_mapping
from retarget.rig import RigDescription


@dataclass(frozen=True)
class MapOptions:
    """How to map. how: names, geometry or both. preset: one naming convention alone. mapping: a file to use instead of
    any finding. neck: the part of the head's turn that the neck takes where there is one.
    """

    how: str = "both"
    preset: str | None = None
    mapping: Path | None = None
    neck: float = NECK_SHARE

    def check(self) -> None:
        """Raises UserError where the options are wrong, contradict each other, or name a mapping with a mistake."""
        self.check_words()
        if self.mapping:
            load_mapping(self.mapping)  # a mistake in it is better said before a rig is opened

    def check_words(self) -> None:
        """`check` without a look into the mapping's file."""
        if self.how not in MAP_BY:
            raise UserError(f"The rig cannot be mapped by {self.how}; give one of {', '.join(MAP_BY)}.")
        if not 0 <= self.neck <= 1:
            raise UserError(f"The neck's part is {self.neck:g}; give a number from 0 (none) to 1 (all of the turn).")
        if self.mapping and self.preset:
            raise UserError("Give either a mapping file or a preset: the file says all.")
        if self.preset:
            convention(self.preset)


@dataclass(frozen=True)
class MappedRig:
    """A rig, the warnings that opening it gave, and what drives what in it."""

    rig: RigDescription
    mapping: Mapping
    named: Named
    warnings: tuple[str, ...]


def map_rig(
    rig: RigDescription,
    name: str,
    head: str = "absolute",
    options: MapOptions | None = None,
    geometry: Asker | None = None,
) -> MappedRig:
    """Find out what drives what, or read it from the file of the options. name: the rig's, for sentences.

    geometry: maps by shape when it is called; None where there is no file to register.

    Raises UserError where nothing could be driven, or where the file names what the rig has not.
    """
    options = options or MapOptions()
    options.check()
    if options.mapping:
        return _from_file(rig, head, options.mapping)
    linked = any(mesh.keys and mesh.linked for mesh in rig.meshes)
    if linked and not rig.keyed_meshes:
        raise UserError(
            f"The shape keys of {name} are linked from another file; make a library override of the rig and its "
            "meshes in Blender, or make them local."
        )
    named = map_by_name(rig, options.preset)
    facing = find_facing(rig, named.channels)
    named = accept_misspelt(rig, named, facing)
    notes: tuple[str, ...] = ()
    if rig.keyed_meshes:
        named, notes = map_by(rig, named, options.how, geometry)
        facing = find_facing(rig, named.channels)
    channels = add_bones(rig, named.channels, named.dead, facing)
    named = _with_channels(named, channels)
    if not channels:
        raise _nothing_matched(rig, name, notes)
    mapping = Mapping(channels, facing)
    if head != "off" and (target := find_head(rig, channels, facing)):
        target, neck = share_with_neck(rig, target, options.neck)
        mapping = replace(mapping, head=target, neck=neck)
    if _needs_eye_bones(named):
        mapping = replace(mapping, eyes=find_eyes(rig, channels))
    return MappedRig(rig, mapping, named, notes + warnings_of(rig, mapping))


def blank_mapping(rig: RigDescription) -> Mapping:
    """All 52 channels with nothing on them, for a rig whose keys only its maker understands."""
    facing = find_facing(rig, ())
    keys = tuple(KeyTarget(mesh.object, key.name) for mesh in rig.keyed_meshes for key in mesh.keys)
    head = find_head(rig, (Channel("jawOpen", keys),), facing)
    return Mapping(tuple(Channel(name, (), by="hand") for name in ARKIT_NAMES), facing, head)


def _needs_eye_bones(named: Named) -> bool:
    live = {c.channel for c in named.channels if c.channel not in named.dead and c.keys}
    return sum(name.startswith("eyeLook") for name in live) < 4


def _with_channels(named: Named, channels: tuple[Channel, ...]) -> Named:
    """What was found out, brought up to date after bones were added."""
    have = {channel.channel for channel in channels}
    by_bone = {channel.channel for channel in channels if channel.by == "bone"}
    return replace(
        named,
        channels=channels,
        missing=tuple(name for name in named.missing if name not in have or name not in by_bone),
        dead=tuple(name for name in named.dead if name not in by_bone),
    )


def _nothing_matched(rig: RigDescription, name: str, notes: tuple[str, ...]) -> UserError:
    if not rig.keyed_meshes:
        return UserError(
            f"{name} has no shape keys, and no bones of a face (jaw, lids, brows), so there is nothing that a face "
            "could drive. `mmface rig create-shapes` can give it keys."
        )
    keys = list(dict.fromkeys(key.name for mesh in rig.keyed_meshes for key in mesh.keys))
    some = ", ".join(keys[:8]) + (", ..." if len(keys) > 8 else "")
    return UserError(
        f"No channel matched: none of the {len(keys)} shape keys of {name} ({some}) is named in a way that is known, "
        "or moves the face like one of ARKit's units. Write what they do into a mapping: `mmface rig map --blank`."
        + "".join(f" ({note})" for note in notes)
    )


def _from_file(rig: RigDescription, head: str, path: Path) -> MappedRig:
    mapping = load_mapping(path)
    check_against(rig, mapping, path.name)
    if mapping.facing.by == "default":
        mapping = replace(mapping, facing=find_facing(rig, mapping.channels))
    if head == "off":
        mapping = replace(mapping, head=None, neck=())
    return MappedRig(rig, mapping, _found_in(rig, mapping), warnings_of(rig, mapping))


def _found_in(rig: RigDescription, mapping: Mapping) -> Named:
    """What is to be said of a mapping that a file gave."""
    meshes = {mesh.object: mesh for mesh in rig.keyed_meshes}
    used = {(t.object, t.key) for channel in mapping.channels for t in channel.keys}
    keys = [(mesh, key) for mesh in rig.keyed_meshes for key in mesh.keys]
    driving = {c.channel for c in mapping.channels if not c.mute and any(t.gain for t in c.targets)}
    dead = []
    for channel in mapping.channels:
        moved = [meshes[t.object].key(t.key) for t in channel.keys]
        alive = any(key and not meshes[t.object].is_dead(key) for t, key in zip(channel.keys, moved, strict=True))
        if channel.channel in driving and not alive and not channel.bones:
            dead.append(channel.channel)
    return Named(
        channels=mapping.channels,
        missing=tuple(name for name in ARKIT_NAMES if name not in driving),
        dead=tuple(dead),
        driven=tuple(f"{m.object}: {k.name}" for m, k in keys if (m.object, k.name) in used and not k.usable),
        muted=tuple(f"{m.object}: {k.name}" for m, k in keys if (m.object, k.name) in used and k.muted),
        unread=tuple(f"{m.object}: {k.name}" for m, k in keys if (m.object, k.name) not in used),
    )


def check_against(rig: RigDescription, mapping: Mapping, what: str) -> None:
    """Raises UserError that names the place where a mapping speaks of an object, key or bone that the rig has not."""
    meshes = {mesh.object: mesh for mesh in rig.keyed_meshes}
    for number, channel in enumerate(mapping.channels):
        for at, target in enumerate(channel.targets):
            place = f"channels[{number}].targets[{at}]"
            if isinstance(target, BoneTarget):
                _check_bone(rig, target.object, target.bone, what, place)
                continue
            if target.object not in meshes:
                raise _absent(
                    what, f"{place}.object", target.object, "the rig has no object with keys of that name", meshes
                )
            if meshes[target.object].key(target.key) is None:
                names = [key.name for key in meshes[target.object].keys]
                raise _absent(what, f"{place}.key", target.key, f"{target.object} has no such key", names)
    turned: list[tuple[str, TurnTarget]] = [("head", mapping.head)] if mapping.head else []
    turned += [(f"neck[{number}]", target) for number, target in enumerate(mapping.neck)]
    turned += [(f"eyes.{side}", target) for side, target in mapping.eyes.items()]
    for place, turn in turned:
        if turn.bone is not None:
            _check_bone(rig, turn.object, turn.bone, what, place)
        elif turn.pivot is None and turn.object not in rig.objects:
            raise _absent(what, f"{place}.object", turn.object, "the rig has no such object", rig.objects)


def _check_bone(rig: RigDescription, armature: str, bone: str, what: str, place: str) -> None:
    if armature not in rig.armatures:
        raise _absent(what, f"{place}.object", armature, "the rig has no such armature", rig.armatures)
    if bone not in rig.armatures[armature].bones:
        raise _absent(what, f"{place}.bone", bone, f"{armature} has no such bone", rig.armatures[armature].bones)


def _absent(what: str, place: str, name: str, why: str, known: Iterable[str]) -> UserError:
    near = get_close_matches(name, list(known), n=1)
    hint = f"; did you mean {near[0]}?" if near else "."
    return UserError(f'{what}: {place} is "{name}"; {why}{hint}')


def warnings_of(rig: RigDescription, mapping: Mapping) -> tuple[str, ...]:
    """Sentences on what may surprise the artist."""
    warnings = []
    if mapping.facing.by == "mirrored keys":
        warnings.append("the rig's keys named left lie on the character's right; names were followed")
    absolute = [mesh.object for mesh in rig.keyed_meshes if not mesh.relative]
    if absolute:
        warnings.append(f"the keys of {', '.join(absolute)} are absolute, not relative; the result will look wrong")
    head = mapping.head
    if head and head.bone:
        bone = rig.armatures[head.object].bones[head.bone]
        if bone.driven:
            warnings.append(f"a driver of the rig turns the bone {head.bone}, so our curves do not show")
        elif set(bone.constraints) - {"LIMIT_ROTATION", "LIMIT_LOCATION", "LIMIT_SCALE"}:
            warnings.append(f"the bone {head.bone} has constraints that may overrule our curves")
        if all(bone.rotation_locks):
            warnings.append(f"the bone {head.bone} is locked against turning, so the head stays still")
    return tuple(warnings)
