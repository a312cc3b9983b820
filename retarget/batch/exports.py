"""What a job may be exported as: the formats of `mmface convert`, each under one word, and their files' names."""

import os
import shutil
from pathlib import Path

from mmface_core.errors import UserError
from mmface_core.whole_file import unfinished_path
from retarget.blender import Blender
from retarget.exchange.convert import FORMATS, convert
from retarget.mapping.map_rig import MapOptions
from retarget.performance import Settings
from retarget.pipeline import Progress

_MADE_ANYWAY = frozenset({"take", ".blend"})  # by every job, under names of their own


def _kinds() -> dict[str, tuple[str, str]]:
    """Word -> (format, ending). A format of one ending goes by its own name, of several by those of the endings."""
    kinds: dict[str, tuple[str, str]] = {}
    for name, endings in FORMATS.items():
        for ending in endings:
            if not {name, ending} & _MADE_ANYWAY:
                kinds[name if len(endings) == 1 else ending.removeprefix(".")] = (name, ending)
    return kinds


KINDS = _kinds()


def export_words(text: str) -> tuple[str, ...]:
    """`glb|livelink` as words, each once and in one order. Raises UserError for a word that is no format."""
    words = [part.strip().lower() for part in text.replace(",", "|").split("|") if part.strip()]
    for word in words:
        if word not in KINDS:
            raise UserError(f"{word!r} is nothing that can be exported; known are {', '.join(KINDS)}.")
    return tuple(word for word in KINDS if word in words)


def shows_rig(word: str) -> bool:
    """Whether an export is a rig that moves, and so one for each rig of a clip."""
    return KINDS[word][0] == "scene"


def export_name(stem: str, word: str) -> str:
    """The file (of meshes: the folder) of an export: STEM.glb, STEM.livelink.csv, STEM.obj_frames."""
    name, ending = KINDS[word]
    if name == "scene":
        return f"{stem}{ending}"
    if name == "mesh":
        return f"{stem}.{word}_frames"
    # STEM.json are a rig's curves, and STEM.csv says nothing of what is in it.
    return f"{stem}.{name}{ending}" if f".{name}" != ending else f"{stem}.weights{ending}"


def export(
    take: Path,
    word: str,
    target: Path,
    settings: Settings,
    head: str,
    rig: Path | None,
    mapping: MapOptions,
    blender: Blender,
    progress: Progress | None = None,
) -> list[str]:
    """Write a take as `target`, whole or not at all; returns warnings. Raises UserError.

    rig, mapping: the rig that a scene shows, and how the channels find it.
    """
    name, ending = KINDS[word]
    if name != "mesh":
        said = convert(
            take,
            target,
            rig=rig,
            named=name,
            settings=settings,
            head=head,
            options=mapping,
            blender=blender,
            progress=progress,
        )
        return [note.removeprefix("Note: ") for note in said[1:]]
    making = unfinished_path(target)
    making.mkdir()
    try:
        convert(take, making / f"{take.stem}{ending}", named=name, settings=settings)
        if target.is_dir():
            shutil.rmtree(target)  # of other inputs; gone entirely before the new one comes
        os.replace(making, target)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return []
