"""`mmface rig inspect`: what a rig has, before anything is done to it."""

import json
from pathlib import Path

import click


@click.command()
@click.argument("rig", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, for programs.")
@click.option("--keys", is_flag=True, help="List every key with what it means, its range and its state.")
@click.option("--blender", "program", help="A Blender program to use in place of the bpy module.")
@click.option("--timeout", type=click.FloatRange(min=1), default=300.0, show_default=True, help="Seconds of silence.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def inspect(rig: Path, as_json: bool, keys: bool, program: str | None, timeout: float) -> None:
    """Say what RIG (.blend, .glb, .gltf, .fbx) has: keys, bones, which way it faces, and what is wrong with it."""
    from retarget.blender import Blender
    from retarget.inspection import inspect_rig
    from retarget.pipeline import check_rig, describe_rig

    check_rig(rig)
    described, warnings = describe_rig(rig, Blender(program, timeout))
    found = inspect_rig(described, rig.name, warnings)
    click.echo(json.dumps(found.to_json(), indent=1, ensure_ascii=False) if as_json else "\n".join(found.lines(keys)))
