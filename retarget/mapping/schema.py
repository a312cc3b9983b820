"""A mapping as data: ARKit channel -> shape keys and bones, and what turns with the head. JSON "mmface-mapping/1".

docs/rigs.md explains the file to those who edit it.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_INDEX
from mmface_core.whole_file import replacing
from retarget.mapping.checked import Checked
from retarget.motion import KeyCurve, Pivot

SCHEMA = "mmface-mapping/1"

Array = NDArray[np.floating]
Triple = tuple[float, float, float]
Curve = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class KeyTarget:
    """A shape key that a channel drives: value = sum over channels of gain * curve(weight) + offset, kept in min..max.

    curve: points (weight, value), straight between them and level outside; None is the weight itself.
    """

    object: str
    key: str
    gain: float = 1.0
    min: float = 0.0
    max: float = 1.0
    offset: float = 0.0
    curve: Curve | None = None


@dataclass(frozen=True)
class BoneTarget:
    """A bone that a channel turns and moves, on top of the pose in the file, in the head's frame (x left, y up, z out).

    turn: rotation vector in degrees at weight 1, about the bone's head. move: offset at weight 1, in the world's unit.
    Both are times gain * curve(weight) + offset; channels of one bone add up.
    """

    object: str
    bone: str
    turn: Triple = (0.0, 0.0, 0.0)
    move: Triple = (0.0, 0.0, 0.0)
    gain: float = 1.0
    offset: float = 0.0
    curve: Curve | None = None


Target = KeyTarget | BoneTarget


@dataclass(frozen=True)
class Channel:
    """One ARKit unit and what it drives. `by`: how that was found ("name", "two-sided", "split", "geometry", "bone").

    score: 0..1, how much of the unit's movement the targets explain; None where nobody measured it.
    """

    channel: str
    targets: tuple[Target, ...]
    by: str = "name"
    mute: bool = False
    score: float | None = None

    @property
    def keys(self) -> tuple[KeyTarget, ...]:
        """The shape keys among the targets."""
        return tuple(target for target in self.targets if isinstance(target, KeyTarget))

    @property
    def bones(self) -> tuple[BoneTarget, ...]:
        """The bones among the targets."""
        return tuple(target for target in self.targets if isinstance(target, BoneTarget))


@dataclass(frozen=True)
class TurnTarget:
    """What turns with the head, or with one eye: a bone, an object, or an empty to be made. `by`: how it was found.

    about: the world point about which an object turns, in the neck; a bone turns about its own head. share: the part of
    the turn that it takes: head and neck divide it.
    """

    object: str
    bone: str | None
    by: str = "hand"
    pivot: Pivot | None = None
    about: Triple | None = None
    share: float = 1.0


@dataclass(frozen=True)
class Facing:
    """The character's own axes in the world, unit vectors: its left, up, and out of its face."""

    left: Triple = (1.0, 0.0, 0.0)
    up: Triple = (0.0, 0.0, 1.0)
    front: Triple = (0.0, -1.0, 0.0)
    by: str = "default"

    @property
    def matrix(self) -> Array:
        """(3, 3) from the head frame (x to the subject's left, y up, z out of the face) to the world."""
        return np.stack([self.left, self.up, self.front], axis=1)


