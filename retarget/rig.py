"""RigDescription: what Blender reported of a rig. Plain JSON with long arrays beside it; no Blender is needed to read
it.

Written by `blender_addon/scene/read_rig.py` (schema "mmface-rig/1", see docs/rig_formats.md). World coordinates are
Blender's (z up) in the file's own unit.
"""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmface_core.errors import UserError

SCHEMA = "mmface-rig/1"
DEAD_FRACTION = 1e-4  # a key that moves nothing by more than this part of its mesh's diagonal does nothing one can see

Array = NDArray[np.floating]


@dataclass(frozen=True)
class ShapeKey:
    """One shape key of one mesh. `delta` (N, 3): offsets in world directions, at value 1; None where nothing moves."""

    name: str
    min: float
    max: float
    value: float
    muted: bool
    locked: bool
    driven: bool
    delta: Array | None = field(repr=False)
    max_delta: float = 0.0

    @property
    def usable(self) -> bool:
        """Whether a curve on this key takes effect: a driver would overrule it."""
        return not self.driven


@dataclass(frozen=True)
class Mesh:
    """A mesh object. positions (N, 3): world, as posed; none where it has neither keys nor skin. skin: group name ->
    vertex weights (N,).
    """

    object: str
    vertices: int
    relative: bool
    linked: bool
    pinned: bool
    action: str | None
    positions: Array = field(repr=False)
    keys: tuple[ShapeKey, ...] = ()
    skin: dict[str, Array] = field(default_factory=dict, repr=False)
    datablock: str | None = None

    @cached_property
    def diagonal(self) -> float:
        """Length of the diagonal of the mesh's bounding box, world units."""
        return float(np.linalg.norm(np.ptp(self.positions, axis=0))) if len(self.positions) else 0.0

    def is_dead(self, key: ShapeKey) -> bool:
        """Whether the key moves nothing that one could see."""
        return key.max_delta <= DEAD_FRACTION * self.diagonal

    def key(self, name: str) -> ShapeKey | None:
        """The key of that name; None without one."""
        return next((key for key in self.keys if key.name == name), None)


@dataclass(frozen=True)
class Bone:
    """A pose bone. head, tail (3,): world. pose, rest (4, 4): in the armature's frame. basis (4, 4): the pose's own
    offset, rotation (3, 3) its rotation alone.

    rotation_locks, location_locks: for the bone's own x, y, z, whether the artist locked it. limits: for x, y, z the
    (least, most) radians of a Limit Rotation constraint in local space, None where free. inherits: whether it turns
    with its parent. connected: its head sits on its parent's tail, so that it cannot be moved.
    """

    name: str
    parent: str | None
    deform: bool
    head: Array
    tail: Array
    pose: Array = field(repr=False)
    rest: Array = field(repr=False)
    basis: Array = field(repr=False)
    rotation: Array = field(repr=False)
    rotation_mode: str
    locked: bool
    driven: bool
    constraints: tuple[str, ...]
    rotation_locks: tuple[bool, bool, bool] = (False, False, False)
    location_locks: tuple[bool, bool, bool] = (False, False, False)
    limits: tuple[tuple[float, float] | None, ...] = (None, None, None)
    inherits: bool = True
    connected: bool = False


@dataclass(frozen=True)
class Armature:
    """An armature object; world (4, 4) leads from its frame to the world."""

    object: str
    world: Array = field(repr=False)
    linked: bool
    action: str | None
    bones: dict[str, Bone] = field(repr=False)


@dataclass(frozen=True)
class SceneObject:
    """An object of any type. world, basis (4, 4), rotation (3, 3): the basis' rotation alone; box (2, 3): lowest and
    highest
    corner, None without extent."""

    name: str
    type: str
    parent: str | None
    parent_bone: str | None
    armatures: tuple[str, ...]
    visible: bool
    linked: bool
    rotation_mode: str
    world: Array = field(repr=False)
    basis: Array = field(repr=False)
    rotation: Array = field(repr=False)
    box: Array | None = field(repr=False)
    action: str | None
    constraints: tuple[str, ...]


@dataclass(frozen=True)
class RigDescription:
    """A rig as Blender reported it."""

    source: str
    blender: str
    fps: float
    objects: dict[str, SceneObject]
    meshes: tuple[Mesh, ...]
    armatures: dict[str, Armature]
    actions: tuple[str, ...]
    unit_scale: float = 1.0  # metres in one unit, as the scene says

    @property
    def keyed_meshes(self) -> tuple[Mesh, ...]:
        """The meshes with shape keys that an animation can reach, each key data-block once."""
        unique = {mesh.datablock: mesh for mesh in reversed(self.meshes) if mesh.keys and not mesh.linked}
        return tuple(reversed(unique.values()))


