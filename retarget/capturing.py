"""The take of one face: captured from a video, a picture, a folder of pictures or a webcam, or read from a file."""

from collections.abc import Callable
from pathlib import Path

from mmface_core.capture.stages import NO_STAGES, Stages
from mmface_core.commands.webcam_option import WEBCAM_SECONDS
from mmface_core.errors import UserError
from mmface_core.take import Take
from retarget.exchange.takes import is_take, open_take

Progress = Callable[[str, int, int], None]


def face_choice(face: str | int) -> str | int:
    """ "largest", or a face's number from 1. Raises UserError for anything else."""
    if str(face) == "largest":
        return "largest"
    if str(face).isdecimal() and int(face) > 0:
        return int(face)
    raise UserError(f"{face} is no choice of face; say largest, or a number from 1.")


def capture_one(
    source: Path,
    face: str | int,
    progress: Progress | None = None,
    stages: Stages = NO_STAGES,
    seconds: float = WEBCAM_SECONDS,
) -> Take:
    """The take of one face. progress is told ("capture", done, expected), expected 0 where unknown; stages counts where
    the time goes; seconds: how long a webcam is read.

    Raises UserError where the source cannot be read, shows no face, or has fewer faces than asked for.
    """
    which = face_choice(face)
    # The network's libraries take seconds to import, which a take as input should not cost.
    from mmface_core.capture.load import load_engine
    from mmface_core.capture.sources import open_source

    opened = open_source(source, sequence=True, seconds=seconds)
    with stages("load the network"):
        engine = load_engine(stages=stages)
    done = 0

    def count(*_: object) -> None:
        nonlocal done
        done += 1
        if progress:
            progress("capture", done, opened.expected or 0)

    return engine.capture(opened, which, count)[0]  # type: ignore[arg-type]


def take_of(
    source: Path,
    face: str | int,
    identity: bool = True,
    progress: Progress | None = None,
    stages: Stages = NO_STAGES,
    seconds: float = WEBCAM_SECONDS,
) -> Take:
    """The take that `source` is, or one captured from it; identity False: without the shape of the person's face.

    Raises UserError as `open_take` and `capture_one` do.
    """
    take = open_take(source) if is_take(source) else capture_one(source, face, progress, stages, seconds)
    if identity:
        return take
    from mmface_core.capture.load import load_engine

    return load_engine().without_identity(take)
