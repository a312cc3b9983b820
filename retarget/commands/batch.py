"""`mmface batch`: many clips onto many rigs, unattended."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retarget.commands.mapping_options import mapping_options

if TYPE_CHECKING:
    from retarget.mapping.map_rig import MapOptions


@click.command()
@click.argument("jobs", type=click.Path(path_type=Path), metavar="JOBS.csv|JOBS.toml|FOLDER")
@click.option("--rigs", multiple=True, type=click.Path(path_type=Path), help="A rig, or a folder of rigs; repeatable.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The folder for all results.")
@click.option("--workers", type=click.IntRange(1), help="Processes on this machine [default: sized to it].")
@click.option("--scheduler", metavar="tcp://...", help="A running Dask cluster that shares the files.")
@click.option("--gpus", is_flag=True, help="One process for each CUDA device.")
@click.option("--retries", type=click.IntRange(0), default=3, show_default=True, help="Dying workers a task may have.")
@click.option("--preview", is_flag=True, help="Also an .mp4 of each clip beside its avatar.")
@click.option("--motion", is_flag=True, help="Also the curves of each result as .json.")
@click.option(
    "--export",
    "exports",
    multiple=True,
    metavar="FORMAT",
    help="Also write each result for another tool: livelink, facecap, csv, json, obj, ply, glb, fbx, usd; repeatable.",
)
@click.option("--render", type=click.Choice(["workbench", "eevee", "cycles"]), help="Also render each result.")
@click.option("--size", default="720x720", show_default=True, metavar="WxH|scene", help="Pixels of the render.")
@click.option("--samples", type=click.IntRange(0), default=0, help="Samples a pixel; 0 is the scene's own.")
@click.option("--camera", type=click.Choice(["head", "scene"]), default="head", show_default=True)
@click.option("--transparent", is_flag=True, help="Render frames with alpha in place of an .mp4.")
@click.option("--smooth", type=click.FloatRange(0, 1), help="Smoothing over time, as of mmface-retarget.")
@mapping_options
@click.option("--head", type=click.Choice(["absolute", "relative", "off"]), default="absolute", show_default=True)
@click.option("--face", default="largest", show_default=True, help="Which face: largest, 1, 2, ...")
@click.option("--no-identity", is_flag=True, help="Leave the person's face shape out of the takes.")
@click.option(
    "--piece", type=click.IntRange(60), default=1500, show_default=True, help="Frames of a long clip's pieces."
)
@click.option("--chunk", type=click.IntRange(1), default=25, show_default=True, help="Frames that one Blender renders.")
@click.option("--blender", "program", help="A Blender program to use in place of the bpy module.")
@click.option("--timeout", type=click.FloatRange(min=1), default=300.0, show_default=True, help="Seconds of silence.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Tell the progress as JSON lines.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def batch(
    jobs: Path,
    rigs: tuple[Path, ...],
    output: Path,
    workers: int | None,
    scheduler: str | None,
    gpus: bool,
    retries: int,
    preview: bool,
    motion: bool,
    exports: tuple[str, ...],
    render: str | None,
    size: str,
    samples: int,
    camera: str,
    transparent: bool,
    smooth: float | None,
    head: str,
    face: str,
    no_identity: bool,
    piece: int,
    chunk: int,
    program: str | None,
    timeout: float,
    quiet: bool,
    as_json: bool,
    mapping: MapOptions,
) -> int:
    """Capture every clip once, and put it onto every rig: takes, animated .blend files, previews, renders, a report.

    The same command again goes on where it was stopped, and redoes only what depends on changed inputs or options.
    Exit status 3 means that some jobs failed; the report says why.
    """
    from retarget.batch.cluster import DaskPool
    from retarget.batch.jobs import Options, read_jobs
    from retarget.batch.progress import JsonLines, Lines, Quiet, Table
    from retarget.batch.run import run_batch
    from retarget.batch.store import Store

    defaults = replace(
        Options(),
        face=face,
        smooth=smooth,
        head=head,
        mapping=str(mapping.mapping or ""),
        map_by=mapping.how,
        preset=mapping.preset or "",
        neck=mapping.neck,
        identity=not no_identity,
        motion=motion,
        export="|".join(exports),
        preview=preview,
        render=render or "",
        size=size,
        samples=samples,
        camera=camera,
        transparent=transparent,
    )
    wanted = read_jobs(jobs, rig_files(rigs), defaults)
    table = None
    if quiet:
        watcher: Quiet = Quiet()
    elif as_json:
        watcher = JsonLines()
    elif sys.stderr.isatty():
        watcher = table = Table()
    else:
        watcher = Lines()
    try:
        with Store(output) as store:
            outcome = run_batch(
                wanted,
                store,
                lambda tell: DaskPool(output, workers, scheduler, gpus, retries, tell),
                watcher,
                piece,
                chunk,
                {"program": program, "limit": timeout},
            )
    finally:
        if table:
            table.stop()
    return 3 if outcome.failed else 0


def rig_files(paths: tuple[Path, ...]) -> list[Path]:
    """The rigs, folders replaced by the rigs in them."""
    from mmface_core.errors import UserError
    from retarget.pipeline import RIG_KINDS

    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted(p for p in path.iterdir() if p.suffix.lower() in RIG_KINDS and p.is_file())
            if not found:
                raise UserError(f"The folder {path} holds no rigs.")
            files += found
        elif path.is_file():
            files.append(path)
        else:
            raise UserError(f"There is no rig {path}.")
    return files
