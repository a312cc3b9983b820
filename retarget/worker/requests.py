"""What the worker can be asked for: one function a request, each of (state, job, the request's other entries)."""

import importlib
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmface_core import __version__
from mmface_core.errors import UserError
from retarget.worker.protocol import PROTOCOL, Job
from retarget.worker.settings import build, describe

if TYPE_CHECKING:
    from mmface_core.capture.engine import CaptureEngine
    from mmface_core.take import Take
    from retarget.mapping.by_name import Named
    from retarget.mapping.schema import Mapping
    from retarget.pipeline import MappedRig
    from retarget.rig import RigDescription


MOST_NAMES = 6  # of keys or channels that one note lists


@dataclass
class State:
    """What outlives a request: loaded models, and the rig that was described last."""

    folder: Path
    engine: "CaptureEngine | None" = None
    rig_stamp: tuple[str, int] | None = None
    rig: "RigDescription | None" = None

    def capture_engine(self, job: Job) -> "CaptureEngine":
        """The capture engine, loaded at its first use."""
        if self.engine is None:
            job.progress("loading")
            from mmface_core.capture.load import load_engine

            self.engine = load_engine()
        return self.engine

    def rig_at(self, path: str) -> "RigDescription":
        """The rig described in `path` (.json with the arrays beside it), read once. Raises UserError."""
        from retarget.rig import load_rig

        try:
            stamp = (path, Path(path).stat().st_mtime_ns)
            if self.rig is None or stamp != self.rig_stamp:
                self.rig, self.rig_stamp = load_rig(path), stamp
        except (OSError, KeyError, ValueError) as error:
            raise UserError(f"The description of the rig cannot be read: {error!r}. Read the rig again.") from error
        return self.rig


def hello(state: State, job: Job) -> dict[str, Any]:
    """Who answers, and what it can be told. Loads nothing heavy."""
    from retarget.performance import Settings
    from retarget.turning import HEAD_MODES

    return {
        "protocol": PROTOCOL,
        "mmface": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "folder": str(state.folder),
        "settings": describe(Settings),
        "heads": list(HEAD_MODES),
        "requests": sorted(REQUESTS),
    }


def check(state: State, job: Job) -> dict[str, Any]:
    """Load everything that a capture needs, and look at one grey picture with it."""
    import numpy as np

    engine = state.capture_engine(job)
    engine.tracker().still(np.full((256, 256, 3), 128, np.uint8))
    return {"mmface": __version__, "python": platform.python_version(), "description": engine.description}


def map_rig(
    state: State,
    job: Job,
    rig: str,
    name: str,
    head: str = "absolute",
    how: str = "names",
    file: str | None = None,
    blender: str | None = None,
) -> dict[str, Any]:
    """Map a described rig. Result: mapping (JSON), health (one line), notes (sentences), counts.

    how: "names", "geometry" or "both"; the latter two open `file`, a .blend of the same rig, with the program `blender`
    (None: this Python with bpy), and take up to a minute.
    """
    from retarget.blender import Blender
    from retarget.mapping.map_rig import MapOptions
    from retarget.pipeline import compare_shapes, map_described

    described = state.rig_at(rig)
    asker = (lambda: compare_shapes(Path(file), described, Blender(blender))) if file else None
    if asker is not None:
        job.progress("shapes")
    mapped = map_described(described, name, head, options=MapOptions(how=how), geometry=asker)
    return {"mapping": mapped.mapping.to_json(), **_health(mapped)}


def _health(mapped: "MappedRig") -> dict[str, Any]:
    from retarget.mapping.misspelt import misspelt
    from retarget.mapping.told import health

    named = mapped.named
    head = mapped.mapping.head
    turned = (
        f"The head turns with {head.bone or head.object}" if head and not head.pivot else "No head bone: an empty turns"
    )
    return {
        "health": health(named),
        "found": len(named.channels),
        "missing": list(named.missing),
        "dead": list(named.dead),
        "notes": [turned, *_notes(named, mapped.warnings, misspelt(named))],
    }


def _notes(named: "Named", warnings: tuple[str, ...], misspelt: list[tuple[str, str]]) -> list[str]:
    from retarget.mapping.told import some

    notes = []
    if named.missing:
        notes.append(f"No key for {some(named.missing, MOST_NAMES)}")
    notes += [f"{key} looks like {channel} misspelt" for channel, key in misspelt]
    if named.dead:
        notes.append(f"Keys that move nothing: {some(named.dead, MOST_NAMES)}")
    if named.driven:
        notes.append(f"Left to the rig's own drivers: {some(named.driven, MOST_NAMES)}")
    if named.muted:
        notes.append(f"Muted in the rig: {some(named.muted, MOST_NAMES)}")
    return notes + [warning[:1].upper() + warning[1:] for warning in warnings]


