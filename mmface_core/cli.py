"""The `mmface` command: finds its subcommands by entry point, and turns errors into exit statuses in one place.

Exit statuses: 0 done, 1 a fault of ours (with a traceback), 2 a user's error (one sentence), 130 stopped by Ctrl-C or
by a polite request to end (SIGTERM).
"""

import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from mmface_core import __version__
from mmface_core.errors import UserError


class LazyGroup(click.Group):
    """A group that imports a subcommand's module only when it is asked for, so that `--help` stays quick.

    Its subcommands are the entry points of the group `commands_from`, so that a folder above this one can add to it.
    """

    def __init__(self, *args: Any, commands_from: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._commands_from = commands_from

    def _entry_points(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self._commands_from)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._entry_points())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        point = self._entry_points().get(cmd_name)
        return point.load() if point else None


@click.group(cls=LazyGroup, commands_from="mmface.commands", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mmface")
def mmface() -> None:
    """Drive face rigs in Blender from photos and video of a real face."""


def run(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run `command` and return the exit status; with `--debug` a user's error shows its traceback."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _stop)
    try:
        # Not standalone: click would otherwise exit by itself, and Ctrl-C would be status 1.
        result = command.main(args=[a for a in arguments if a != "--debug"], standalone_mode=False)
        return result if isinstance(result, int) else 0
    except UserError as error:
        if debug:
            traceback.print_exc()
        click.echo(f"Error: {error}", err=True)
        return 2
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return 130


def _stop(*_: object) -> None:
    """A polite request to end is treated like Ctrl-C, so that nothing unfinished stays behind."""
    raise KeyboardInterrupt


def main() -> None:
    """Entry point of the `mmface` command."""
    sys.exit(run(mmface))
