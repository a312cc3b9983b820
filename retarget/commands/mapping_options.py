"""The options that say how a rig is mapped, for every command that drives one: `mapping` is what they amount to.

@mapping_options
def command(..., mapping: MapOptions) -> None: ...
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_OPTIONS = (
    click.option(
        "--mapping",
        "mapping_file",
        type=click.Path(path_type=Path),
        help="Use this mapping (.json), as `mmface rig map` writes it, and find nothing.",
    ),
    click.option(
        "--map-by",
        type=click.Choice(["names", "geometry", "both"]),
        default="both",
        show_default=True,
        help="Find keys by their names, by how they move the face, or by names and, where these fail, by movement.",
    ),
    click.option(
        "--preset",
        metavar="NAME",
        help="Read the keys' names in this convention alone; `mmface rig presets` lists them.",
    ),
    click.option(
        "--neck",
        type=click.FloatRange(0, 1),
        default=0.4,
        show_default=True,
        help="The neck's part of the head's turn, where there is a neck bone.",
    ),
)


def mapping_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options, and the `MapOptions` that they amount to as its argument `mapping`."""

    @functools.wraps(command)
    def wrapped(
        *args: Any, mapping_file: Path | None, map_by: str, preset: str | None, neck: float, **kwargs: Any
    ) -> Any:
        from retarget.mapping.map_rig import MapOptions

        return command(*args, mapping=MapOptions(map_by, preset, mapping_file, neck), **kwargs)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped
