"""Captures one face of a video, a picture, a folder of pictures or a webcam, with the bundled network."""

from collections.abc import Callable
from pathlib import Path

from mmface_core.capture.stages import NO_STAGES, Stages
from mmface_core.errors import UserError
from mmface_core.take import Take

Progress = Callable[[str, int, int], None]


def face_choice(face: str | int) -> str | int:
    """ "largest", or a face's number from 1. Raises UserError for anything else."""
    if str(face) == "largest":
        return "largest"
    if str(face).isdigit() and int(face) > 0:
        return int(face)
    raise UserError(f"{face} is no choice of face; say largest, or a number from 1.")


def capture_one(source: Path, face: str | int, progress: Progress | None = None, stages: Stages = NO_STAGES) -> Take:
    """The take of one face. progress is told ("capture", done, expected), expected 0 where unknown; stages counts where
    the time goes.

    Raises UserError where the source cannot be read, shows no face, or has fewer faces than asked for.
    """
    which = face_choice(face)
    # The network's libraries take seconds to import, which a take as input should not cost.
    from mmface_core.capture.load import load_engine
    from mmface_core.capture.sources import open_source

    opened = open_source(source, sequence=True)
    with stages("load the network"):
        engine = load_engine(stages=stages)
    done = 0

    def count(*_: object) -> None:
        nonlocal done
        done += 1
        if progress:
            progress("capture", done, opened.expected or 0)

    return engine.capture(opened, which, count)[0]  # type: ignore[arg-type]
