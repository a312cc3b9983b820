"""Names and geometry together: which to believe where they differ, and when to ask geometry at all.

The rule, unit by unit:

1. A unit that names leave open (no key, or only dead ones) is geometry's, where its score is at least LEAST_SCORE; at
   least SURE where the key that does most of it already has work of its own by its name.
2. A unit whose name is only a stand-in (a viseme, a whole face) is geometry's from SURE on.
3. A unit with a live key of its own name keeps it, unless geometry contradicts it clearly: geometry explains the unit
   from other keys with a score of SURE or more, and says as surely that the named key is another unit altogether. Then
   the name is overruled and that is reported. Left and right are never exchanged by geometry: names say which is which.
4. Where both agree, the name stays, with geometry's score beside it.

Geometry costs time, so by default it is asked only where names leave a unit open or to a stand-in, and the rig has live
keys that no name accounts for.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_NAMES, MIRRORED_UNIT
from retarget.mapping.by_name import Named, Overruled
from retarget.mapping.schema import Channel
from retarget.rig import RigDescription

MAP_BY: Final = ("names", "geometry", "both")
LEAST_SCORE: Final = 0.5  # half of a unit's movement explained: less looks like something else
SURE: Final = 0.8
_STAND_INS: Final = ("viseme", "expression")
_MAIN: Final = 0.5  # of the largest gain: a key that takes part in a unit rather than corrects it


class Geometric(Protocol):
    """What `by_geometry.map_by_geometry` returns, as far as it is used here: channels whose `by` is "geometry"."""

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Channels with their scores."""

    @property
    def note(self) -> str | None:
        """Why there are none, for the user."""


Asker = Callable[[], Geometric]  # registers the face model to the rig and maps by shape; takes its time


def map_by(rig: RigDescription, named: Named, how: str, ask: Asker | None) -> tuple[Named, tuple[str, ...]]:
    """Names combined with geometry, as `how` (one of MAP_BY) asks for; and sentences on what could not be done.

    ask: None where only a description of the rig is there, which cannot be registered. Raises UserError where geometry
    alone was asked for and finds nothing.
    """
    if how == "names" or (how == "both" and (ask is None or not worth_asking(rig, named))):
        return named, ()
    if ask is None:
        raise UserError("Only a rig's own file can be mapped by geometry; map it with `mmface rig map`.")
    if how == "geometry":
        found = ask()
        if not found.channels:
            raise UserError(found.note or "No key of the rig moves like one of ARKit's units.")
        return only_geometry(named, found), ()
    try:
        found = ask()
    except UserError as error:
        return named, (f"The shapes of the keys were not compared, names alone were used: {error}",)
    return combine(named, found), (found.note,) if found.note else ()


def worth_asking(rig: RigDescription, named: Named) -> bool:
    """Whether geometry could add something: units are open or left to stand-ins, and live keys are to spare."""
    settled = {c.channel for c in named.channels if c.channel not in named.dead and not _is_stand_in(c)}
    if settled >= set(ARKIT_NAMES) - {"tongueOut"}:  # a tongue hides in a closed mouth, where shapes tell little
        return False
    used = {(target.object, target.key) for channel in named.channels for target in channel.keys}
    return any(
        (mesh.object, key.name) not in used and key.usable and not mesh.is_dead(key)
        for mesh in rig.keyed_meshes
        for key in mesh.keys
    )


def only_geometry(named: Named, geometric: Geometric) -> Named:
    """Geometry's channels alone; what names say of drivers, mutes and unread keys stays."""
    channels = _not_driven(named, geometric.channels)
    mapped = {channel.channel for channel in channels}
    missing = tuple(name for name in ARKIT_NAMES if name not in mapped)
    return replace(named, channels=channels, missing=missing, dead=(), overruled=(), conventions=())


def combine(named: Named, geometric: Geometric) -> Named:
    """Compare both mappings by the rule above."""
    shapes = {channel.channel: channel for channel in _not_driven(named, geometric.channels)}
    names = {channel.channel: channel for channel in named.channels}
    busy = {key for c in named.channels if c.channel not in named.dead for key in _main_keys(c)}
    channels: list[Channel] = []
    notes = list(named.overruled)
    for unit in ARKIT_NAMES:
        name, shape = names.get(unit), shapes.get(unit)
        chosen, note = _choose(unit, name, shape, shapes, dead=unit in named.dead, busy=busy)
        if chosen:
            channels.append(chosen)
        if note:
            notes = [known for known in notes if known.channel != unit]
            notes.append(Overruled(unit, note))
    mapped = {channel.channel for channel in channels}
    by_shape = {channel.channel for channel in channels if channel.by == "geometry"}
    return replace(
        named,
        channels=tuple(channels),
        missing=tuple(unit for unit in ARKIT_NAMES if unit not in mapped),
        dead=tuple(unit for unit in named.dead if unit not in by_shape),
        overruled=tuple(notes),
    )


def _choose(
    unit: str,
    name: Channel | None,
    shape: Channel | None,
    shapes: dict[str, Channel],
    dead: bool,
    busy: set[tuple[str, str]],
) -> tuple[Channel | None, str | None]:
    """(the channel to use, why it is not the name's if that is worth saying)."""
    if shape is None or (score := shape.score or 0.0) < LEAST_SCORE:
        return name, None
    if (name is None or dead) and score < SURE and busy & set(_main_keys(shape)[:1]):
        return name, None
    if name is None:
        return shape, None
    own, found = _written(name), _written(shape)
    if dead:
        return shape, f"the key {own} moves nothing; by its shape, {found} does it instead ({score:.0%})"
    if _is_stand_in(name):
        return (shape, f"{found} is its shape ({score:.0%}), better than {own}") if score >= SURE else (name, None)
    if set(_main_keys(name)) & set(_main_keys(shape)):
        return replace(name, score=score), None
    really = _what_else(unit, name, shapes)
    if score >= SURE and really:
        return shape, f"the key {own} moves like {really}; by its shape, {found} does it instead ({score:.0%})"
    return name, None


def _what_else(unit: str, name: Channel, shapes: dict[str, Channel]) -> str | None:
    """Another unit, not the mirrored one, whose surely found main key is the one named like this unit."""
    mirrored = ARKIT_NAMES[MIRRORED_UNIT[ARKIT_NAMES.index(unit)]]
    for other, shape in shapes.items():
        sure = (shape.score or 0.0) >= SURE
        if other not in (unit, mirrored) and sure and set(_main_keys(name)) & set(_main_keys(shape)[:1]):
            return other
    return None


def _main_keys(channel: Channel) -> list[tuple[str, str]]:
    """The keys that do most of the unit, the strongest first."""
    targets = sorted(channel.keys, key=lambda target: -target.gain)
    return [(t.object, t.key) for t in targets if t.gain >= _MAIN * targets[0].gain and t.gain > 0]


def _is_stand_in(channel: Channel) -> bool:
    return set(channel.by.split("+")) <= set(_STAND_INS)


def _written(channel: Channel) -> str:
    return " + ".join(dict.fromkeys(target.key for target in channel.keys if target.gain > 0))


def _not_driven(named: Named, channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """Without keys that a driver of the rig's owns."""
    owned = set(named.driven)
    kept = []
    for channel in channels:
        targets = tuple(t for t in channel.keys if f"{t.object}: {t.key}" not in owned)
        if targets:
            kept.append(replace(channel, targets=targets))
    return tuple(kept)
