"""From jobs to tasks: what is made from what, under which name, and a key that changes when any of it changes."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from mmface_core import __version__
from mmface_core.capture.sources import IMAGE_SUFFIXES, image_files
from mmface_core.errors import UserError
from mmface_core.paths import asset
from retarget.batch.exports import export_name, shows_rig
from retarget.batch.jobs import Job, Options
from retarget.exchange.takes import is_take

Stage = Literal["capture", "piece", "join", "retarget", "export", "render", "chunk", "encode"]
ASSETS = ("default_face.npz", "face_short.onnx", "face_full.onnx", "lite.onnx")  # what a capture depends on
# Raised when the same inputs and options would give another result.
RECIPE: dict[str, int] = {"capture": 2, "retarget": 2, "export": 1, "render": 2}
# Options that the curves of a take on Blender's frames depend on, whatever the rig.
CURVES = ("smooth", "start", "neutral", "lost")
# Those that a rig's curves depend on besides, beside the content of a mapping's file.
RIG_CURVES = ("head", "map_by", "preset", "neck")
LONGEST_NAME = 180  # bytes of a clip's or rig's name in an output's: with endings it stays below 255


@dataclass(frozen=True)
class Task:
    """One thing that is made whole or not at all.

    name: unique among a stage's, as people read it. key: hash of all that the result depends on. work: arguments for
    `retarget.batch.work`, plain data. outputs: files under the output folder. needs: ids of tasks that come before.
    """

    stage: Stage
    name: str
    key: str
    work: dict[str, Any]
    outputs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    cost: float = 1.0  # about how long it takes against others of its stage: frames

    @property
    def id(self) -> str:
        return f"{self.stage}:{self.name}"


@dataclass
class Plan:
    """All tasks by id, in an order in which each comes after what it needs; `refused`: jobs that cannot begin."""

    tasks: dict[str, Task] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)  # name -> sentence
    jobs: list[tuple[Job, str, tuple[str, ...]]] = field(default_factory=list)  # job, name, ids of its last tasks

    def add(self, task: Task) -> str:
        self.tasks.setdefault(task.id, task)
        return task.id


Fingerprint = Callable[[Path], str]


def make_plan(
    jobs: Sequence[Job],
    out: Path,
    fingerprint: Fingerprint,
    count_frames: Callable[[Path], int | None],
    piece: int,
    chunk: int,
    blender: dict[str, Any],
) -> Plan:
    """Tasks of the jobs under the folder `out`. fingerprint: hash of a file or folder. count_frames: about how many a
    clip has. piece: frames of a piece of a long clip; chunk: frames that one task renders.
    """
    plan = Plan()
    clip_names = unique_names([job.clip for job in jobs])
    rig_names = unique_names([job.rig for job in jobs if job.rig])
    engine = engine_key()
    variants = _variants(jobs)
    for job in jobs:
        clip_name = clip_names[job.clip]
        endings = variants[job]
        clip_label = clip_name + endings.take
        label = clip_label if job.rig is None else f"{clip_label} on {rig_names[job.rig]}{endings.rig}"
        sentence = _refusal(job, fingerprint)
        if sentence:
            plan.refused[label] = sentence
            plan.jobs.append((job, label, ()))
            continue
        take = f"{clip_name}/{clip_label}.npz"
        capture = _plan_capture(plan, job, clip_label, take, engine, fingerprint, count_frames, piece)
        last = [capture]
        stem = f"{clip_name}/{clip_label}"
        if job.rig is not None:
            stem += f"_{rig_names[job.rig]}{endings.rig}"
            last = _plan_rig(plan, job, label, stem, capture, fingerprint, chunk, blender, out)
        for word in job.options.exports:
            # What shows no rig is the same for all rigs of a clip, and made once.
            rig = job.rig if shows_rig(word) else None
            name = label if rig else f"{clip_label}{endings.curves}"
            target = export_name(stem if rig else f"{clip_name}/{name}", word)
            last.append(_plan_export(plan, job, rig, f"{name} as {word}", word, target, capture, fingerprint, blender))
        plan.jobs.append((job, label, tuple(last)))
    return plan


def _plan_capture(
    plan: Plan,
    job: Job,
    name: str,
    take: str,
    engine: str,
    fingerprint: Fingerprint,
    count_frames: Callable[[Path], int | None],
    piece: int,
) -> str:
    clip, options = job.clip, job.options
    given = is_take(clip)
    key = key_of("capture", fingerprint(clip), "" if given else engine, options.face, options.identity)
    work = {"clip": str(clip.resolve()), "face": options.face, "identity": options.identity, "take": take}
    frames = None if given or clip.is_dir() or clip.suffix.lower() in IMAGE_SUFFIXES else count_frames(clip)
    if not frames or frames < 2 * piece:
        task = Task("capture", name, key, work, (take,), cost=float(frames or 1))
        return plan.add(task)
    from mmface_core.capture.pieces import plan_pieces

    needs, files = [], []
    for part in plan_pieces(frames, piece):
        file = f".mmface/pieces/{key[:24]}/{part.number:05d}.npz"
        files.append(file)
        own_span = [part.number, part.start, part.stop, part.warm]
        own = {**work, "piece": own_span, "file": file}
        own_key = key_of("piece", key, *own_span)
        needs.append(plan.add(Task("piece", f"{name} {part.number}", own_key, own, (file,), cost=float(piece))))
    joined = {**work, "files": files}
    return plan.add(Task("join", name, key_of("join", key, piece), joined, (take,), tuple(needs), float(frames)))


def _plan_rig(
    plan: Plan,
    job: Job,
    name: str,
    stem: str,
    capture: str,
    fingerprint: Fingerprint,
    chunk: int,
    blender: dict[str, Any],
    out: Path,
) -> list[str]:
    assert job.rig is not None
    options = job.options
    task = plan.tasks[capture]
    about = _rig_options(options, fingerprint)
    key = key_of("retarget", task.key, fingerprint(job.rig), about, options.motion, options.preview)
    take = str(task.work["take"])
    work = {
        "take": take,
        "clip": str(job.clip.resolve()),
        "rig": str(job.rig.resolve()),
        "options": asdict(_with_whole_path(options)),
        "blend": f"{stem}.blend",
        "preview": f"{stem}.preview.mp4" if options.preview else None,
        "motion": f"{stem}.json" if options.motion else None,
        "blender": blender,
    }
    outputs = [work["blend"], work["preview"], work["motion"]]
    last = [plan.add(Task("retarget", name, key, work, tuple(str(o) for o in outputs if o), (capture,), task.cost))]
    rendering = options.rendering()
    if rendering is None:
        return last
    frames = f"{stem}.frames"
    own_key = key_of("render", key, asdict(rendering))
    shared = {**work, "frames": frames, "chunk": chunk}
    render = Task("render", name, own_key, shared, (f"{frames}/render.json",), (capture,), task.cost)
    last.append(plan.add(render))
    if not options.transparent:
        video = f"{stem}.mp4"
        encode = Task("encode", name, key_of("encode", own_key), {**shared, "video": video}, (video,), (render.id,))
        last.append(plan.add(encode))
    return last


def _plan_export(
    plan: Plan,
    job: Job,
    rig: Path | None,
    name: str,
    word: str,
    target: str,
    capture: str,
    fingerprint: Fingerprint,
    blender: dict[str, Any],
) -> str:
    """rig: the one that the export shows, None where it shows none."""
    task = plan.tasks[capture]
    shown = [fingerprint(rig), _rig_options(job.options, fingerprint)] if rig else []
    key = key_of("export", task.key, word, _curve_options(job.options), *shown)
    work = {
        "take": str(task.work["take"]),
        "rig": str(rig.resolve()) if rig else None,
        "options": asdict(_with_whole_path(job.options)),
        "word": word,
        "target": target,
        "blender": blender,
    }
    return plan.add(Task("export", name, key, work, (target,), (capture,), task.cost))


def _curve_options(options: Options) -> dict[str, Any]:
    return {name: value for name, value in asdict(options).items() if name in CURVES}


def _rig_options(options: Options, fingerprint: Fingerprint) -> dict[str, Any]:
    """All that a rig's curves depend on beside take and rig; of a mapping its content, wherever it lies."""
    rig = {name: value for name, value in asdict(options).items() if name in RIG_CURVES}
    return {**_curve_options(options), **rig, "mapping": fingerprint(Path(options.mapping)) if options.mapping else ""}


