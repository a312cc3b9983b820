"""Maps the 52 ARKit units onto a rig's shape keys by their names, mesh by mesh, through the tables in `conventions`.

Units come first, then visemes, then whole faces; among equals, the convention of which the rig has most. Each ARKit
unit goes to the first convention that has a live key for it, so that a dead `jawOpen` gives way to a live `Fcl_MTH_A`.
"""

from dataclasses import dataclass

from mmface_core.model.arkit import ARKIT_NAMES
from retarget.mapping.conventions import CONVENTIONS, Convention, convention
from retarget.mapping.conventions.table import KINDS
from retarget.mapping.names import common_prefixes
from retarget.mapping.schema import Channel, KeyTarget
from retarget.mapping.spelling import BOTH, LEFT, RIGHT, SIDE, WAY
from retarget.rig import Mesh, RigDescription, ShapeKey

# Where a rig has neither brows nor corners of the mouth of its own, whole faces ("Angry") stand in for them.
_FINE = ("brow", "mouthSmile", "mouthFrown")

_Found = dict[tuple[str, str], ShapeKey]  # (row, side) -> the key that stands for it on one mesh


@dataclass(frozen=True)
class Recognised:
    """A convention that the rig follows: how many rows of its table the rig has, of how many."""

    name: str
    title: str
    found: int
    rows: int


@dataclass(frozen=True)
class Overruled:
    """A unit whose own key is left aside, for a reason that completes "jawOpen: ..."."""

    channel: str
    reason: str


@dataclass(frozen=True)
class Named:
    """Channels that found keys, and what was found out on the way (keys as "Object: key")."""

    channels: tuple[Channel, ...]
    missing: tuple[str, ...]  # units without a key
    dead: tuple[str, ...]  # units whose every key moves nothing
    driven: tuple[str, ...]  # keys that a driver of the rig's owns; left alone
    muted: tuple[str, ...]  # keys that are muted in the rig; driven, but one will not see it
    unread: tuple[str, ...]  # keys that mean nothing in any convention
    conventions: tuple[Recognised, ...] = ()
    overruled: tuple[Overruled, ...] = ()


class _Reading:
    """One convention's view of a rig: which key stands for which row, on each mesh."""

    def __init__(self, table: Convention, rig: RigDescription) -> None:
        self.table = table
        self.on: dict[str, _Found] = {}
        self.read: set[str] = set()  # "Object: key"
        for mesh in rig.keyed_meshes:
            found = self._read(mesh)
            if found:
                self.on[mesh.object] = found

    def _read(self, mesh: Mesh) -> _Found:
        """Of two keys for one row, a live one comes before a dead one, a table's first name before its alternatives,
        and a plainer name before a longer one (`eyeBlinkLeft` before `eyeBlinkLeft.001`).
        """
        prefixes = common_prefixes([key.name for key in mesh.keys], (mesh.object,))
        entries = []
        for key in mesh.keys:
            meaning = self.table.speller.read(key.name, prefixes)
            if meaning:
                self.read.add(f"{mesh.object}: {key.name}")
                entries.append((mesh.is_dead(key), meaning.rank, len(key.name), meaning, key))
        found: _Found = {}
        for *_, meaning, key in sorted(entries, key=lambda entry: entry[:3]):
            found.setdefault((meaning.row, meaning.side), key)
        return found

    @property
    def rows(self) -> set[str]:
        """The rows of the table that the rig has."""
        return {row for found in self.on.values() for row, _ in found}

    def targets(self, mesh: Mesh, channel: str) -> list[tuple[ShapeKey, float, str]]:
        """(key, gain, how) of an ARKit unit on one mesh.

        The sided key if there is one. Failing both sided keys, the two-sided key gets the mean of left and right. A row
        without a side drives both halves where the rig has it only in halves.
        """
        found = self.on.get(mesh.object, {})
        targets: dict[str, tuple[ShapeKey, float, str]] = {}
        for row in dict.fromkeys(row for row, _ in found):
            for key, gain, how in self._of_row(row, found, channel):
                targets.setdefault(key.name, (key, gain, how))
        return list(targets.values())

    def _of_row(self, row: str, found: _Found, channel: str) -> list[tuple[ShapeKey, float, str]]:
        plain = {"units": "name", "visemes": "viseme", "emotions": "expression"}[self.table.kind]
        halves = [(side, found[row, side]) for side in (LEFT, RIGHT) if (row, side) in found]
        sided = SIDE in "".join(self.table.rows[row]) or WAY in row or SIDE in row
        if sided and halves:
            return [(k, g, plain) for side, k in halves if (g := self.table.drives(row, side).get(channel))]
        gain = self.table.drives(row, BOTH).get(channel)
        if gain is None:
            return []
        if (row, BOTH) in found:
            return [(found[row, BOTH], gain, "two-sided" if sided else plain)]
        return [(key, gain, "split") for _, key in halves]

    def has_live(self, meshes: tuple[Mesh, ...], channel: str) -> bool:
        """Whether a key that moves something follows the channel."""
        return any(
            gain > 0 and key.usable and not mesh.is_dead(key)
            for mesh in meshes
            for key, gain, _ in self.targets(mesh, channel)
        )


