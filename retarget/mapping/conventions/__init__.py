"""The naming conventions of rigs, one module of pure data each. `CONVENTIONS` lists them, finer ones first."""

from typing import Final

from mmface_core.errors import UserError
from retarget.mapping.conventions import (
    arkit,
    character_creator,
    emotions,
    facecap,
    faceit,
    facewarehouse,
    facs,
    makehuman,
    metahuman,
    mmd,
    readyplayerme,
    rigify,
    visemes_microsoft,
    visemes_oculus,
    vrm,
)
from retarget.mapping.conventions.table import KINDS, Convention

__all__ = ["CONVENTIONS", "Convention", "convention", "preset_names"]

CONVENTIONS: Final[tuple[Convention, ...]] = tuple(
    sorted(
        (
            *arkit.CONVENTIONS,
            *character_creator.CONVENTIONS,
            *metahuman.CONVENTIONS,
            *facewarehouse.CONVENTIONS,
            *facs.CONVENTIONS,
            *makehuman.CONVENTIONS,
            *readyplayerme.CONVENTIONS,
            *rigify.CONVENTIONS,
            *vrm.CONVENTIONS,
            *mmd.CONVENTIONS,
            *visemes_oculus.CONVENTIONS,
            *visemes_microsoft.CONVENTIONS,
            *emotions.CONVENTIONS,
            # The same names as above by other makers: they name a preset, and are never what a rig is recognised as.
            *faceit.CONVENTIONS,
            *facecap.CONVENTIONS,
        ),
        key=lambda known: KINDS.index(known.kind),
    )
)


def preset_names() -> tuple[str, ...]:
    """The names that `--preset` takes."""
    return tuple(dict.fromkeys(known.name for known in CONVENTIONS))


def convention(name: str) -> tuple[Convention, ...]:
    """The tables of one preset. Raises UserError where there is none of that name."""
    found = tuple(known for known in CONVENTIONS if known.name == name)
    if not found:
        raise UserError(f"There is no preset {name}; give one of {', '.join(preset_names())}.")
    return found
