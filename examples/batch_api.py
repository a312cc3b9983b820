"""A batch from Python: every clip of a folder on every rig of another, on a Dask cluster or on this machine.

python examples/batch_api.py dailies/ rigs/ results/ [tcp://scheduler:8786]
"""

import sys
from pathlib import Path

from retarget.batch.cluster import DaskPool
from retarget.batch.jobs import Options, read_jobs
from retarget.batch.progress import Lines
from retarget.batch.run import run_batch
from retarget.batch.store import Store


def main(clips: str, rigs: str, results: str, scheduler: str | None = None) -> int:
    out = Path(results)
    jobs = read_jobs(Path(clips), sorted(Path(rigs).glob("*.blend")), Options(preview=True))
    with Store(out) as store:
        outcome = run_batch(jobs, store, lambda tell: DaskPool(out, scheduler=scheduler, on_event=tell), Lines())
    return 3 if outcome.failed else 0


if __name__ == "__main__":  # Dask starts processes that import this file again
    sys.exit(main(*sys.argv[1:5]))