def _with_whole_path(options: Options) -> Options:
    """The options as another process finds their mapping."""
    return replace(options, mapping=str(Path(options.mapping).resolve()) if options.mapping else "")


@dataclass(frozen=True)
class _Endings:
    """What tells the outputs of one clip apart where it is asked for with several options; empty where it is not.

    take: of takes. rig: of what is made for a rig. curves: of exports that show no rig.
    """

    take: str
    rig: str
    curves: str


def _variants(jobs: Sequence[Job]) -> dict[Job, _Endings]:
    def take_part(options: Options) -> str:
        face = f".face{options.face}" if options.face != "largest" else ""
        return face + ("" if options.identity else ".noid")

    def curve_part(options: Options) -> str:
        return f".{key_of('curves', _curve_options(options))[:6]}"

    together: dict[tuple[Path, Path | None, str], list[Job]] = {}
    curves: dict[tuple[Path, str], set[str]] = {}
    for job in jobs:
        part = take_part(job.options)
        together.setdefault((job.clip, job.rig, part), []).append(job)
        curves.setdefault((job.clip, part), set()).add(curve_part(job.options))
    names: dict[Job, _Endings] = {}
    for (clip, _, part), group in together.items():
        for job in group:
            own = "" if len(group) == 1 else f".{key_of('options', asdict(job.options))[:6]}"
            names[job] = _Endings(part, own, curve_part(job.options) if len(curves[clip, part]) > 1 else "")
    return names


