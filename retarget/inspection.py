"""What a rig has, and what is wrong with it: for `mmface rig inspect`. Needs no Blender, only the description."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mmface_core.errors import UserError
from retarget.mapping.bone_roles import role_of
from retarget.mapping.bones import head_score
from retarget.mapping.by_name import Named, map_by_name
from retarget.mapping.combine import worth_asking
from retarget.mapping.facing import find_facing
from retarget.mapping.map_rig import MapOptions, MappedRig, map_rig
from retarget.mapping.misspelt import accept_misspelt
from retarget.mapping.schema import Facing
from retarget.mapping.symmetry import mirror_of
from retarget.mapping.told import health, listed, some, turn_line
from retarget.rig import Mesh, RigDescription, SceneObject

SCHEMA: Final = "mmface-inspection/1"
MOST_NAMES = 8  # of keys that one line lists
_SAME = 0.999  # cosine from which two keys' offsets are the same
_MIRRORED = 0.9
_HEAD_METRES = 0.24  # chin to crown of an adult, to say what scale a rig seems to have


@dataclass(frozen=True)
class KeyFacts:
    """One key of one mesh. means: the ARKit units that it follows, with the weight of each. moves: world units."""

    name: str
    min: float
    max: float
    value: float
    moves: float
    dead: bool
    muted: bool
    locked: bool
    driven: bool
    means: dict[str, float]


@dataclass(frozen=True)
class MeshFacts:
    """One mesh with keys. mirrored: pairs of keys that are mirror images; duplicates: pairs that move alike.

    parents: what it hangs on, nearest first ("Armature / Head" for a bone). scale: of its axes in the world. turned:
    degrees that it is turned in the world. reflected: whether its transform mirrors it.
    """

    name: str
    vertices: int
    keys: tuple[KeyFacts, ...]
    mirrored: tuple[tuple[str, str], ...]
    duplicates: tuple[tuple[str, str], ...]
    parents: tuple[str, ...]
    scale: tuple[float, float, float]
    turned: float
    reflected: bool
    relative: bool
    action: str | None


@dataclass(frozen=True)
class BoneFacts:
    """A bone that looks like a part of the face. limits: what holds it back, in words."""

    armature: str
    name: str
    part: str
    side: str
    limits: tuple[str, ...]


@dataclass(frozen=True)
class Inspection:
    """All of it. size: the world units from chin to crown, roughly; None where nothing says. mapped: how names and
    bones would drive it; None where nothing could be driven, with the reason in `problem`.
    """

    name: str
    health: str
    facing: Facing
    unit_scale: float
    size: float | None
    meshes: tuple[MeshFacts, ...]
    bones: tuple[BoneFacts, ...]
    named: Named
    mapped: MappedRig | None
    problem: str | None
    warnings: tuple[str, ...]
    geometry: bool

    def to_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        return {
            "schema": SCHEMA,
            "rig": self.name,
            "health": self.health,
            "conventions": [asdict(found) for found in self.named.conventions],
            "facing": asdict(self.facing),
            "unit_scale": self.unit_scale,
            "head_size": self.size,
            "meshes": [asdict(mesh) for mesh in self.meshes],
            "bones": [asdict(bone) for bone in self.bones],
            "missing": list(self.named.missing),
            "dead": list(self.named.dead),
            "overruled": [asdict(note) for note in self.named.overruled],
            "unread": list(self.named.unread),
            "mapping": self.mapped.mapping.to_json() if self.mapped else None,
            "problem": self.problem,
            "warnings": list(self.warnings),
        }

    def lines(self, keys: bool = False) -> list[str]:
        """The report for people; keys: with a line for each key."""
        lines = [f"{self.name}: {self.health}"]
        lines += [
            f"  keys named as in {found.title} ({found.found} of {found.rows})" for found in self.named.conventions
        ]
        lines.append(f"Faces {_axis(self.facing.front)}, up is {_axis(self.facing.up)} ({_how(self.facing.by)})")
        lines.append(self._scale_line())
        for mesh in self.meshes:
            lines += _mesh_lines(mesh, keys)
        lines += self._bone_lines()
        lines += [f"{note.channel}: {note.reason}" for note in self.named.overruled]
        if self.named.missing and self.mapped:
            lines.append(f"Channels without a key ({len(self.named.missing)}): {listed(self.named.missing)}")
        if self.named.dead:
            lines.append(f"Channels whose keys move nothing ({len(self.named.dead)}): {listed(self.named.dead)}")
        if self.named.unread and not keys:
            lines.append(
                f"Keys that no convention knows ({len(self.named.unread)}): {some(self.named.unread, MOST_NAMES)}"
            )
        if self.mapped:
            lines.append(turn_line(self.mapped.mapping))
        if self.geometry:
            lines.append("Names leave channels open: `mmface rig map` also compares how the keys move the face")
        if self.problem:
            lines.append(self.problem)
        return lines + [f"Note: {warning}" for warning in self.warnings]

    def _scale_line(self) -> str:
        text = f"1 unit is {self.unit_scale:g} m"
        if self.size:
            metres = self.size * self.unit_scale
            text += f"; the head is {self.size:.3g} units high"
            if not 0.3 < metres / _HEAD_METRES < 4:
                text += f", so as a person it would be {metres:.3g} m: the scale is another, which does not matter here"
        return text

    def _bone_lines(self) -> list[str]:
        if not self.bones:
            return ["Bones of a face: none found"]
        parts: dict[str, list[str]] = {}
        for bone in self.bones:
            held = f" ({', '.join(bone.limits)})" if bone.limits else ""
            parts.setdefault(bone.part.replace("_", " "), []).append(bone.name + held)
        return ["Bones of a face: " + "; ".join(f"{part}: {', '.join(names)}" for part, names in parts.items())]


def inspect_rig(rig: RigDescription, name: str, warnings: tuple[str, ...] = ()) -> Inspection:
    """Look at a rig by names and bones; shapes are compared only when it is mapped, since that takes time."""
    named = map_by_name(rig)
    facing = find_facing(rig, named.channels)
    named = accept_misspelt(rig, named, facing)
    mapped, problem = None, None
    try:
        mapped = map_rig(rig, name, options=MapOptions(how="names"))
        named, facing = mapped.named, mapped.mapping.facing
    except UserError as error:
        problem = str(error)
    return Inspection(
        name=name,
        health=health(named),
        facing=facing,
        unit_scale=rig.unit_scale,
        size=_head_size(rig, named, facing),
        meshes=tuple(_mesh_facts(rig, mesh, named, facing) for mesh in rig.keyed_meshes),
        bones=_bone_facts(rig),
        named=named,
        mapped=mapped,
        problem=problem,
        warnings=warnings + (mapped.warnings if mapped else ()),
        geometry=bool(rig.keyed_meshes) and worth_asking(rig, named),
    )


def _mesh_facts(rig: RigDescription, mesh: Mesh, named: Named, facing: Facing) -> MeshFacts:
    means: dict[str, dict[str, float]] = {}
    for channel in named.channels:
        for target in channel.keys:
            if target.object == mesh.object:
                means.setdefault(target.key, {})[channel.channel] = target.gain
    obj = rig.objects[mesh.object]
    linear = obj.world[:3, :3]
    sizes = np.linalg.norm(linear, axis=0)
    turn = linear / np.where(sizes > 0, sizes, 1.0)
    mirrored, duplicates = _pairs(mesh, facing)
    return MeshFacts(
        name=mesh.object,
        vertices=mesh.vertices,
        keys=tuple(
            KeyFacts(
                name=key.name,
                min=key.min,
                max=key.max,
                value=key.value,
                moves=key.max_delta,
                dead=mesh.is_dead(key),
                muted=key.muted,
                locked=key.locked,
                driven=key.driven,
                means=means.get(key.name, {}),
            )
            for key in mesh.keys
        ),
        mirrored=mirrored,
        duplicates=duplicates,
        parents=_parents(rig, obj),
        scale=(float(sizes[0]), float(sizes[1]), float(sizes[2])),
        turned=float(np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1)))),
        reflected=bool(np.linalg.det(linear) < 0),
        relative=mesh.relative,
        action=mesh.action,
    )


def _pairs(mesh: Mesh, facing: Facing) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """(mirrored pairs, left key first; pairs that move alike) of the live keys."""
    live = [key for key in mesh.keys if key.delta is not None and not mesh.is_dead(key)]
    if len(live) < 2:
        return (), ()
    deltas = np.stack([_unit(key.delta) for key in live if key.delta is not None])
    mirror = mirror_of(mesh, facing)
    images = np.stack([_unit(mirror.of(key.delta)) for key in live if key.delta is not None])
    alike, seen = deltas @ deltas.T, deltas @ images.T
    along = mesh.positions.astype(np.float64) @ np.array(facing.left)
    weight = [np.linalg.norm(key.delta, axis=1) for key in live if key.delta is not None]
    place = [float(w @ along / w.sum()) for w in weight]
    duplicates = [
        (live[i].name, live[j].name)
        for i in range(len(live))
        for j in range(i + 1, len(live))
        if alike[i, j] > _SAME and 0.98 < live[i].max_delta / live[j].max_delta < 1.02
    ]
    pairs = []
    for i in range(len(live)):
        j = int(np.argmax(seen[i]))
        mutual = int(np.argmax(seen[j])) == i
        if i < j and mutual and seen[i, j] > _MIRRORED and alike[i, j] < _MIRRORED:
            first, second = (i, j) if place[i] > place[j] else (j, i)
            pairs.append((live[first].name, live[second].name))
    return tuple(pairs), tuple(duplicates)


def _unit(delta: NDArray[np.floating]) -> NDArray[np.floating]:
    flat = delta.reshape(-1).astype(np.float64)
    return flat / max(float(np.linalg.norm(flat)), 1e-30)


def _parents(rig: RigDescription, obj: SceneObject) -> tuple[str, ...]:
    names = []
    while obj.parent and obj.parent in rig.objects:
        names.append(f"{obj.parent} / {obj.parent_bone}" if obj.parent_bone else obj.parent)
        obj = rig.objects[obj.parent]
    return tuple(names)


def _head_size(rig: RigDescription, named: Named, facing: Facing) -> float | None:
    """Chin to crown: the height of the mesh with keys, at most half as high again as what the keys move."""
    heights = []
    for mesh in rig.keyed_meshes:
        moved = np.zeros(len(mesh.positions), dtype=bool)
        for key in mesh.keys:
            if key.delta is not None and not mesh.is_dead(key):
                moved |= np.linalg.norm(key.delta, axis=1) > 0.1 * key.max_delta
        up = mesh.positions @ np.array(facing.up)
        if moved.any():
            heights.append(min(float(np.ptp(up)), 1.5 * float(np.ptp(up[moved]))))
    return max(heights) if heights else None


def _bone_facts(rig: RigDescription) -> tuple[BoneFacts, ...]:
    found = []
    for armature in rig.armatures.values():
        for bone in armature.bones.values():
            role = role_of(bone.name)
            part, side = (role.part, role.side) if role else ("", "")
            if not role and head_score(bone.name) >= 2:
                part = "head"
            if not part:
                continue
            limits = [f"{axis} locked" for axis, lock in zip("xyz", bone.rotation_locks, strict=True) if lock]
            limits += [
                f"{axis} {np.degrees(limit[0]):.0f} to {np.degrees(limit[1]):.0f} degrees"
                for axis, limit in zip("xyz", bone.limits, strict=True)
                if limit
            ]
            limits += ["driven"] if bone.driven else []
            others = [kind for kind in bone.constraints if kind != "LIMIT_ROTATION"]
            limits += [kind.replace("_", " ").lower() for kind in others]
            found.append(BoneFacts(armature.object, bone.name, part, side, tuple(limits)))
    return tuple(found)


def _mesh_lines(mesh: MeshFacts, keys: bool) -> list[str]:
    dead = tuple(key.name for key in mesh.keys if key.dead)
    driven = tuple(key.name for key in mesh.keys if key.driven)
    muted = tuple(key.name for key in mesh.keys if key.muted)
    odd = tuple(f"{k.name} {k.min:g}..{k.max:g}" for k in mesh.keys if (k.min, k.max) != (0.0, 1.0))
    set_ = tuple(f"{k.name} {k.value:.2g}" for k in mesh.keys if abs(k.value) > 1e-6 and not k.driven)
    hangs = f", hangs on {' < '.join(mesh.parents)}" if mesh.parents else ""
    lines = [
        f"{mesh.name}: {len(mesh.keys)} keys on {mesh.vertices} vertices, {len(mesh.mirrored)} mirrored pairs{hangs}"
    ]
    if not np.allclose(mesh.scale, mesh.scale[0], rtol=1e-3):
        lines.append(f"  stretched unevenly: scale {', '.join(f'{s:.3g}' for s in mesh.scale)}")
    if mesh.reflected:
        lines.append("  its transform mirrors it: a negative scale, best applied")
    if not mesh.relative:
        lines.append("  its keys are absolute, not relative")
    for what, names in (
        ("dead", dead), ("with a driver", driven), ("muted", muted), ("of another range than 0..1", odd),
        ("not at 0 in the file", set_), ("moving alike", tuple(" = ".join(pair) for pair in mesh.duplicates)),
    ):  # fmt: skip
        if names:
            lines.append(f"  {what} ({len(names)}): {some(names, MOST_NAMES)}")
    if mesh.action:
        lines.append(f"  already animated by the action {mesh.action}")
    return lines + ([f"    {_key_line(key)}" for key in mesh.keys] if keys else [])


def _key_line(key: KeyFacts) -> str:
    units = [n if g == 1 else f"{n} {g:.2g}" for n, g in key.means.items()]
    state = [word for word, on in (("dead", key.dead), ("driven", key.driven), ("muted", key.muted)) if on]
    return f"{key.name}: {', '.join(units) or '-'}" + (f" [{', '.join(state)}]" if state else "")


def _axis(axis: tuple[float, float, float]) -> str:
    index = int(np.argmax(np.abs(axis)))
    if abs(axis[index]) > 0.999:
        return f"{'-' if axis[index] < 0 else '+'}{'XYZ'[index]}"
    return "(" + ", ".join(f"{v:.2f}" for v in axis) + ")"


def _how(by: str) -> str:
    return {
        "keys": "seen from where its keys move it",
        "mirrored keys": "its left keys lie on its right",
        "bones": "seen from its left and right bones",
        "default": "assumed, as nothing says otherwise",
    }.get(by, by)