@dataclass(frozen=True)
class Mapping:
    """The whole mapping of a rig. neck: the bones below the head's that take a share of its turn, lowest first."""

    channels: tuple[Channel, ...]
    facing: Facing = field(default_factory=Facing)
    head: TurnTarget | None = None
    eyes: dict[str, TurnTarget] = field(default_factory=dict)
    neck: tuple[TurnTarget, ...] = ()

    def key_curves(self, weights: Array) -> list[KeyCurve]:
        """Curves of all keys for ARKit weights (T, 52). Where targets of a key differ in limits, the tightest hold."""
        sums: dict[tuple[str, str], Array] = {}
        limits: dict[tuple[str, str], tuple[float, float]] = {}
        for channel in self.channels:
            if channel.mute:
                continue
            for target in channel.keys:
                where = (target.object, target.key)
                sums[where] = sums.get(where, 0.0) + _amount(target, weights[:, ARKIT_INDEX[channel.channel]])
                low, high = limits.get(where, (-np.inf, np.inf))
                limits[where] = (max(low, target.min), min(high, target.max))
        return [KeyCurve(*where, values=np.clip(values, *limits[where])) for where, values in sums.items()]

    def bone_motions(self, weights: Array) -> dict[tuple[str, str], tuple[Array, Array | None]]:
        """(armature, bone) -> turns (T, 3), rotation vectors in radians, and moves (T, 3), for ARKit weights (T, 52).

        Both in the head's frame, moves in the world's unit; None for a bone that nothing moves.
        """
        sums: dict[tuple[str, str], tuple[Array, Array | None]] = {}
        zero = np.zeros((len(weights), 3))
        for channel in self.channels:
            if channel.mute:
                continue
            for target in channel.bones:
                amount = _amount(target, weights[:, ARKIT_INDEX[channel.channel]])[:, None]
                turn, move = sums.get((target.object, target.bone), (zero, None))
                if any(target.move):
                    move = (zero if move is None else move) + amount * np.array(target.move)
                sums[target.object, target.bone] = (turn + amount * np.radians(target.turn), move)
        return sums

    def to_json(self) -> dict[str, Any]:
        """The mapping as plain data."""
        return {
            "schema": SCHEMA,
            "channels": [
                {
                    "channel": channel.channel,
                    "targets": [_sparse(target) for target in channel.targets],
                    "score": channel.score,
                    "by": channel.by,
                    "mute": channel.mute,
                }
                for channel in self.channels
            ],
            "head": _turn_json(self.head) if self.head else None,
            "neck": [_turn_json(target) for target in self.neck],
            "eyes": {side: _turn_json(target) for side, target in self.eyes.items()},
            "facing": {
                "left": list(self.facing.left),
                "up": list(self.facing.up),
                "front": list(self.facing.front),
                "by": self.facing.by,
            },
        }


def in_arkits_order(channels: Iterable[Channel]) -> tuple[Channel, ...]:
    """Channels as ARKit lists its units."""
    return tuple(sorted(channels, key=lambda channel: ARKIT_INDEX[channel.channel]))


def _amount(target: Target, weight: Array) -> Array:
    """gain * curve(weight) + offset, (T,)."""
    if target.curve is not None:
        xs, ys = zip(*target.curve, strict=True)
        weight = np.interp(weight, xs, ys)
    return target.gain * weight + target.offset


def _sparse(target: Target) -> dict[str, Any]:
    """The target without what one rarely sets; gain, min and max are always shown, since those are what one edits."""
    shown = {"object", "key", "bone", "gain", "min", "max"}
    defaults = {f.name: f.default for f in fields(target)}
    data = asdict(target)
    return {
        name: [list(p) for p in value] if name == "curve" else list(value) if isinstance(value, tuple) else value
        for name, value in data.items()
        if name in shown or value != defaults[name]
    }


def _turn_json(target: TurnTarget) -> dict[str, Any]:
    data: dict[str, Any] = {"object": target.object, "bone": target.bone, "by": target.by, "share": target.share}
    if target.about:
        data["about"] = list(target.about)
    if target.pivot:
        pivot = target.pivot
        data["pivot"] = {"location": list(pivot.location), "size": pivot.size, "children": list(pivot.children)}
    return data


def mapping_from_json(data: Any, what: str = "The mapping") -> Mapping:
    """Read what `to_json` wrote, or what a hand did. Raises UserError that names the place of a mistake.

    what: the file in a sentence.
    """
    top = Checked(data, "", what)
    if top.raw("schema") != SCHEMA:
        raise UserError(f"{what} has the version {top.raw('schema')}; this mmface reads {SCHEMA}.")
    top.only(("schema", "channels", "facing", "head", "neck", "eyes"))
    channels: list[Channel] = []
    places: dict[str, str] = {}
    for row in top.items("channels"):
        channel = _channel(row)
        if channel.channel in places:
            remedy = f"{places[channel.channel]} has it already: put its targets together"
            raise row.wrong("channel", channel.channel, remedy)
        places[channel.channel] = row.place
        channels.append(channel)
    facing, head = top.child("facing"), top.child("head")
    eyes = top.child("eyes")
    if eyes:
        eyes.only(("Left", "Right"))
    return Mapping(
        channels=tuple(channels),
        facing=_facing(facing) if facing else Facing(),
        head=_turn_target(head) if head else None,
        eyes={side: _turn_target(entry) for side in ("Left", "Right") if eyes and (entry := eyes.child(side))},
        neck=tuple(_turn_target(entry) for entry in top.items("neck")),
    )