def read_mapping(state: State, job: Job, path: str) -> dict[str, Any]:
    """A mapping's file, checked. Result: the mapping with every entry written out."""
    from retarget.mapping.schema import load_mapping

    return {"mapping": load_mapping(Path(path)).to_json()}


def write_mapping(state: State, job: Job, path: str, mapping: dict[str, Any]) -> dict[str, Any]:
    """Check a mapping and write it to a file, whole or not at all."""
    from retarget.mapping.schema import save_mapping

    checked = _mapping(mapping)
    try:
        save_mapping(checked, Path(path))
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error
    return {"path": path}


def _mapping(data: Any) -> "Mapping":
    from retarget.mapping.schema import mapping_from_json

    return mapping_from_json(data)


def motion(
    state: State,
    job: Job,
    take: str,
    rig: str,
    mapping: dict[str, Any],
    path: str,
    name: str | None = None,
    settings: dict[str, Any] | None = None,
    head: str = "absolute",
    fps: float | None = None,
) -> dict[str, Any]:
    """Turn a take into the curves of a rig, written to `path` (.json, the curves beside it).

    fps: lay the curves on this frame rate, as the scene keeps its own; None is the clip's rate.
    """
    from retarget.motion import save_motion
    from retarget.performance import Settings, performance_of
    from retarget.pipeline import motion_for

    job.progress("curves")
    captured = load_take(take)
    wanted = build(Settings, settings)
    performance = performance_of(captured, wanted if fps is None else replace(wanted, fps=fps), name)
    job.check()
    curves = motion_for(_mapped(state, rig, mapping), performance, head, wanted.layer)
    save_motion(curves, path)
    return {
        "motion": path,
        "name": curves.name,
        "start": curves.start,
        "frame_count": curves.frame_count,
        "fps": performance.rate.value if performance.rate else None,
        "filled": performance.filled,
        "source": captured.source,
    }


def _mapped(state: State, rig: str, mapping: dict[str, Any]) -> "MappedRig":
    from retarget.mapping.by_name import map_by_name
    from retarget.mapping.told import some
    from retarget.pipeline import MappedRig

    described = state.rig_at(rig)
    read = _mapping(mapping)
    keys = {mesh.object: {key.name for key in mesh.keys} for mesh in described.keyed_meshes}
    channels = []
    lost = []
    for channel in read.channels:
        known = tuple(t for t in channel.keys if t.key in keys.get(t.object, ()))
        lost += [f"{t.object}: {t.key}" for t in channel.keys if t not in known]
        channels.append(replace(channel, targets=(*known, *channel.bones)))
    if lost and not any(channel.targets for channel in channels):
        raise UserError(f"The mapping belongs to another rig: it has none of {some(tuple(lost), 4)}. Map this rig.")
    return MappedRig(described, replace(read, channels=tuple(channels)), map_by_name(described), ())


def load_take(path: str) -> "Take":
    """The take in a file. Raises UserError."""
    from mmface_core.take import Take

    return Take.load(path)


def take_facts(state: State, job: Job, take: str) -> dict[str, Any]:
    """What a take holds: source, frames, frames in which the face was seen, rate."""
    loaded = load_take(take)
    return {
        "take": take,
        "source": loaded.source,
        "frames": len(loaded),
        "seen": int(loaded.present.sum()),
        "fps": float(loaded.fps),
    }


Request = Callable[..., dict[str, Any]]

# Those with a colon are imported when they are asked for: they need more than the others.
REQUESTS: dict[str, Request | str] = {
    "hello": hello,
    "check": check,
    "map_rig": map_rig,
    "read_mapping": read_mapping,
    "write_mapping": write_mapping,
    "capture": "retarget.worker.capturing:capture",
    "take_facts": take_facts,
    "motion": motion,
    "live": "retarget.worker.live:live",
}


def request_named(name: str) -> Request | None:
    """The function that answers a request; None where there is none."""
    found = REQUESTS.get(name)
    if not isinstance(found, str):
        return found
    module, _, function = found.partition(":")
    return getattr(importlib.import_module(module), function)
