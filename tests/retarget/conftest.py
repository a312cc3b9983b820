"""Rigs and takes made of numbers alone, for tests that need no Blender."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import settings

from mmface_core.model.arkit import ARKIT_INDEX
from retarget.rig import Armature, Bone, Mesh, RigDescription, SceneObject, ShapeKey
from tests.takes import take_of

settings.register_profile("calm", deadline=None)  # a busy machine is no failure
settings.load_profile("calm")

# Where on a head of 0.2 units (x to its left, y up, z out of the face) each group of units moves the skin.
_PLACES = {
    "eye": (0.03, 0.03, 0.09),
    "brow": (0.03, 0.05, 0.09),
    "cheek": (0.05, 0.0, 0.08),
    "nose": (0.015, 0.0, 0.11),
    "mouth": (0.02, -0.04, 0.1),
    "jaw": (0.02, -0.06, 0.09),
    "tongue": (0.0, -0.04, 0.09),
}
BLENDER_AXES = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])  # our head axes in Blender for a face to -y


@dataclass(frozen=True)
class RigMaker:
    """Makes rig descriptions. axes (3, 3): from the head frame to the world; scale and origin of the whole rig."""

    axes: np.ndarray
    scale: float = 1.0
    origin: tuple = (0.0, 0.0, 0.0)

    def world(self, points):
        return self.scale * (np.asarray(points, float) @ self.axes.T) + np.array(self.origin)

    def mesh(self, names, name="Head", dead=(), driven=(), muted=(), extra=(), skin=None):
        """A ball with one key for each of `names` (dict of key name -> ARKit unit, or ARKit names)."""
        units = names if isinstance(names, dict) else {n: n for n in names}
        ball = np.random.default_rng(0).normal(size=(800, 3))
        ball = 0.1 * ball / np.linalg.norm(ball, axis=1, keepdims=True) * [0.8, 1.1, 1.0]
        keys = []
        for key_name in (*units, *extra):
            delta = np.zeros_like(ball)
            if key_name in units and key_name not in dead:
                delta = self._delta(ball, units[key_name])
            delta = (self.scale * delta @ self.axes.T).astype(np.float32)
            size = float(np.linalg.norm(delta, axis=1).max())
            keys.append(
                ShapeKey(
                    name=key_name,
                    min=0.0,
                    max=1.0,
                    value=0.0,
                    muted=key_name in muted,
                    locked=False,
                    driven=key_name in driven,
                    delta=delta if size else None,
                    max_delta=size,
                )
            )
        return Mesh(
            object=name,
            vertices=len(ball),
            relative=True,
            linked=False,
            pinned=False,
            action=None,
            positions=self.world(ball).astype(np.float32),
            keys=tuple(keys),
            skin=skin or {},
            datablock=f"Key {name}",
        )

    def rig(self, *meshes, armatures=(), parents=None, bones=None):
        """parents: object -> parent object; bones: object -> bone that it is parented to."""
        parents, bones = parents or {}, bones or {}
        deforming = tuple(a.object for a in armatures)
        objects = {}
        for mesh in meshes:
            low, high = mesh.positions.min(0), mesh.positions.max(0)
            skinned = deforming if mesh.skin else ()
            objects[mesh.object] = scene_object(
                mesh.object, "MESH", parents.get(mesh.object), bones.get(mesh.object), skinned, (low, high)
            )
        for armature in armatures:
            objects[armature.object] = scene_object(armature.object, "ARMATURE", world=armature.world)
        for name in parents.values():
            objects.setdefault(name, scene_object(name, "EMPTY"))
        return RigDescription(
            "rig.blend", "4.5", 24.0, objects, tuple(meshes), {a.object: a for a in armatures}, actions=()
        )

    def _delta(self, ball, unit):
        group = next(g for g in _PLACES if unit.startswith(g))
        places = [np.array(_PLACES[group])]
        if unit.endswith("Right"):
            places = [places[0] * [-1, 1, 1]]
        elif not unit.endswith("Left") or unit in ("jawLeft", "mouthLeft"):
            places.append(places[0] * [-1, 1, 1])
        return sum(np.exp(-(np.linalg.norm(ball - p, axis=1) ** 2) / 0.02**2)[:, None] * [0, -0.01, 0] for p in places)


def scene_object(name, kind, parent=None, bone=None, armatures=(), box=None, world=None, basis=None):
    world = np.eye(4) if world is None else np.asarray(world, float)
    basis = world if basis is None else basis
    rotation = np.linalg.qr(basis[:3, :3])[0] if basis is not None else np.eye(3)
    return SceneObject(
        name=name,
        type=kind,
        parent=parent,
        parent_bone=bone,
        armatures=armatures,
        visible=True,
        linked=False,
        rotation_mode="XYZ",
        world=world,
        basis=basis,
        rotation=np.eye(3) if np.allclose(basis[:3, :3], np.eye(3)) else rotation,
        box=None if box is None else np.array(box),
        action=None,
        constraints=(),
    )


def make_armature(*names, poses=None, world=None, driven=(), constraints=None):
    """Bones in a chain, each the child of the one before; "parent>child" names a parent."""
    bones, last = {}, None
    for entry in names:
        parent, _, name = entry.rpartition(">")
        pose = np.eye(4) if poses is None or name not in poses else poses[name]
        bones[name] = Bone(
            name=name,
            parent=parent or last,
            deform=True,
            head=pose[:3, 3],
            tail=pose[:3, 3] + pose[:3, 1],
            pose=pose,
            rest=pose,
            basis=np.eye(4),
            rotation=np.eye(3),
            rotation_mode="QUATERNION",
            locked=False,
            driven=name in driven,
            constraints=tuple((constraints or {}).get(name, ())),
        )
        last = name
    return Armature("Armature", np.eye(4) if world is None else world, False, None, bones)


@pytest.fixture(scope="session")
def maker():
    return RigMaker(BLENDER_AXES)


@pytest.fixture(scope="session")
def rig_maker():
    return RigMaker


@pytest.fixture(scope="session")
def armature():
    return make_armature


def _make_take(weights=None, rotation=None, fps=30.0, count=30, time=None, present=None, confidence=None, **other):
    """A take of `count` frames; weights: ARKit unit -> values (T,)."""
    values = np.zeros((count, 52), np.float32)
    for name, column in (weights or {}).items():
        values[:, ARKIT_INDEX[name]] = column
    if time is not None:
        other["time"] = np.asarray(time, float)
    if present is not None:
        other["present"] = present
    if confidence is not None:
        other["confidence"] = np.asarray(confidence, np.float32)
    if rotation is not None:
        other["rotation"] = rotation
    return take_of(values, fps, **other)


@pytest.fixture(scope="session")
def make_take():
    return _make_take


@dataclass(frozen=True)
class SyntheticHead:
    """The default model with another identity, its skin cut into finer triangles: a rig that we know all about.

    neutral (N, 3), units (52, N, 3) mm in the head frame; true (V, 3): where the model's own vertices belong.
    """

    surfaces: tuple
    face: object
    neutral: np.ndarray
    units: np.ndarray
    true: np.ndarray
    mirror: np.ndarray
    parts: dict

    def unit(self, name):
        return self.units[ARKIT_INDEX[name]]


@pytest.fixture(scope="session")
def synthetic_head():
    """Makes (surfaces, found face, all about it) of a head put into the world by a similarity."""
    from scipy.spatial import cKDTree

    from mmface_core.geometry.similarity import Similarity
    from mmface_core.model.subdivision import apply_operator, subdivide
    from retarget.registration.found_face import FoundFace
    from retarget.registration.surface import Surface
    from retarget.registration.template import default_template

    def make(place=None):
        place = place or Similarity(1.0)
        template = default_template()
        codes = np.random.default_rng(3).normal(size=len(template.identity)) * 0.7
        true = template.mean + np.tensordot(codes, template.identity, 1)
        true = (true + true[template.mirror] * [-1, 1, 1]) / 2
        keep = np.concatenate([np.arange(w.start, w.stop) for n, w in template.parts.items() if n != "lashes"])
        used = np.isin(template.triangles, keep).all(axis=1)
        operator, triangles = subdivide(template.triangles[used], len(true), smooth=False)
        neutral, units = operator @ true, apply_operator(operator, template.units)
        tied = np.unique(triangles)
        number = np.full(len(neutral), -1)
        number[tied] = np.arange(len(tied))
        neutral, units, triangles = neutral[tied], units[:, tied], number[triangles]
        mirror = cKDTree(neutral).query(neutral * [-1, 1, 1])[1]
        parts = {name: number[np.arange(w.start, w.stop)] for name, w in template.parts.items()}
        landmarks = template.landmarks(true) + np.random.default_rng(4).normal(size=(68, 3))
        seen = np.arange(68) > 16
        face = FoundFace(place.rotation, place.scale, place.apply(landmarks), seen, ("Head",), np.zeros(80), 0.9)
        surfaces = (Surface("Head", place.apply(neutral), triangles, keyed=True),)
        return surfaces, face, SyntheticHead(surfaces, face, neutral, units, true, mirror, parts)

    return make


@pytest.fixture(scope="session")
def head(synthetic_head):
    return synthetic_head()[2]


@pytest.fixture(scope="session")
def registered(head):
    from retarget.registration.register import register

    return register(head.surfaces, head.face)


@pytest.fixture(scope="session")
def keyed_rig(head):
    """Makes the description of the synthetic head with keys: name -> offsets (N, 3)."""

    def make(keys):
        mesh = Mesh(
            object="Head",
            vertices=len(head.neutral),
            relative=True,
            linked=False,
            pinned=False,
            action=None,
            positions=head.neutral.astype(np.float32),
            keys=tuple(
                ShapeKey(name, 0.0, 1.0, 0.0, False, False, False, delta, float(np.linalg.norm(delta, axis=1).max()))
                for name, delta in keys.items()
            ),
            datablock="Key",
        )
        box = (head.neutral.min(0), head.neutral.max(0))
        return RigDescription(
            "rig.blend", "4.5", 24.0, {"Head": scene_object("Head", "MESH", box=box)}, (mesh,), {}, ()
        )

    return make