def _refusal(job: Job, fingerprint: Fingerprint) -> str:
    """Why a job cannot begin, or an empty string."""
    if not job.clip.exists():
        return f"There is no file {job.clip}."
    if job.rig is not None and not job.rig.is_file():
        return f"There is no file {job.rig}."
    try:
        job.options.map_options().check()
        for path in (job.clip, job.rig, Path(job.options.mapping) if job.options.mapping else None):
            if path is not None:
                fingerprint(path)
    except UserError as error:
        return str(error)
    return ""


def unique_names(paths: Sequence[Path]) -> dict[Path, str]:
    """A name for each path: its stem, with its ending or a hash of its folder where others have the same."""
    wanted = list(dict.fromkeys(paths))
    names = {path: safe_name(path.stem or path.name) for path in wanted}
    for longer in (
        lambda p: safe_name(p.stem + p.suffix.replace(".", "_")),
        lambda p: f"{safe_name(p.stem)}-{hashlib.sha256(os.fsencode(p.resolve())).hexdigest()[:6]}",
    ):
        counts: dict[str, int] = {}
        for name in names.values():
            counts[name.casefold()] = counts.get(name.casefold(), 0) + 1
        names = {path: longer(path) if counts[name.casefold()] > 1 else name for path, name in names.items()}
    return names


def safe_name(name: str) -> str:
    """A file name that every system takes: no separators, no control characters, not too long, never empty."""
    name = re.sub(r'[\x00-\x1f/\\:*?"<>|]', "_", name).strip(" .") or "clip"
    if len(os.fsencode(name)) > LONGEST_NAME // 2:
        short = hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
        kept = os.fsencode(name)[: LONGEST_NAME // 2 - 9].decode("utf-8", "ignore")
        name = f"{kept}-{short}"
    return name


def key_of(kind: str, *parts: Any) -> str:
    """Hash of a kind of work, its recipe and version, and what it depends on."""
    data = [kind, RECIPE.get(kind, 1), __version__, *parts]
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()


def engine_key() -> str:
    """Hash of the network, the detectors and the face model that a capture runs with."""
    digest = hashlib.sha256()
    for name in ASSETS:
        digest.update(asset(name).read_bytes())
    return digest.hexdigest()


def fingerprint_of(path: Path) -> str:
    """Hash of a file's content, or of all pictures of a folder. Raises UserError where it cannot be read."""
    digest = hashlib.sha256()
    try:
        for file in image_files(path) if path.is_dir() else [path]:
            if path.is_dir():
                digest.update(f"{file.name}\0{file.stat().st_size}\0".encode("utf-8", "surrogateescape"))
            with file.open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}).") from error
    return digest.hexdigest()
