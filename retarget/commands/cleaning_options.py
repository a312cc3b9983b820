"""The options that say how a take becomes curves, for every command that makes curves: `settings` is what they amount
to.

@cleaning_options
def command(..., settings: Settings) -> None: ...
"""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from retarget.performance import Settings

_CLEANING = (
    click.option(
        "--smooth", type=click.FloatRange(0, 1), default=0.4, show_default=True, help="Smoothing over time; 0 is off."
    ),
    click.option(
        "--no-smooth",
        is_flag=True,
        help="No smoothing and no cleaning; the resting face is still the zero (--no-clean leaves that out, too).",
    ),
    click.option(
        "--smooth-region",
        "smooth_regions",
        multiple=True,
        metavar="REGION=STRENGTH",
        help="Another strength for mouth, eyes, brows or head; several may be given.",
    ),
    click.option("--neutral", metavar="FRAME|A-B|auto|off", help="Where the face rests; default: the take's, or auto."),
    click.option(
        "--range",
        "range_",
        type=click.Choice(["auto", "off"]),
        help="Stretch the person's largest movements to 1; default: the take's, or off.",
    ),
    click.option("--clean/--no-clean", default=True, help="All cleaning, or none: raw curves."),
    click.option("--outliers/--no-outliers", default=True, help="Bridge frames in which tracking jumped away."),
    click.option("--pairs/--no-pairs", default=True, help="Opposite units (smile, frown) never show together."),
    click.option(
        "--symmetry",
        type=click.FloatRange(0, 1),
        default=0.5,
        show_default=True,
        help="Even out small differences of left and right; 0 is off.",
    ),
    click.option("--blinks/--no-blinks", default=True, help="Blinks close fully and quickly."),
    click.option("--lips/--no-lips", default=True, help="Lips meet for p, b and m."),
    click.option(
        "--lost",
        type=click.Choice(["ease", "hold", "cut"]),
        default="ease",
        show_default=True,
        help="While no face is seen: ease to rest, hold the last pose, or cut (no keys).",
    ),
)
_PLACING = (
    click.option("--fps", type=click.FloatRange(1, 1000), help="Frame rate of the curves; default: the clip's own."),
    click.option(
        "--from", "first", metavar="MOMENT", help="First moment kept: a frame (120) or a time (4.5s, 1:02.5)."
    ),
    click.option("--to", "last", metavar="MOMENT", help="Last moment kept."),
    click.option("--start", type=int, default=1, show_default=True, help="Blender's frame for the first picture kept."),
    click.option(
        "--only",
        multiple=True,
        type=click.Choice(["mouth", "eyes", "brows", "head"]),
        help="Move only this part of the face; several may be given.",
    ),
    click.option("--nla", is_flag=True, help="Add the action to the rig's own animation, as a strip on an NLA track."),
    click.option(
        "--reduce",
        "tolerance",
        type=click.FloatRange(0, 0.5),
        default=0.0,
        show_default=True,
        help="Fewer keys: how far (in weight) a curve may differ. 0 keys every frame.",
    ),
)


def cleaning_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as one argument, `settings`."""
    return _with_settings(command, (*_CLEANING, *_PLACING))


def live_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`cleaning_options` without those that place curves on Blender's frames, for commands that write none."""
    return _with_settings(command, _CLEANING)


def _with_settings(command: Callable[..., Any], options: tuple[Callable[..., Any], ...]) -> Callable[..., Any]:
    @functools.wraps(command)
    def with_settings(*args: Any, **given: Any) -> Any:
        own = {name: given.pop(name) for name in _NAMES if name in given}
        return command(*args, settings=settings_of(**own), **given)

    for option in reversed(options):
        with_settings = option(with_settings)
    return with_settings


_NAMES = (
    *("smooth", "no_smooth", "smooth_regions", "neutral", "range_", "clean", "outliers", "pairs", "symmetry", "blinks"),
    *("lips", "lost", "fps", "first", "last", "start", "only", "nla", "tolerance"),
)


def settings_of(
    *,
    smooth: float,
    no_smooth: bool,
    smooth_regions: tuple[str, ...],
    neutral: str | None,
    range_: str | None,
    clean: bool,
    outliers: bool,
    pairs: bool,
    symmetry: float,
    blinks: bool,
    lips: bool,
    lost: str,
    fps: float | None = None,
    first: str | None = None,
    last: str | None = None,
    start: int = 1,
    only: tuple[str, ...] = (),
    nla: bool = False,
    tolerance: float = 0.0,
) -> "Settings":
    """What the options amount to. Raises UserError for words that mean nothing."""
    # Imported here so that --help answers at once.
    from retarget.calibration import parse_neutral
    from retarget.cleaning import RAW, Cleaning
    from retarget.gaps import GapPolicy
    from retarget.layers import Layer
    from retarget.performance import Settings
    from retarget.timing import Span, parse_moment

    raw = no_smooth or not clean
    span = None
    if first is not None or last is not None:
        span = Span(parse_moment(first) if first else None, parse_moment(last) if last else None)
    return Settings(
        smooth=0.0 if raw else smooth,
        start=start,
        gaps=GapPolicy(lost=lost),
        neutral=parse_neutral(neutral) if neutral is not None else ("off" if not clean else None),
        range=range_ if range_ is not None or clean else "off",
        regions={} if raw else dict(_region_strength(text) for text in smooth_regions),
        cleaning=RAW if raw else Cleaning(outliers, pairs, symmetry, blinks, lips),
        fps=fps,
        span=span,
        layer=Layer(only, nla, tolerance),
    )


def _region_strength(text: str) -> tuple[str, float]:
    from mmface_core.errors import UserError
    from retarget.regions import check_regions

    region, _, strength = text.partition("=")
    check_regions((region,))
    try:
        value = float(strength)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UserError(f"--smooth-region {text}: give REGION=STRENGTH with a strength from 0 to 1, such as mouth=0.2.")
    return region, value
