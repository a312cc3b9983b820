"""`mmface rig`: understanding, mapping and completing rigs. Its subcommands are entry points of their own."""

import click

from mmface_core.cli import LazyGroup


@click.group(cls=LazyGroup, commands_from="mmface.rig")
def rig() -> None:
    """Look into a rig, map it, or give it the shape keys that it lacks."""
