"""`mmface stream`: a take or a webcam to avatar programs, live."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retarget.commands.cleaning_options import live_options

if TYPE_CHECKING:
    from retarget.mapping.schema import Mapping
    from retarget.performance import Settings


@click.command()
@click.argument("source", metavar="TAKE|WEBCAM")
@click.option("--to", "address", default="127.0.0.1:39539", show_default=True, help="HOST:PORT that listens to VMC.")
@click.option("--loop", is_flag=True, help="Play a take again and again.")
@click.option(
    "--calibrated-by",
    type=click.Path(path_type=Path),
    help="A take of the person in front of the webcam, in which `mmface calibrate` stored their resting face.",
)
@click.option(
    "--mapping",
    "mapping_file",
    type=click.Path(path_type=Path),
    help="Send the keys of this mapping (.json, by `mmface rig map AVATAR`) in place of the 52 units.",
)
@live_options
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def stream(
    source: str,
    address: str,
    loop: bool,
    calibrated_by: Path | None,
    mapping_file: Path | None,
    quiet: bool,
    settings: "Settings",
) -> None:
    """Send the face in a take (.npz, .csv, .txt) or before a webcam (its number) by the VMC protocol.

    VSeeFace, Warudo, VNyan and others listen to it, and anything that understands OSC. A take is sent at its own speed;
    stop with Ctrl-C.
    """
    from retarget.exchange.osc import Sender, parse_address
    from retarget.exchange.stream import frames_of, send

    host, port = parse_address(address)
    mapping = sendable_mapping(mapping_file) if mapping_file else None
    with Sender(host, port) as sender:
        frames = frames_of(source, settings, loop, calibrated_by)
        if not quiet:
            click.echo(f"Sending {source} to {host}:{port}; Ctrl-C stops.", err=True)

        def told(count: int, seen: bool) -> None:
            if not quiet and sys.stderr.isatty() and count % 15 == 0:
                click.echo(f"\r{count} frames{'' if seen else ', no face'}".ljust(40), nl=False, err=True)

        count = send(frames, sender, told, mapping)
    if not quiet:
        click.echo(f"{count} frames sent.")


def sendable_mapping(path: Path) -> "Mapping":
    """A mapping with keys to send. Raises UserError where it has none, or is none."""
    from mmface_core.errors import UserError
    from retarget.mapping.schema import load_mapping

    mapping = load_mapping(path)
    if not any(channel.keys and not channel.mute for channel in mapping.channels):
        raise UserError(f"{path} drives no shape keys, and only those can be sent by name.")
    return mapping
