"""A batch from its plan to its report: hands out what can begin, keeps what is finished, stops for no single job."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from mmface_core.errors import UserError
from retarget.batch.cluster import Pool
from retarget.batch.jobs import Job
from retarget.batch.plan import Plan, Task, engine_key, fingerprint_of, make_plan
from retarget.batch.store import Store
from retarget.batch.work import Failure, render_plan
from retarget.rendering import missing

PIECE = 1500  # frames of a piece of a long clip
CHUNK = 25  # frames that one child renders: it starts in about 2 s
MANIFEST_EVERY = 2.0  # seconds


class Watcher(Protocol):
    """Is told how a batch goes; `retarget.batch.progress` has those that people see."""

    def begin(self, plan: Plan, finished: set[str], about: str) -> None: ...

    def started(self, task: Task) -> None: ...

    def event(self, event: dict[str, Any]) -> None: ...

    def ended(self, task: Task, result: dict[str, Any] | Failure) -> None: ...

    def tick(self) -> None: ...

    def end(self, outcome: "Outcome") -> None: ...


@dataclass
class JobOutcome:
    """How one job ended: its records, or the sentence why there is no result."""

    job: Job
    name: str
    records: list[dict[str, Any]] = field(default_factory=list)
    failure: Failure | None = None


@dataclass
class Outcome:
    """How the batch ended. fresh: tasks done now; kept: tasks that an earlier run had finished."""

    jobs: list[JobOutcome]
    records: list[dict[str, Any]]
    fresh: int
    kept: int
    seconds: float
    report: Path | None = None

    @property
    def failed(self) -> list[JobOutcome]:
        return [job for job in self.jobs if job.failure]


def plan_batch(
    jobs: Sequence[Job], store: Store, piece: int = PIECE, chunk: int = CHUNK, blender: dict[str, Any] | None = None
) -> Plan:
    """The plan of the jobs in a store's folder; inputs are hashed, or known from an earlier run."""
    hashes = store.hashes(fingerprint_of)
    plan = make_plan(jobs, store.out, hashes, _frames_of, piece, chunk, blender or {})
    hashes.save()
    return plan


def _frames_of(clip: Path) -> int | None:
    from mmface_core.capture.sources import open_source

    try:
        source = open_source(clip)
    except UserError:
        return None  # the capture will say why
    source.close()
    return source.expected


