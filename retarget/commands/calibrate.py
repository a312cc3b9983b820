"""`mmface calibrate`: find a person's neutral and range, and keep them in their takes."""

from dataclasses import replace
from pathlib import Path

import click


@click.command()
@click.argument("takes", nargs=-1, required=True, metavar="TAKE...", type=click.Path(path_type=Path))
@click.option(
    "--neutral",
    metavar="FRAME|A-B|auto|off",
    help="Where the face rests: a frame, a stretch, the most frequent calm pose (auto), or no calibration. "
    "[default: auto; of --from what it stores]",
)
@click.option(
    "--range",
    "range_",
    type=click.Choice(["auto", "off"]),
    help="auto: the largest movements in the take count as 1, for a take in which the person shows them. "
    "[default: off; of --from what it stores]",
)
@click.option(
    "--from",
    "model",
    type=click.Path(path_type=Path),
    help="Another take of the same person, whose neutral and range are used.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write here instead of into the TAKE itself.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def calibrate(
    takes: tuple[Path, ...], neutral: str | None, range_: str | None, model: Path | None, output: Path | None
) -> None:
    """Store in each TAKE what counts as the resting face, and as the full movement.

    Nothing that was captured changes: what is stored is used by whatever makes curves of the take, unless told
    otherwise there, and `--neutral off` takes it out again.
    """
    from mmface_core.errors import UserError
    from mmface_core.take import Take
    from retarget.calibration import CalibrationPolicy, parse_neutral
    from retarget.storing import calibrated, calibration_for, describe, without_calibration

    if output is not None and len(takes) > 1:
        raise UserError(f"{len(takes)} takes do not fit into the one file {output}; leave -o out.")
    policy = CalibrationPolicy(parse_neutral(neutral) if neutral else None, range_)
    found = calibration_for(Take.load(model), policy) if model else None
    policy = replace(policy, neutral="auto" if policy.neutral is None else policy.neutral, range=range_ or "off")
    for path in takes:
        take = Take.load(path)
        if found is None and policy == CalibrationPolicy("off", "off"):
            without_calibration(take).save(output or path)
            click.echo(f"{output or path}: no calibration.")
            continue
        own = found or calibration_for(take, policy)
        calibrated(take, own).save(output or path)
        click.echo(f"{output or path}: {describe(own)}")
