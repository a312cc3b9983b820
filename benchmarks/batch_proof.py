"""`make batch-proof`: the shared clips on three rigs as a batch of two workers, against one by one.

    python benchmarks/batch_proof.py [--clips 33] [--out FOLDER] [--no-serial]

Checks that every clip with a face ends as an animated .blend on every rig, that the clip without one is told as such,
and that a second run finds nothing to do; prints the times. --clips N takes the N smallest files and the faceless one.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"
RIGS = ("makehuman_arkit_snake.blend", "readyplayerme_arkit_visemes.glb", "JohnSmithHead.fbx")
FACELESS = "o4n_traffic.mp4"
KINDS = {".mp4", ".avi", ".mkv", ".wmv"}


def chosen(count: int | None) -> list[Path]:
    clips = sorted((p for p in (SHARED / "videos").iterdir() if p.suffix in KINDS), key=lambda p: p.stat().st_size)
    if count is None:
        return clips
    return [*[p for p in clips if p.name != FACELESS][:count], SHARED / "videos" / FACELESS]


def run(jobs: Path, out: Path, workers: int) -> tuple[int, float]:
    command = [sys.executable, "-c", "from mmface_core.cli import main; main()", "batch", str(jobs), "-o", str(out)]
    began = time.monotonic()
    status = subprocess.run([*command, "--workers", str(workers)], cwd=ROOT).returncode
    return status, time.monotonic() - began


def one_by_one(clips: list[Path], rigs: list[Path], out: Path) -> float:
    """The same work without a batch: `mmface-retarget` for each clip on each rig, as a loop in a shell has it."""
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    for clip in clips:
        for rig in rigs:
            command = [sys.executable, "-c", "from retarget.command import main; main()", str(clip), str(rig)]
            subprocess.run([*command, "-o", str(out / f"{clip.stem}_{rig.stem}.blend"), "--quiet"], cwd=ROOT)
    return time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--no-serial", action="store_true")
    given = parser.parse_args()
    out = given.out or Path(tempfile.mkdtemp(prefix="mmface-proof-"))
    out.mkdir(parents=True, exist_ok=True)
    clips, rigs = chosen(given.clips), [SHARED / "rigs" / name for name in RIGS]
    rows = ["clip,rig"] + [f"{clip},{'|'.join(map(str, rigs))}" for clip in clips]
    jobs = out / "jobs.csv"
    jobs.write_text("\n".join(rows) + "\n")
    print(f"{len(clips)} clips x {len(rigs)} rigs, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)

    status, seconds = run(jobs, out / "batch", 2)
    lines = [json.loads(line) for line in (out / "batch" / "manifest.jsonl").read_text().splitlines()]
    made = {line["name"] for line in lines if line.get("stage") == "retarget" and "failed" not in line}
    wanted = {f"{c.stem} on {r.stem}" for c in clips for r in rigs if c.name != FACELESS}
    told = [line["failed"] for line in lines if line.get("id") == f"capture:{Path(FACELESS).stem}" and "failed" in line]
    frames = sum(line.get("frames", 0) for line in lines if line.get("stage") in ("capture", "join"))
    whole = all((out / "batch" / entry["path"]).stat().st_size for line in lines for entry in line.get("outputs", ()))
    right = made == wanted and len(told) == 1 and "No face" in told[0] and status == 3 and whole
    print(f"batch of 2 workers: {seconds:.0f} s, {len(made)} of {len(wanted)} results, {frames} frames captured")
    print(f"faceless: {told[0] if told else 'NOT TOLD'}")
    for name in sorted(wanted ^ made):
        print(f"WRONG: {name}")

    status, again = run(jobs, out / "batch", 2)
    print(f"second run: {again:.0f} s, status {status}")
    if not given.no_serial:
        serial = one_by_one(clips, rigs, out / "serial")
        print(f"one by one: {serial:.0f} s, {serial / seconds:.1f} times as long")
        right &= serial > seconds
    print(f"results in {out}")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
