"""Where tasks run: Dask workers on this machine or on a cluster, or, for tests and debugging, this process itself."""

import os
import queue
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mmface_core.errors import UserError
from retarget.batch.plan import Task
from retarget.batch.work import Failure, perform

if TYPE_CHECKING:
    from distributed import Client

INSTALL = 'Batches run on Dask, which is not installed: run `pip install ".[batch]"`.'
Result = tuple[str, dict[str, Any] | Failure]
OnEvent = Callable[[dict[str, Any]], None]


class Pool(Protocol):
    """Something that does tasks, in any order."""

    @property
    def about(self) -> str: ...

    def submit(self, task: Task) -> None: ...

    def next(self, seconds: float) -> Result | None:
        """The id and result of a task that ended; None where none did within `seconds`."""
        ...

    def close(self) -> None: ...


class InlinePool:
    """Does each task in this process when its result is asked for."""

    about = "this process"

    def __init__(self, out: Path, on_event: OnEvent | None = None) -> None:
        self._out, self._waiting = out, queue.SimpleQueue[Task]()
        self._on_event = on_event or (lambda _event: None)

    def submit(self, task: Task) -> None:
        self._waiting.put(task)

    def next(self, seconds: float) -> Result | None:
        try:
            task = self._waiting.get(timeout=seconds)
        except queue.Empty:
            return None

        def tell(what: str, done: int, total: int) -> None:
            self._on_event({"id": task.id, "what": what, "done": done, "total": total})

        return task.id, perform(task, str(self._out), tell)

    def close(self) -> None: ...


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise UserError(INSTALL) from error
    return distributed


def connected(address: str) -> "Client":
    """A client of the scheduler at `address`. Raises UserError where nobody answers."""
    distributed = _distributed()
    try:
        return distributed.Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise UserError(f"No Dask scheduler answers at {address} ({error}).") from error


class DaskPool:
    """Dask workers. scheduler: address of a running cluster; None starts `workers` processes on this machine."""

    def __init__(
        self,
        out: Path,
        workers: int | None = None,
        scheduler: str | None = None,
        gpus: bool = False,
        retries: int = 3,
        on_event: OnEvent | None = None,
    ) -> None:
        """retries: how many dying workers one task may have before it counts as their killer."""
        distributed = _distributed()
        import dask

        self._out = out
        self._ended: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._futures: dict[str, Any] = {}
        self._cluster = None
        self._closed = False
        dask.config.set({"distributed.scheduler.allowed-failures": retries})
        if scheduler:
            self._client = connected(scheduler)
            self._check_folder()
        else:
            count = gpu_count() if gpus else workers or sized_to_machine()
            threads = max(1, (os.cpu_count() or 1) // count)
            self._cluster = distributed.LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                dashboard_address="127.0.0.1:0",
                env={"OMP_NUM_THREADS": str(threads)},
                silence_logs=50,
                host="127.0.0.1",
            )
            self._client = distributed.Client(self._cluster, set_as_default=False)
            if gpus:
                self._client.run(_use_gpu_of_its_own)
        if on_event is not None:
            self._client.subscribe_topic("mmface", lambda event: on_event(event[1]))

    @property
    def about(self) -> str:
        count = len(self._client.scheduler_info(n_workers=-1)["workers"])
        return f"{count} workers at {self._client.scheduler_info()['address']}"

    def _check_folder(self) -> None:
        """A cluster's workers must see the same files."""
        try:
            self._client.wait_for_workers(1, timeout=60)
        except TimeoutError as error:
            raise UserError("The cluster has no workers; start some, and run the same command again.") from error
        seen = self._client.run(os.path.isdir, str(self._out.resolve() / ".mmface"))
        blind = [worker for worker, sees in seen.items() if sees is not True]
        if blind:
            raise UserError(
                f"{len(blind)} workers of the cluster do not see {self._out.resolve()}, first {blind[0]}; "
                "all of them must share its file system, and the clips' and rigs'."
            )

    def submit(self, task: Task) -> None:
        # Long ones first, so that no worker ends the night with the longest clip of all.
        future = self._client.submit(
            perform, task, str(self._out.resolve()), key=f"{task.id}-{task.key[:12]}", priority=task.cost, pure=False
        )
        self._futures[task.id] = future
        future.add_done_callback(lambda done, name=task.id: self._ended.put((name, done)))

    def next(self, seconds: float) -> Result | None:
        try:
            name, future = self._ended.get(timeout=seconds)
        except queue.Empty:
            return None
        self._futures.pop(name, None)
        if future.status == "finished":
            return name, future.result()
        if future.status == "error":
            error = future.exception()
            if type(error).__name__ == "KilledWorker":
                return name, Failure("The worker died each time that it was at this; is there enough memory?")
            return name, Failure(f"A fault of mmface: {type(error).__name__}: {error}", repr(error))
        raise UserError("The Dask scheduler is gone; run the same command again, and finished work is kept.")

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for future in list(self._futures.values()):
            future.cancel(force=True)
        self._client.close(timeout=5)
        if self._cluster is not None:
            self._cluster.close(timeout=10)


def sized_to_machine() -> int:
    """Workers for this machine: one for each two cores (of up to three, one for each), and no more than fit into
    memory, 1.5 GB each.
    """
    from mmface_core.capture.load import available_cores

    cores = available_cores()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1.5e9 if hasattr(os, "sysconf") else cores
    return max(1, min(cores // 2 if cores > 3 else cores, int(memory)))


def gpu_count() -> int:
    import torch

    count = torch.cuda.device_count()
    if count == 0:
        raise UserError("There is no CUDA device on this machine; leave --gpus out.")
    return count


def _use_gpu_of_its_own(dask_worker: Any) -> None:
    """Runs in each worker before torch is imported: worker number i sees device number i alone."""
    os.environ["CUDA_VISIBLE_DEVICES"] = str(dask_worker.name)