def load_mapping(path: Path) -> Mapping:
    """Read a mapping file. Raises UserError where it is missing, is no JSON, or has a mistake."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"The mapping {path} cannot be read: {error.strerror or error}.") from error
    except json.JSONDecodeError as error:
        raise UserError(f"{path}, line {error.lineno}: this is no JSON ({error.msg}).") from error
    except RecursionError as error:
        raise UserError(f"{path} is not a mapping: it is nested too deeply.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a mapping: it is no text in UTF-8.") from error
    return mapping_from_json(data, path.name)


def save_mapping(mapping: Mapping, path: Path) -> None:
    """Write a mapping for people: one line for each target. Whole or not at all. Raises UserError."""
    try:
        with replacing(path) as file:
            file.write(_written(mapping.to_json()).encode())
    except OSError as error:
        raise UserError(f"The mapping {path} cannot be written: {error.strerror or error}.") from error


def _written(data: dict[str, Any]) -> str:
    """The JSON with one line for each target and turn, which is what one reads and edits."""
    lines = ["{", f' "schema": {json.dumps(data["schema"])},', ' "channels": [']
    for number, channel in enumerate(data["channels"]):
        head = {k: v for k, v in channel.items() if k != "targets"}
        targets = ",\n    ".join(_one_line(target) for target in channel["targets"])
        name = json.dumps(head.pop("channel"))
        rest = ", ".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in head.items())
        comma = "," if number + 1 < len(data["channels"]) else ""
        lines.append(f'  {{"channel": {name}, {rest}, "targets": [\n    {targets}]}}{comma}')
    lines += [" ],", f' "head": {_one_line(data["head"])},']
    lines.append(f' "neck": [{", ".join(_one_line(entry) for entry in data["neck"])}],')
    lines.append(f' "eyes": {_one_line(data["eyes"])},')
    lines += [f' "facing": {_one_line(data["facing"])}', "}"]
    return "\n".join(lines) + "\n"


def _one_line(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False)


def _channel(entry: Checked) -> Channel:
    entry.only(("channel", "targets", "score", "by", "mute"))
    name = entry.text("channel")
    if name not in ARKIT_INDEX:
        raise entry.wrong("channel", name, "give the name of an ARKit unit, such as jawOpen")
    score = entry.number("score", 0.0) if "score" in entry else None
    if score is not None and not 0 <= score <= 1:
        raise entry.wrong("score", score, "give a number from 0 to 1, or null")
    targets = tuple(_target(target) for target in entry.items("targets"))
    return Channel(name, targets, entry.text("by", "hand"), entry.flag("mute", False), score)


def _target(entry: Checked) -> Target:
    if "bone" in entry:
        entry.only(f.name for f in fields(BoneTarget))
        return BoneTarget(
            object=entry.text("object"),
            bone=entry.text("bone"),
            turn=entry.triple("turn", (0.0, 0.0, 0.0)),
            move=entry.triple("move", (0.0, 0.0, 0.0)),
            gain=entry.number("gain", 1.0),
            offset=entry.number("offset", 0.0),
            curve=entry.points("curve"),
        )
    entry.only(f.name for f in fields(KeyTarget))
    low, high = entry.number("min", 0.0), entry.number("max", 1.0)
    if low > high:
        raise entry.wrong("min", low, f"give no more than max, which is {high:g}")
    return KeyTarget(
        object=entry.text("object"),
        key=entry.text("key"),
        gain=entry.number("gain", 1.0),
        min=low,
        max=high,
        offset=entry.number("offset", 0.0),
        curve=entry.points("curve"),
    )


def _turn_target(entry: Checked) -> TurnTarget:
    entry.only(("object", "bone", "by", "share", "about", "pivot"))
    pivot = entry.child("pivot")
    return TurnTarget(
        object=entry.text("object"),
        bone=entry.text("bone") if "bone" in entry else None,
        by=entry.text("by", "hand"),
        pivot=_pivot(pivot) if pivot else None,
        about=entry.triple("about", (0.0, 0.0, 0.0)) if "about" in entry else None,
        share=entry.number("share", 1.0),
    )


def _pivot(entry: Checked) -> Pivot:
    entry.only(("location", "size", "children"))
    children = entry.raw("children")
    if not isinstance(children, list | tuple) or not all(isinstance(name, str) for name in children):
        raise entry.wrong("children", children, "give a list of objects' names")
    return Pivot(entry.triple("location", (0.0, 0.0, 0.0)), entry.number("size", 1.0), tuple(children))


def _facing(entry: Checked) -> Facing:
    entry.only(("left", "up", "front", "by"))
    facing = Facing(
        entry.triple("left", Facing.left),
        entry.triple("up", Facing.up),
        entry.triple("front", Facing.front),
        entry.text("by", "hand"),
    )
    if not np.allclose(facing.matrix.T @ facing.matrix, np.eye(3), atol=1e-3):
        raise entry.wrong("", [facing.left, facing.up, facing.front], "give three unit vectors at right angles")
    return facing
