"""A mapping as data: ARKit channel -> shape keys with gains, and what turns with the head. JSON "mmface-mapping/1"."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_INDEX
from retarget.motion import KeyCurve, Pivot

SCHEMA = "mmface-mapping/1"

Array = NDArray[np.floating]


@dataclass(frozen=True)
class KeyTarget:
    """A shape key that a channel drives: value = sum over channels of gain * weight, kept within min..max."""

    object: str
    key: str
    gain: float = 1.0
    min: float = 0.0
    max: float = 1.0


@dataclass(frozen=True)
class Channel:
    """One ARKit unit and its keys. `by`: how they were found ("name", "two-sided", "split", "geometry").

    score: 0..1, how much of the unit's movement the targets explain; None where nobody measured it.
    """

    channel: str
    targets: tuple[KeyTarget, ...]
    by: str = "name"
    mute: bool = False
    score: float | None = None


@dataclass(frozen=True)
class TurnTarget:
    """What turns with the head, or with one eye: a bone, an object, or an empty to be made. `by`: how it was found.

    about: the world point about which an object turns, in the neck; a bone turns about its own head.
    """

    object: str
    bone: str | None
    by: str
    pivot: Pivot | None = None
    about: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Facing:
    """The character's own axes in the world, unit vectors: its left, up, and out of its face."""

    left: tuple[float, float, float] = (1.0, 0.0, 0.0)
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)
    front: tuple[float, float, float] = (0.0, -1.0, 0.0)
    by: str = "default"

    @property
    def matrix(self) -> Array:
        """(3, 3) from the head frame (x to the subject's left, y up, z out of the face) to the world."""
        return np.stack([self.left, self.up, self.front], axis=1)


@dataclass(frozen=True)
class Mapping:
    """The whole mapping of a rig."""

    channels: tuple[Channel, ...]
    facing: Facing = field(default_factory=Facing)
    head: TurnTarget | None = None
    eyes: dict[str, TurnTarget] = field(default_factory=dict)

    def key_curves(self, weights: Array) -> list[KeyCurve]:
        """Curves of all keys for ARKit weights (T, 52)."""
        sums: dict[tuple[str, str], Array] = {}
        limits: dict[tuple[str, str], tuple[float, float]] = {}
        for channel in self.channels:
            if channel.mute:
                continue
            for target in channel.targets:
                where = (target.object, target.key)
                sums[where] = sums.get(where, 0.0) + target.gain * weights[:, ARKIT_INDEX[channel.channel]]
                limits[where] = (target.min, target.max)
        return [KeyCurve(*where, values=np.clip(values, *limits[where])) for where, values in sums.items()]

    def to_json(self) -> dict[str, Any]:
        """The mapping as plain data."""
        return {
            "schema": SCHEMA,
            "channels": [asdict(channel) for channel in self.channels],
            "facing": asdict(self.facing),
            "head": asdict(self.head) if self.head else None,
            "eyes": {side: asdict(target) for side, target in self.eyes.items()},
        }


def mapping_from_json(data: dict[str, Any]) -> Mapping:
    """Read what `to_json` wrote. Raises UserError that names the place of a mistake."""
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        version = data.get("schema") if isinstance(data, dict) else None
        raise UserError(f"This mapping has the version {version}; this mmface reads {SCHEMA}.")
    channels = []
    for number, entry in enumerate(data.get("channels", [])):
        place = f"channels[{number}]"
        if not isinstance(entry, dict) or entry.get("channel") not in ARKIT_INDEX:
            raise UserError(f"The mapping's {place} has no ARKit unit as its `channel`.")
        targets = tuple(_build(KeyTarget, t, f"{place}.targets[{i}]") for i, t in enumerate(entry.get("targets", [])))
        channels.append(_build(Channel, {**entry, "targets": targets}, place))
    facing = data.get("facing")
    axes = {k: tuple(v) if isinstance(v, list) else v for k, v in facing.items()} if facing else {}
    head = data.get("head")
    return Mapping(
        channels=tuple(channels),
        facing=_build(Facing, axes, "facing"),
        head=_turn_target(head, "head") if head else None,
        eyes={side: _turn_target(entry, f"eyes.{side}") for side, entry in data.get("eyes", {}).items()},
    )


def _turn_target(data: dict[str, Any], place: str) -> TurnTarget:
    pivot = data.get("pivot")
    if pivot:
        pivot = _build(
            Pivot, {**pivot, "location": tuple(pivot["location"]), "children": tuple(pivot["children"])}, place
        )
    about = data.get("about")
    return _build(TurnTarget, {**data, "pivot": pivot or None, "about": tuple(about) if about else None}, place)


def _build(kind: type, data: dict[str, Any], place: str) -> Any:
    try:
        return kind(**data)
    except TypeError as error:
        raise UserError(f"The mapping's {place} is wrong: {error}.") from error
