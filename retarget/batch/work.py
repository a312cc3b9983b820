"""What a worker does: one task, from files to files. Every result is a record or a sentence; nothing is raised.

Workers share nothing with the client but the file system, so a task may be done twice, or by a worker whose client is
gone: outputs get their final names whole, by a rename, and the record of a task comes after its outputs.
"""

import errno
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmface_core import __version__
from mmface_core.errors import UserError
from mmface_core.whole_file import write_whole
from retarget.batch.jobs import Options
from retarget.batch.plan import Task
from retarget.batch.store import Store
from retarget.blender import Blender, BlenderError
from retarget.mapping.map_rig import MapOptions, MappedRig

if TYPE_CHECKING:
    from mmface_core.capture.engine import CaptureEngine
    from mmface_core.take import Take

Tell = Callable[[str, int, int], None]  # what, done, of how many (0: unknown)

# A second try may pass: a busy machine, a network drive that came back. Everything else fails again the same way.
PASSING = frozenset({errno.ESTALE, errno.EAGAIN, errno.EINTR, errno.ETIMEDOUT, errno.EMFILE, errno.ENFILE})
PASSING_BLENDER = frozenset({"timeout", "crash"})
TRIES = 2


@dataclass(frozen=True)
class Failure:
    """Why a task failed, in a sentence; trace is empty for a user's error."""

    sentence: str
    trace: str = ""
    tries: int = 1


def perform(task: Task, out: str, tell: Tell | None = None) -> dict[str, Any] | Failure:
    """Do a task under the folder `out`; return its record, or why there is none."""
    tell = tell or worker_tell(task.id)
    for attempt in range(1, TRIES + 1):
        began = time.time()
        try:
            store = Store(Path(out))
            kept = store.set_aside(task) if store.finished(task) is None else []
            facts = STAGES[task.stage](task, store, tell)
            facts |= {"seconds": round(time.time() - began, 3), "version": __version__, "host": os.uname().nodename}
            if kept:
                facts["warnings"] = [*facts.get("warnings", []), f"edited by somebody, kept as {', '.join(kept)}"]
            return store.finish(task, facts)
        except BlenderError as error:
            if attempt == TRIES or error.kind not in PASSING_BLENDER:
                return Failure(str(error), "" if error.kind != "fault" else error.log, attempt)
        except UserError as error:
            cause = error.__cause__
            if attempt == TRIES or not (isinstance(cause, OSError) and cause.errno in PASSING):
                return Failure(str(error), tries=attempt)
        except OSError as error:
            if attempt == TRIES or error.errno not in PASSING:
                where = f" {error.filename}" if error.filename else ""
                return Failure(f"The disk refused{where}: {error.strerror or error}.", tries=attempt)
        except MemoryError:
            return Failure("There was not enough memory; use fewer --workers.")
        except Exception as error:
            return Failure(f"A fault of mmface: {type(error).__name__}: {error}", traceback.format_exc())
        tell("again", attempt, TRIES)
    raise AssertionError("the last try returns")


