"""Maps the 52 ARKit units onto a rig's shape keys by their names, mesh by mesh."""

from dataclasses import dataclass

from mmface_core.model.arkit import ARKIT_NAMES
from retarget.mapping.names import BOTH, LEFT, RIGHT, Unit, common_prefixes, read_key, split_channel
from retarget.mapping.schema import Channel, KeyTarget
from retarget.rig import Mesh, RigDescription, ShapeKey


@dataclass(frozen=True)
class Named:
    """Channels that found keys, and what was found out on the way (keys as "Object: key")."""

    channels: tuple[Channel, ...]
    missing: tuple[str, ...]  # units without a key
    dead: tuple[str, ...]  # units whose every key moves nothing
    driven: tuple[str, ...]  # keys that a driver of the rig's owns; left alone
    muted: tuple[str, ...]  # keys that are muted in the rig; driven, but one will not see it
    unread: tuple[str, ...]  # keys that mean no unit


def map_by_name(rig: RigDescription) -> Named:
    """Match names on every mesh for itself, since meshes of one rig may be named differently."""
    targets: dict[str, list[KeyTarget]] = {name: [] for name in ARKIT_NAMES}
    ways: dict[str, set[str]] = {name: set() for name in ARKIT_NAMES}
    alive: set[str] = set()
    driven, muted, unread = [], [], []
    for mesh in rig.keyed_meshes:
        found, others = _read_mesh(mesh)
        unread += [f"{mesh.object}: {name}" for name in others]
        for channel in ARKIT_NAMES:
            for key, gain, way in _keys_for(split_channel(channel), found):
                if not key.usable:
                    driven.append(f"{mesh.object}: {key.name}")
                    continue
                if key.muted:
                    muted.append(f"{mesh.object}: {key.name}")
                if not mesh.is_dead(key):
                    alive.add(channel)
                ways[channel].add(way)
                targets[channel].append(KeyTarget(mesh.object, key.name, gain, min(key.min, 0.0), _ceiling(key)))
    return Named(
        channels=tuple(
            Channel(name, tuple(targets[name]), by="+".join(sorted(ways[name])))
            for name in ARKIT_NAMES
            if targets[name]
        ),
        missing=tuple(name for name in ARKIT_NAMES if not targets[name]),
        dead=tuple(name for name in ARKIT_NAMES if targets[name] and name not in alive),
        driven=tuple(dict.fromkeys(driven)),
        muted=tuple(dict.fromkeys(muted)),
        unread=tuple(unread),
    )


def _ceiling(key: ShapeKey) -> float:
    """The largest value to set: the slider's own end, but a slider that ends at 0 is a mistake, not a wish."""
    return key.max if key.max > 0 else 1.0


def _read_mesh(mesh: Mesh) -> tuple[dict[Unit, ShapeKey], list[str]]:
    """The key of each unit on this mesh, and the names of keys that mean none.

    Of two keys for one unit, a live one comes before a dead one and a plainer name before a longer one (`eyeBlinkLeft`
    before `eyeBlinkLeft.001`).
    """
    names = [key.name for key in mesh.keys]
    prefixes = common_prefixes(names, (mesh.object,))
    found: dict[Unit, ShapeKey] = {}
    others = []
    for key in sorted(mesh.keys, key=lambda key: (mesh.is_dead(key), len(key.name))):
        unit = read_key(key.name, prefixes)
        if unit is None:
            others.append(key.name)
        else:
            found.setdefault(unit, key)
    return found, [name for name in names if name in set(others)]


def _keys_for(unit: Unit, found: dict[Unit, ShapeKey]) -> list[tuple[ShapeKey, float, str]]:
    """(key, gain, how) for one ARKit unit.

    The sided key if there is one. Failing both sided keys, the two-sided key gets the mean of left and right. A unit
    without a side drives both halves where the rig has it only in halves.
    """
    if unit in found:
        return [(found[unit], 1.0, "name")]
    left, right = Unit(unit.base, LEFT), Unit(unit.base, RIGHT)
    if unit.side != BOTH:
        whole = Unit(unit.base, BOTH)
        if whole in found and left not in found and right not in found:
            return [(found[whole], 0.5, "two-sided")]
        return []
    return [(found[half], 1.0, "split") for half in (left, right) if half in found]
