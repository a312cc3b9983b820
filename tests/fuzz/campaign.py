"""`make fuzz`: thousands of broken files, each reader in a process with limits of time and memory.

    python -m tests.fuzz.campaign [--cases 500] [--blender 20] [--seed 1] [--only NAME] [--keep FOLDER]

Prints a table: cases, accepted, refused with a sentence, findings. A finding is any other exception, a signal, more
memory or more time than a reader may take, or a file written outside of the case's folder; its file is kept. Of a
reader that starts a Blender the child counts too: its memory, whether it is gone at the end, and what it leaves behind;
below its line stands how often it was refused as what (`retarget.blender.BlenderError.kind`).
"""

import argparse
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

from tests.fuzz.mutate import case
from tests.fuzz.readers import READERS, Reader

SECONDS = 20.0  # for one file; of those that start a Blender 120
MEMORY = 6 << 30  # address space beyond what the process has when it starts


def serve(pipe: Connection, name: str, scratch: str) -> None:
    """The process that reads: told a path, it answers what became of it. scratch: where children's files may lie."""
    from mmface_core.errors import UserError

    reader = next(r for r in READERS if r.name == name)
    if reader.slow:
        tempfile.tempdir = scratch
    else:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)  # decoders complain by themselves
    while (path := pipe.recv()) is not None:
        try:
            reader.read(Path(path))
            answer = ("accepted", "")
        except UserError as error:
            text = str(error)
            fine = text.strip() and "Traceback" not in text
            answer = ("refused", getattr(error, "kind", "")) if fine else ("finding", f"sentence {text!r}")
        except BaseException as error:
            import traceback

            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(where.filename).name}:{where.lineno}"
            answer = ("finding", f"{type(error).__name__}: {str(error)[:120]} ({place})")
        pipe.send(("finding", left) if reader.slow and (left := _left_behind(scratch)) else answer)


def _left_behind(scratch: str) -> str:
    """What is wrong with the children that this process has had, or an empty string."""
    import psutil

    alive = psutil.Process().children(recursive=True)
    if alive:
        return f"a child is still alive: {' '.join(alive[0].cmdline())[:120]}"
    if os.listdir(scratch):
        return f"left behind: {', '.join(os.listdir(scratch))}"
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return f"a child took {most / 2**30:.1f} GiB of memory" if most > MEMORY else ""


class Server:
    """A reading process that is started again when it dies or hangs."""

    def __init__(self, reader: Reader, scratch: Path) -> None:
        self._reader, self._scratch = reader, scratch
        self._process = None

    def ask(self, path: Path) -> tuple[str, str]:
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=serve, args=(theirs, self._reader.name, str(self._scratch)))
            self._process.start()
            theirs.close()
            self._pipe.send(str(path))
            limit = 300.0  # it imports first
        else:
            self._pipe.send(str(path))
            limit = 120.0 if self._reader.slow else SECONDS
        try:
            if self._pipe.poll(limit):
                return self._pipe.recv()
            result = ("finding", f"no answer within {limit:.0f} s")
        except EOFError:
            self._process.join()
            result = ("finding", f"the process died ({self._process.exitcode})")
        self.close()
        return result

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None


def run(reader: Reader, cases: int, seed: int, keep: Path) -> tuple[Counter, Counter, list[str], float]:
    """Try `cases` broken files on a reader; counts, kinds of refusal, findings, seconds."""
    counts: Counter = Counter()
    kinds: Counter = Counter()
    findings: list[str] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mmface-fuzz-") as folder:
        good = Path(folder, f"good{reader.suffix}")
        reader.seed(good)
        inner = Path(folder, "case")
        inner.mkdir()
        for other in Path(folder).glob("good.*"):  # what lies beside it, such as a motion's curves
            shutil.copy(other, inner / other.name)
        scratch = Path(folder, "scratch")
        scratch.mkdir()
        outside = {p.name for p in Path(folder).iterdir()}
        server = Server(reader, scratch)
        for number in range(cases):
            path = inner / f"case{reader.suffix}"
            path.write_bytes(case(good, reader.suffix, number, seed))
            kind, what = server.ask(path)
            if {p.name for p in Path(folder).iterdir()} != outside:
                kind, what = "finding", "a file was written outside"
            counts[kind] += 1
            if kind == "refused" and what:
                kinds[what] += 1
            if kind == "finding":
                keep.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, keep / f"{reader.name.replace(' ', '_')}_{seed}_{number}{reader.suffix}")
                findings.append(f"{reader.name} case {number}: {what}")
        server.close()
    return counts, kinds, findings, time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--blender", type=int, default=20, help="cases of readers that start Blender")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir(), "mmface-fuzz-findings"))
    given = parser.parse_args()
    print(f"{'reader':20} {'cases':>6} {'read':>6} {'refused':>8} {'findings':>9} {'s':>7}")
    total: Counter = Counter()
    for reader in READERS:
        cases = given.blender if reader.slow else given.cases
        if cases == 0 or given.only not in (None, reader.name):
            continue
        counts, kinds, findings, seconds = run(reader, cases, given.seed, given.keep)
        total += counts
        row = f"{counts['accepted']:6d} {counts['refused']:8d} {counts['finding']:9d} {seconds:7.1f}"
        print(f"{reader.name:20} {cases:6d} {row}", flush=True)
        if kinds:
            print(f"    refused as {', '.join(f'{kind} {count}' for kind, count in kinds.most_common())}", flush=True)
        for finding in findings[:20]:
            print(f"    {finding}", flush=True)
    print(f"{'all':20} {total.total():6d} {total['accepted']:6d} {total['refused']:8d} {total['finding']:9d}")
    return 1 if total["finding"] else 0


if __name__ == "__main__":
    sys.exit(main())