class _Run:
    """The state of a running batch."""

    def __init__(self, plan: Plan, store: Store, pool: Pool, watcher: Watcher) -> None:
        self.plan, self.store, self.pool, self.watcher = plan, store, pool, watcher
        self.results: dict[str, dict[str, Any] | Failure] = {}
        self.waiting: dict[str, set[str]] = {}  # task -> what it still needs
        self.after: dict[str, list[str]] = {}  # task -> those that need it
        self.running: set[str] = set()
        self.ready: deque[str] = deque()
        self.fresh = self.kept = 0
        self._written = 0.0

    def begin(self) -> None:
        finished = {}
        for name, task in self.plan.tasks.items():
            if task.stage != "chunk" and (record := self.store.finished(task)) is not None:
                finished[name] = record
        # What only leads to finished tasks need not be done again: pieces are gone once they are joined.
        needed = self._needed(finished)
        self.kept = len(finished)
        self.watcher.begin(self.plan, {*self.plan.tasks} - needed, self.pool.about)
        for name in [n for n in self.plan.tasks if n in needed]:
            self._wait(self.plan.tasks[name], finished, needed)
        for name, record in finished.items():
            self.results.setdefault(name, record)
            if self.plan.tasks[name].stage == "render":
                self._add_chunks(self.plan.tasks[name], record)
        self._submit()

    def _needed(self, finished: dict[str, dict[str, Any]]) -> set[str]:
        needed: set[str] = set()
        for name in reversed(list(self.plan.tasks)):
            task = self.plan.tasks[name]
            feeds_only = task.stage == "piece" and not any(
                name in other.needs and other.id in needed for other in self._joins(name)
            )
            if name not in finished and not feeds_only:
                needed.add(name)
        return needed

    def _joins(self, name: str) -> list[Task]:
        if not self.after:
            for task in self.plan.tasks.values():
                for need in task.needs:
                    self.after.setdefault(need, []).append(task.id)
        return [self.plan.tasks[n] for n in self.after.get(name, [])]

    def _wait(self, task: Task, finished: dict[str, Any], needed: set[str]) -> None:
        open_needs = {need for need in task.needs if need in needed and need not in finished}
        self.waiting[task.id] = open_needs
        self._joins(task.id)
        if not open_needs:
            self.ready.append(task.id)

    def _submit(self) -> None:
        while self.ready:
            name = self.ready.popleft()
            self.waiting.pop(name, None)
            task = self.plan.tasks[name]
            if task.stage == "encode":
                task = replace(task, work={**task.work, "record": self.results[task.needs[0]]})
            self.running.add(name)
            self.watcher.started(task)
            self.pool.submit(task)

    def loop(self) -> None:
        while self.running:
            ended = self.pool.next(0.25)
            self.watcher.tick()
            if ended is None:
                continue
            name, result = ended
            self.running.discard(name)
            self.fresh += 1
            self._end(name, result)
            self._submit()
            if time.monotonic() - self._written > MANIFEST_EVERY:
                self.write_manifest()

    def _end(self, name: str, result: dict[str, Any] | Failure) -> None:
        task = self.plan.tasks[name]
        self.results[name] = result
        self.watcher.ended(task, result)
        if isinstance(result, Failure):
            for other in self.after.get(name, []):
                if other in self.waiting:
                    del self.waiting[other]
                    self._end(other, replace(result, trace=""))
            return
        if task.stage == "render":
            self._add_chunks(task, result)
        for other in self.after.get(name, []):
            if other in self.waiting:
                self.waiting[other].discard(name)
                if not self.waiting[other]:
                    self.ready.append(other)

    def _add_chunks(self, render: Task, record: dict[str, Any]) -> None:
        """Once it is known how many frames there are: a task for each run of frames that are missing."""
        plan = render_plan(record)
        folder = self.store.out / render.work["frames"]
        encodes = [other for other in self.after.get(render.id, []) if self.plan.tasks[other].stage == "encode"]
        closing = [other for other in encodes if other in self.waiting or other in self.ready]
        if encodes and not closing:
            return  # the video is there
        for number, frames in enumerate(plan.chunks(render.work["chunk"])):
            if not missing(folder, frames):
                continue
            work = {**render.work, "record": record, "span": [frames.start, frames.stop]}
            task = Task("chunk", f"{render.name} {number}", f"{render.key[:32]}{number:08d}", work, cost=len(frames))
            self.plan.add(task)
            self.ready.append(task.id)
            self.after[task.id] = list(closing)
            for other in closing:
                self.waiting.setdefault(other, set()).add(task.id)
                if other in self.ready:
                    self.ready.remove(other)

    def records(self) -> list[dict[str, Any]]:
        """A record for each task that is finished or failed, in the plan's order."""
        listed: list[dict[str, Any]] = []
        for name, task in self.plan.tasks.items():
            result = self.results.get(name)
            if isinstance(result, Failure):
                failed = {"id": name, "stage": task.stage, "name": task.name, "key": task.key}
                listed.append({**failed, "failed": result.sentence, "tries": result.tries, "trace": result.trace})
            elif result is not None and task.stage not in ("chunk", "piece"):
                listed.append({key: value for key, value in result.items() if key != "plan"})
        return listed + [{"name": name, "failed": text} for name, text in self.plan.refused.items()]

    def write_manifest(self) -> None:
        self._written = time.monotonic()
        self.store.write_manifest(self.records())

    def outcomes(self) -> list[JobOutcome]:
        outcomes = []
        for job, name, last in self.plan.jobs:
            outcome = JobOutcome(job, name)
            if name in self.plan.refused:
                outcome.failure = Failure(self.plan.refused[name])
            for task in self._chain(last):
                result = self.results.get(task)
                if isinstance(result, Failure):
                    outcome.failure = outcome.failure or result
                elif result is not None:
                    outcome.records.append(result)
            outcomes.append(outcome)
        return outcomes

    def _chain(self, last: Sequence[str]) -> list[str]:
        """The tasks of a job, those first that come first."""
        chain: list[str] = []
        for name in last:
            task = self.plan.tasks[name]
            chain += [need for need in self._chain(task.needs) if need not in chain]
            chain += [] if name in chain else [name]
        for name in list(chain):
            if self.plan.tasks[name].stage == "render":
                prefix = f"chunk:{self.plan.tasks[name].name} "
                chain += [n for n in self.plan.tasks if n.startswith(prefix)]
        return chain


def run_batch(
    jobs: Sequence[Job],
    store: Store,
    make_pool: Callable[[Callable[[dict[str, Any]], None]], Pool],
    watcher: Watcher,
    piece: int = PIECE,
    chunk: int = CHUNK,
    blender: dict[str, Any] | None = None,
) -> Outcome:
    """Do the jobs in the store's folder, which must be locked; make_pool: given what to tell of events.

    Raises UserError where the batch as a whole cannot go on; a job that fails is in the outcome.
    """
    began = time.monotonic()
    engine_key()  # a broken installation is told before the work begins
    plan = plan_batch(jobs, store, piece, chunk, blender)
    pool = make_pool(watcher.event)
    run = _Run(plan, store, pool, watcher)
    try:
        run.begin()
        run.loop()
        run.write_manifest()
    except BaseException:
        with suppress(UserError):  # the first error is the one to tell
            run.write_manifest()
        raise
    finally:
        pool.close()
    outcome = Outcome(run.outcomes(), run.records(), run.fresh, run.kept, time.monotonic() - began)
    from retarget.batch.report.page import write_report

    outcome.report = write_report(outcome, store)
    watcher.end(outcome)
    return outcome
