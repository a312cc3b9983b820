"""What a batch is to do: a CSV, a TOML, or a folder, read into jobs; every mistake is named with its place."""

import csv
import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from mmface_core.errors import UserError
from retarget.batch.exports import export_words, shows_rig
from retarget.capturing import face_choice
from retarget.gaps import LOST_MODES, GapPolicy
from retarget.mapping.bones import NECK_SHARE
from retarget.mapping.map_rig import MapOptions
from retarget.performance import Settings
from retarget.pipeline import RIG_KINDS
from retarget.rendering import RenderOptions
from retarget.turning import HEAD_MODES

VIDEO_KINDS = frozenset({".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".wmv", ".mpg", ".mpeg", ".mts"})
MOST_BYTES = 64 << 20  # of a job file: a million lines
MOST_JOBS = 1_000_000
NO_RIG: list[Path | None] = [None]  # capture only


@dataclass(frozen=True)
class Options:
    """What a job may ask for; the columns of a CSV and the keys of a TOML. None: the default of mmface-retarget.

    mapping: a mapping file in place of any finding; map_by, preset, neck: how to find, as of mmface-retarget.
    identity False: takes without the face's own shape. motion: also the curves as .json. preview: also an .mp4 of the
    clip beside the avatar. render: also an .mp4 by this engine, in `size` ("1280x720", "scene") with `samples` from
    `camera` ("head", "scene"); transparent: frames with alpha and no .mp4. export: also these words of
    `retarget.batch.exports.KINDS`, several with | between them.
    """

    face: str = "largest"
    smooth: float | None = None
    head: str = "absolute"
    start: int = 1
    neutral: int | None = None
    lost: str = "ease"
    mapping: str = ""
    map_by: str = "both"
    preset: str = ""
    neck: float = NECK_SHARE
    identity: bool = True
    motion: bool = False
    preview: bool = False
    render: str = ""
    size: str = "720x720"
    samples: int = 0
    camera: str = "head"
    transparent: bool = False
    export: str = ""

    @property
    def exports(self) -> tuple[str, ...]:
        """The words of `export`."""
        return export_words(self.export)

    def settings(self) -> Settings:
        """The part that `retarget.performance` knows."""
        known: dict[str, Any] = {"start": self.start, "neutral": self.neutral, "gaps": GapPolicy(lost=self.lost)}
        if self.smooth is not None:
            known["smooth"] = self.smooth
        return Settings(**known)

    def map_options(self) -> MapOptions:
        """The part that `retarget.mapping` knows."""
        return MapOptions(self.map_by, self.preset or None, Path(self.mapping) if self.mapping else None, self.neck)

    def rendering(self) -> RenderOptions | None:
        """The part that `retarget.rendering` knows; None where nothing is rendered."""
        if not self.render:
            return None
        size = None
        if self.size != "scene":
            width, _, height = self.size.lower().partition("x")
            if not width.isdecimal() or not height.isdecimal():
                raise UserError(f"{self.size!r} is no size; say for example 1280x720, or scene.")
            size = (int(width), int(height))
        return RenderOptions(self.render, size, self.samples, self.camera, self.transparent)  # type: ignore[arg-type]

    def check(self) -> None:
        """Raises UserError where a value makes no sense."""
        face_choice(self.face)
        if self.head not in HEAD_MODES:
            raise UserError(f"head is {self.head!r}; give one of {', '.join(HEAD_MODES)}.")
        if self.lost not in LOST_MODES:
            raise UserError(f"lost is {self.lost!r}; give one of {', '.join(LOST_MODES)}.")
        if self.smooth is not None and not 0 <= self.smooth <= 1:
            raise UserError(f"smooth is {self.smooth}; give a number from 0 to 1.")
        self.map_options().check_words()
        self.rendering()
        export_words(self.export)


@dataclass(frozen=True)
class Job:
    """One clip on one rig. rig None: capture only."""

    clip: Path
    rig: Path | None
    options: Options = field(default_factory=Options)


def read_jobs(spec: Path, rigs: Sequence[Path] = (), defaults: Options | None = None) -> list[Job]:
    """The jobs of a .csv, of a .toml or of a folder, each clip on each of its rigs.

    rigs: those of clips that name none. defaults: options where a job gives none. Paths in a file are meant from its
    folder. Raises UserError, naming the line, where something is not understood; files that are missing are no error
    here: they are for the one job's report.
    """
    defaults = defaults or Options()
    defaults.check()
    for rig in rigs:
        _check_rig(rig, "--rigs")
    if spec.is_dir():
        clips = folder_clips(spec)
        if not clips:
            raise UserError(f"The folder {spec} holds no videos and no takes.")
        jobs = [Job(clip, rig, defaults) for clip in clips for rig in (list(rigs) or NO_RIG)]
        _check_exports(jobs, str(spec))
    elif spec.suffix.lower() == ".csv":
        jobs = _jobs_of(_csv_rows(spec), spec, rigs, defaults)
    elif spec.suffix.lower() == ".toml":
        jobs = _jobs_of(_toml_rows(spec), spec, rigs, defaults)
    elif spec.exists():
        raise UserError(f"{spec} is no list of jobs; give a .csv, a .toml, or a folder of clips.")
    else:
        raise UserError(f"There is no file {spec}.")
    if not jobs:
        raise UserError(f"{spec} names no clips.")
    return list(dict.fromkeys(jobs))


def folder_clips(folder: Path) -> list[Path]:
    """The videos and takes of a folder by name."""
    kinds = VIDEO_KINDS | {".npz"}
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in kinds and p.is_file() and p.name[0] != ".")


def _check_rig(rig: Path, place: str) -> None:
    if rig.suffix.lower() not in RIG_KINDS:
        raise UserError(f"{place}: {rig} is not a rig: give a .blend, .glb, .gltf or .fbx file.")


def _check_exports(jobs: Sequence[Job], place: str) -> None:
    """What shows a moving rig needs one."""
    for job in jobs:
        scenes = [word for word in job.options.exports if shows_rig(word)]
        if scenes and job.rig is None:
            raise UserError(f"{place}: {job.clip} has no rig that {' or '.join(scenes)} could show; name one.")


def _text(spec: Path) -> str:
    try:
        if spec.stat().st_size > MOST_BYTES:
            raise UserError(f"{spec} is larger than {MOST_BYTES >> 20} MB; that is no list of jobs.")
        return spec.read_text(encoding="utf-8-sig")  # spreadsheets begin their CSV with a byte order mark
    except UnicodeDecodeError as error:
        raise UserError(f"{spec} is not text in UTF-8 ({error.reason} at byte {error.start}).") from error
    except OSError as error:
        raise UserError(f"{spec} cannot be read ({error.strerror or error}).") from error


def _csv_rows(spec: Path) -> Iterable[tuple[str, Mapping[str, Any]]]:
    text = _text(spec)
    if "\0" in text:
        raise UserError(f"{spec} is not a CSV: it holds zero bytes.")
    head = text.splitlines()[0] if text.strip() else ""
    separator = max(",;\t", key=head.count)
    try:
        reader = csv.DictReader(text.splitlines(), delimiter=separator, strict=True)
        for row in reader:
            place = f"{spec}, line {reader.line_num}"
            if None in row or any(value is None for value in row.values()):
                raise UserError(f"{place}: it has another number of fields than the first line.")
            given = {key.strip(): value.strip() for key, value in row.items()}
            if any(given.values()):
                yield place, {key: value for key, value in given.items() if value}
    except csv.Error as error:
        raise UserError(f"{spec} is not a CSV that can be read ({error}).") from error


def _toml_rows(spec: Path) -> Iterable[tuple[str, Mapping[str, Any]]]:
    try:
        data = tomllib.loads(_text(spec))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(f"{spec} is not TOML ({error or 'too deep'}).") from error
    shared = data.pop("defaults", {})
    entries = data.pop("job", [])
    if data:
        raise UserError(f"{spec}: {', '.join(data)} means nothing; give [defaults] and [[job]] tables.")
    if not isinstance(shared, dict) or not isinstance(entries, list):
        raise UserError(f"{spec}: give one [defaults] table and [[job]] tables.")
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            raise UserError(f"{spec}, job {number}: it is not a table.")
        yield f"{spec}, job {number}", {**shared, **entry}


def _jobs_of(
    rows: Iterable[tuple[str, Mapping[str, Any]]], spec: Path, rigs: Sequence[Path], defaults: Options
) -> list[Job]:
    jobs: list[Job] = []
    for place, row in rows:
        given = dict(row)
        clips = _paths(given.pop("clip", None), spec.parent, place)
        if not clips:
            raise UserError(f"{place}: it names no clip.")
        own = _paths(given.pop("rig", None), spec.parent, place) + _paths(given.pop("rigs", None), spec.parent, place)
        for rig in own:
            _check_rig(rig, place)
        if "mapping" in given:
            named = _paths(given["mapping"], spec.parent, place)
            if len(named) != 1:
                raise UserError(f"{place}: mapping is {given['mapping']!r}; give one file.")
            given["mapping"] = str(named[0])
        try:
            options = options_of(given, defaults)
        except UserError as error:
            raise UserError(f"{place}: {error}") from error
        found = [c for clip in clips for c in (folder_clips(clip) if clip.is_dir() else [clip])]
        asked = [Job(clip, rig, options) for clip in found for rig in (own or list(rigs) or NO_RIG)]
        _check_exports(asked, place)
        jobs += asked
        if len(jobs) > MOST_JOBS:
            raise UserError(f"{spec} names more than {MOST_JOBS} jobs; divide it.")
    return jobs


def _paths(value: Any, folder: Path, place: str) -> list[Path]:
    """A path, a list of paths, or several with | between them; relative ones from `folder`."""
    if value is None:
        return []
    parts = value.split("|") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise UserError(f"{place}: {value!r} is not a path.")
    if any("\0" in part for part in parts):
        raise UserError(f"{place}: a path holds a zero byte.")
    return [folder / Path(part.strip()).expanduser() for part in parts if part.strip()]


def options_of(given: Mapping[str, Any], defaults: Options) -> Options:
    """The options with those given; text is understood as a CSV has it. Raises UserError for what is none."""
    kinds = {f.name: getattr(f.type, "__name__", str(f.type)) for f in fields(Options)}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in kinds:
            near = difflib.get_close_matches(str(name), kinds, 1)
            hint = f"; do you mean {near[0]}?" if near else f"; known are clip, rig, {', '.join(kinds)}."
            raise UserError(f"there is no option {name!r}{hint}")
        if name == "export" and isinstance(value, list):  # as TOML has several
            value = "|".join(map(str, value))
        values[name] = _value(name, value, kinds[name])
    options = replace(defaults, **values)
    options.check()
    return options


_YES = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _value(name: str, value: Any, kind: str) -> Any:
    try:
        if kind == "bool":
            return value if isinstance(value, bool) else _YES[str(value).lower()]
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError
        if kind.startswith("int"):
            return int(str(value))
        if kind.startswith("float"):
            return float(value)
        return str(value)
    except (ValueError, KeyError) as error:
        wanted = {"bool": "yes or no", "int": "a whole number", "floa": "a number"}.get(kind[:4].strip(" |"), "a word")
        raise UserError(f"{name} is {value!r}; give {wanted}.") from error