def rig_from_json(data: dict[str, Any], arrays: Path) -> RigDescription:
    """Build the description from its JSON `data` and the raw float32 file `arrays`.

    Raises UserError where the schema is another one.
    """
    if data.get("schema") != SCHEMA:
        raise UserError(f"This rig description has the version {data.get('schema')}; mmface reads {SCHEMA}.")
    values = np.fromfile(arrays, dtype="<f4") if arrays.stat().st_size else np.zeros(0, np.float32)
    objects = {o["name"]: _object(o) for o in data["objects"]}
    return RigDescription(
        source=data["source"],
        blender=data["blender"],
        fps=data["scene"]["fps"],
        objects=objects,
        meshes=tuple(_mesh(m, values, objects[m["object"]].world) for m in data["meshes"]),
        armatures={a["object"]: _armature(a) for a in data["armatures"]},
        actions=tuple(data["actions"]),
        unit_scale=data["scene"].get("unit_scale", 1.0),
    )


def load_rig(path: str | Path) -> RigDescription:
    """Read a description written as NAME.json with NAME.f32 beside it."""
    path = Path(path)
    with path.open(encoding="utf-8") as file:
        return rig_from_json(json.load(file), path.with_suffix(".f32"))


def _array(values: Array, place: dict[str, int] | None) -> Array | None:
    return None if place is None else values[place["offset"] : place["offset"] + place["count"]]


def _mesh(data: dict[str, Any], values: Array, world: Array) -> Mesh:
    positions = _array(values, data["positions"])
    return Mesh(
        object=data["object"],
        vertices=data["vertices"],
        relative=data["relative"],
        linked=data["linked"],
        pinned=data["pinned"],
        action=data["action"],
        positions=np.zeros((0, 3), np.float32) if positions is None else positions.reshape(-1, 3),
        keys=tuple(_key(key, values, world[:3, :3]) for key in data["keys"]),
        skin={name: weights for name, place in data["skin"].items() if (weights := _array(values, place)) is not None},
        datablock=data["keys_name"],
    )


def _key(data: dict[str, Any], values: Array, linear: Array) -> ShapeKey:
    local = _array(values, data["delta"])
    delta = None if local is None else local.reshape(-1, 3) @ linear.T.astype(np.float32)
    return ShapeKey(
        name=data["name"],
        min=data["min"],
        max=data["max"],
        value=data["value"],
        muted=data["muted"],
        locked=data["locked"],
        driven=data["driven"],
        delta=delta,
        max_delta=0.0 if delta is None or not len(delta) else float(np.linalg.norm(delta, axis=1).max()),
    )


def _armature(data: dict[str, Any]) -> Armature:
    return Armature(
        object=data["object"],
        world=np.array(data["world"]),
        linked=data["linked"],
        action=data["action"],
        bones={
            b["name"]: Bone(
                name=b["name"],
                parent=b["parent"],
                deform=b["deform"],
                head=np.array(b["head"]),
                tail=np.array(b["tail"]),
                pose=np.array(b["pose"]),
                rest=np.array(b["rest"]),
                basis=np.array(b["basis"]),
                rotation=np.array(b["rotation"]),
                rotation_mode=b["rotation_mode"],
                locked=b["locked"],
                driven=b["driven"],
                constraints=tuple(b["constraints"]),
                # Descriptions of before these were told go without.
                rotation_locks=tuple(b.get("locks", {}).get("rotation", (False, False, False))),
                location_locks=tuple(b.get("locks", {}).get("location", (False, False, False))),
                limits=tuple(tuple(pair) if pair else None for pair in b.get("limits", (None, None, None))),
                inherits=b.get("inherits_rotation", True),
                connected=b.get("connected", False),
            )
            for b in data["bones"]
        },
    )


def _object(data: dict[str, Any]) -> SceneObject:
    return SceneObject(
        name=data["name"],
        type=data["type"],
        parent=data["parent"],
        parent_bone=data["parent_bone"],
        armatures=tuple(data["armatures"]),
        visible=data["visible"],
        linked=data["linked"],
        rotation_mode=data["rotation_mode"],
        world=np.array(data["world"]),
        basis=np.array(data["basis"]),
        rotation=np.array(data["rotation"]),
        box=None if data["box"] is None else np.array(data["box"]),
        action=data["action"],
        constraints=tuple(data["constraints"]),
    )