def worker_tell(task_id: str) -> Tell:
    """Tells the client through Dask, at most twice a second; in a process that is no worker, nobody."""
    try:
        from distributed import get_worker

        worker = get_worker()
    except (ImportError, ValueError):
        return lambda _what, _done, _total: None
    last = [0.0]

    def tell(what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - last[0] > 0.5 or done == total:
            last[0] = now
            worker.log_event("mmface", {"id": task_id, "what": what, "done": done, "total": total})

    return tell


@lru_cache(maxsize=1)
def loaded_engine() -> "CaptureEngine":
    """The capture engine of this process, loaded at its first capture."""
    from mmface_core.capture.load import load_engine

    # The cores are shared out among the processes; and frames read one after another are the same in every piece.
    return load_engine(workers=1)


def mapped_rig(rig: Path, head: str, options: MapOptions, blender: Blender) -> MappedRig:
    """What drives what in a rig, found out once for all clips that this process puts onto it: where shapes have to be
    compared, that is half a minute. Files that have changed meanwhile are read again.
    """
    from retarget.pipeline import check_rig

    check_rig(rig)
    options.check()
    files = [rig, options.mapping] if options.mapping else [rig]
    return _mapped(rig, tuple((f.stat().st_mtime_ns, f.stat().st_size) for f in files), head, options, blender)


@lru_cache(maxsize=4)
def _mapped(rig: Path, _state: tuple[Any, ...], head: str, options: MapOptions, blender: Blender) -> MappedRig:
    from retarget.pipeline import read_and_map

    return read_and_map(rig, head, blender, options)


def _capture(task: Task, store: Store, tell: Tell) -> dict[str, Any]:
    from mmface_core.capture.sources import open_source
    from retarget.capturing import face_choice
    from retarget.exchange.takes import is_take, open_take

    work = task.work
    clip = Path(work["clip"])
    if is_take(clip):
        take, warnings = open_take(clip), []
        if not work["identity"]:
            take = loaded_engine().without_identity(take)
    else:
        source = open_source(clip, sequence=True)
        done = 0

        def count(*_: object) -> None:
            nonlocal done
            done += 1
            tell("capture", done, source.expected or 0)

        take = loaded_engine().capture(source, face_choice(work["face"]), count)[0]  # type: ignore[arg-type]
        if not work["identity"]:
            take = loaded_engine().without_identity(take)
        warnings = _short(take, source.expected if not source.is_still else None)
    return _keep_take(task, store, take, clip, warnings)


def _piece(task: Task, store: Store, tell: Tell) -> dict[str, Any]:
    from mmface_core.capture.pieces import Piece, capture_piece
    from mmface_core.capture.sources import open_source

    number, start, stop, warm = task.work["piece"]
    piece = Piece(number, start, stop, warm)
    total = 0 if stop is None else stop - piece.first
    done = 0

    def count(*_: object) -> None:
        nonlocal done
        done += 1
        tell("capture", done, total)

    source = open_source(task.work["clip"], sequence=True, start=piece.first, exact=False)
    captured = capture_piece(loaded_engine(), source, piece, _which(task), count)
    path = store.out / task.work["file"]
    path.parent.mkdir(parents=True, exist_ok=True)
    captured.save(path)
    return {"frames": len(captured.index)}


def _which(task: Task) -> Any:
    """A face's number may come and go, so all faces are tracked where one is asked for by number."""
    from retarget.capturing import face_choice

    return face_choice(task.work["face"])


def _join(task: Task, store: Store, tell: Tell) -> dict[str, Any]:
    from mmface_core.capture.pieces import CapturedPiece, join_pieces
    from mmface_core.capture.sources import open_source

    work = task.work
    clip = Path(work["clip"])
    engine = loaded_engine()
    files = work["files"]

    def pieces():  # type: ignore[no-untyped-def]
        for number, file in enumerate(files, 1):
            tell("join", number, len(files))
            yield CapturedPiece.load(store.out / file)

    def open_at(start: int, exact: bool):  # type: ignore[no-untyped-def]
        return open_source(clip, sequence=True, start=start, exact=exact)

    joined = join_pieces(engine, pieces(), open_at, _which(task))
    source = open_source(clip, sequence=True)
    expected = source.expected
    source.close()
    take = engine.takes(joined.recorder, source, _which(task))[0]
    if not work["identity"]:
        take = engine.without_identity(take)
    facts = _keep_take(task, store, take, clip, _short(take, expected))
    store.drop_pieces(files)
    return {**facts, "pieces": len(files), "mended": joined.mended}


def _short(take: "Take", expected: int | None) -> list[str]:
    if expected and len(take) < 0.95 * expected:
        return [f"the file announces {expected} frames, but only {len(take)} could be decoded"]
    return []


def _keep_take(task: Task, store: Store, take: "Take", clip: Path, warnings: list[str]) -> dict[str, Any]:
    import numpy as np

    from retarget.batch.report.facts import clip_facts

    take.save(store.out / task.work["take"])
    write_whole(store.inner / "report" / f"{task.key[:24]}.json", clip_facts(take, clip))
    seen = take.present
    return {
        "clip": str(clip),
        "frames": len(take),
        "fps": take.fps,
        "present": round(float(seen.mean()), 4) if len(take) else 0.0,
        "confidence": round(float(np.mean(take.confidence[seen])), 4) if seen.any() else 0.0,
        "warnings": warnings,
    }


def _options(task: Task) -> Options:
    return Options(**task.work["options"])


def _blender(task: Task) -> Blender:
    return Blender(**task.work["blender"])


def _retarget(task: Task, store: Store, tell: Tell) -> dict[str, Any]:
    from retarget.pipeline import retarget_video

    work, options = task.work, _options(task)
    rig, take, blender = Path(work["rig"]), store.out / work["take"], _blender(task)
    report = retarget_video(
        take,
        rig,
        store.out / work["blend"],
        preview=store.out / work["preview"] if work["preview"] else None,
        motion=store.out / work["motion"] if work["motion"] else None,
        settings=options.settings(),
        head=options.head,
        options=options.map_options(),
        mapped=mapped_rig(rig, options.head, options.map_options(), blender),
        blender=blender,
        progress=tell,
    )
    performance = report.performance
    return {
        "rig": work["rig"],
        "action": report.action,
        "driven": len(report.driven),
        "keys": {"missing": list(report.named.missing), "dead": list(report.named.dead)},
        "frames": performance.frame_count,
        "fps": performance.rate.value if performance.rate else None,
        "filled": performance.filled,
        "options": asdict(options),
        "warnings": list(report.warnings),
    }


def _export(task: Task, store: Store, tell: Tell) -> dict[str, Any]:
    from retarget.batch.exports import export

    work, options = task.work, _options(task)
    rig = Path(work["rig"]) if work["rig"] else None
    target = store.out / work["target"]
    take, mapping = store.out / work["take"], options.map_options()
    warnings = export(take, work["word"], target, options.settings(), options.head, rig, mapping, _blender(task), tell)
    return {"rig": work["rig"], "format": work["word"], "options": asdict(options), "warnings": warnings}


def _render(task: Task, store: Store, tell: Tell) -> dict[str, Any]:
    """Make ready what the chunks need; the client then hands them out."""
    from mmface_core.take import Take
    from retarget.performance import performance_of
    from retarget.pipeline import motion_for
    from retarget.rendering import begin, plan_render

    work, options = task.work, _options(task)
    rendering = options.rendering()
    assert rendering is not None
    rig, take = Path(work["rig"]), Take.load(store.out / work["take"])
    performance = performance_of(take, options.settings())
    mapped = mapped_rig(rig, options.head, options.map_options(), _blender(task))
    folder = store.inner / "render"
    folder.mkdir(parents=True, exist_ok=True)
    motion = folder / f"{task.key[:24]}.json"
    plan = plan_render(
        rig, mapped, motion_for(mapped, performance, options.head, options.settings().layer), motion, rendering
    )
    begin(store.out / work["frames"], plan)
    return {
        "plan": asdict(plan),
        "sound": take.source if len(take) > 1 and Path(take.source).is_file() else None,
        "sound_start": 1 + options.start - performance.start,
        "frames": performance.frame_count,
    }


def render_plan(record: dict[str, Any]) -> Any:
    """The plan in the record of a render task."""
    from retarget.rendering import RenderPlan

    data = dict(record["plan"])
    data["frames"] = tuple(data["frames"])
    data["rate"] = tuple(data["rate"]) if data["rate"] else None
    if data["options"]["size"]:
        data["options"]["size"] = tuple(data["options"]["size"])
    return RenderPlan(**data)


def _chunk(task: Task, store: Store, tell: Tell) -> dict[str, Any]:
    from retarget.rendering import render_chunk

    frames = range(*task.work["span"])
    done = render_chunk(render_plan(task.work["record"]), frames, store.out / task.work["frames"], _blender(task), tell)
    return {"frames": done}


def _encode(task: Task, store: Store, tell: Tell) -> dict[str, Any]:
    from retarget.rendering import encode_frames

    record, work = task.work["record"], task.work
    sound = Path(record["sound"]) if record["sound"] else None
    heard = encode_frames(
        render_plan(record),
        store.out / work["frames"],
        store.out / work["video"],
        _blender(task),
        sound,
        record["sound_start"],
        tell,
    )
    return {"sound": heard}


STAGES: dict[str, Callable[[Task, Store, Tell], dict[str, Any]]] = {
    "capture": _capture,
    "piece": _piece,
    "join": _join,
    "retarget": _retarget,
    "export": _export,
    "render": _render,
    "chunk": _chunk,
    "encode": _encode,
}