def map_by_name(rig: RigDescription, preset: str | None = None) -> Named:
    """Match names on every mesh for itself, since meshes of one rig may be named differently.

    preset: read names in this convention alone. Raises UserError where there is none of that name.
    """
    meshes = rig.keyed_meshes
    tables = convention(preset) if preset else CONVENTIONS
    readings = _recognised([_Reading(table, rig) for table in tables], meshes, every=preset is not None)
    choice = {name: _choose(readings, meshes, name) for name in ARKIT_NAMES}
    targets: dict[str, list[KeyTarget]] = {name: [] for name in ARKIT_NAMES}
    ways: dict[str, set[str]] = {name: set() for name in ARKIT_NAMES}
    alive: set[str] = set()
    driven, muted = [], []
    for mesh in meshes:
        here = [reading for reading in readings if mesh.object in reading.on]
        for channel in ARKIT_NAMES:
            chosen = choice[channel]
            reading = chosen if chosen in here else _choose(here, (mesh,), channel)
            for key, gain, way in reading.targets(mesh, channel) if reading else ():
                if not key.usable:
                    driven.append(f"{mesh.object}: {key.name}")
                    continue
                if key.muted:
                    muted.append(f"{mesh.object}: {key.name}")
                if gain > 0 and not mesh.is_dead(key):
                    alive.add(channel)
                ways[channel].add(way)
                targets[channel].append(KeyTarget(mesh.object, key.name, gain, min(key.min, 0.0), _ceiling(key)))
    _drop_keys_that_are_only_held_back(targets)
    read = set().union(*(reading.read for reading in readings)) if readings else set()
    return Named(
        channels=tuple(
            Channel(name, tuple(targets[name]), by="+".join(sorted(ways[name])))
            for name in ARKIT_NAMES
            if targets[name]
        ),
        missing=tuple(name for name in ARKIT_NAMES if not any(t.gain > 0 for t in targets[name])),
        dead=tuple(name for name in ARKIT_NAMES if targets[name] and name not in alive and _positive(targets[name])),
        driven=tuple(dict.fromkeys(driven)),
        muted=tuple(dict.fromkeys(muted)),
        unread=tuple(w for mesh in meshes for key in mesh.keys if (w := f"{mesh.object}: {key.name}") not in read),
        conventions=tuple(Recognised(r.table.name, r.table.title, len(r.rows), len(r.table.rows)) for r in readings),
        overruled=_overruled(readings, choice, meshes),
    )


def _recognised(readings: list[_Reading], meshes: tuple[Mesh, ...], every: bool) -> list[_Reading]:
    """The conventions that the rig follows, the one to ask first in front.

    A convention counts where enough of its rows are there and some of its keys are read by no finer or fuller one.
    every: one preset was asked for, so that whatever it reads counts.
    """
    order = sorted(readings, key=lambda r: (KINDS.index(r.table.kind), -len(r.rows)))
    kept: list[_Reading] = []
    read: set[str] = set()
    for reading in order:
        if not every and (len(reading.rows) < reading.table.least or reading.read <= read):
            continue
        if reading.table.kind == "emotions" and not every and _has_fine_parts(kept, meshes):
            continue
        if reading.rows:
            kept.append(reading)
            read |= reading.read
    return kept


def _has_fine_parts(readings: list[_Reading], meshes: tuple[Mesh, ...]) -> bool:
    return any(r.has_live(meshes, name) for r in readings for name in ARKIT_NAMES if name.startswith(_FINE))


def _choose(readings: list[_Reading], meshes: tuple[Mesh, ...], channel: str) -> _Reading | None:
    """The first convention with a live key for the channel, else the first with any."""
    able = [r for r in readings if any(gain > 0 for m in meshes for _, gain, _ in r.targets(m, channel))]
    return next((r for r in able if r.has_live(meshes, channel)), able[0] if able else None)


def _overruled(
    readings: list[_Reading], choice: dict[str, _Reading | None], meshes: tuple[Mesh, ...]
) -> tuple[Overruled, ...]:
    """Units whose key of the same name moves nothing, and for which another convention has one that does."""
    notes = []
    for channel, chosen in choice.items():
        first = _first_with_keys(readings, meshes, channel)
        if chosen is None or first is None or first is chosen:
            continue
        own = next(key for mesh in meshes for key, gain, _ in first.targets(mesh, channel) if gain > 0)
        used = [k.name for mesh in meshes for k, gain, _ in chosen.targets(mesh, channel) if gain > 0]
        why = "is driven by the rig itself" if not own.usable else "moves nothing"
        notes.append(Overruled(channel, f"the key {own.name} {why}; {' + '.join(dict.fromkeys(used))} does it instead"))
    return tuple(notes)


def _first_with_keys(readings: list[_Reading], meshes: tuple[Mesh, ...], channel: str) -> _Reading | None:
    return next((r for r in readings if any(g > 0 for m in meshes for _, g, _ in r.targets(m, channel))), None)


def _positive(targets: list[KeyTarget]) -> bool:
    return any(target.gain > 0 for target in targets)


def _drop_keys_that_are_only_held_back(targets: dict[str, list[KeyTarget]]) -> None:
    """A key that units only make smaller never moves: another convention does its work."""
    pushed = {(t.object, t.key) for several in targets.values() for t in several if t.gain > 0}
    for several in targets.values():
        several[:] = [t for t in several if (t.object, t.key) in pushed]


def _ceiling(key: ShapeKey) -> float:
    """The largest value to set: the slider's own end, but a slider that ends at 0 is a mistake, not a wish."""
    return key.max if key.max > 0 else 1.0
