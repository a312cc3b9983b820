"""How a batch is watched: a live table on a terminal, plain lines elsewhere, JSON lines for programs, or nothing."""

import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import IO, Any

from retarget.batch.plan import Plan, Task
from retarget.batch.run import Outcome
from retarget.batch.work import Failure

ORDER = ("capture", "piece", "join", "retarget", "export", "render", "chunk", "encode")
WORDS = {
    "piece": "capture (pieces)",
    "join": "capture (joined)",
    "chunk": "render (frames)",
    "encode": "render (video)",
}


@dataclass
class _Stage:
    done: int = 0
    kept: int = 0
    failed: int = 0
    frames: float = 0.0
    seconds: float = 0.0


class Quiet:
    """Says nothing; also the base of the others, which counts."""

    def __init__(self) -> None:
        self.stages: dict[str, _Stage] = {}
        self.plan = Plan()
        self.running: dict[str, dict[str, Any]] = {}
        self.failures: list[tuple[str, str]] = []
        self.about = ""
        self._began = time.monotonic()

    def begin(self, plan: Plan, finished: set[str], about: str) -> None:
        self.plan, self.about, self._began = plan, about, time.monotonic()
        for name in finished:
            self._stage(plan.tasks[name].stage).kept += 1
        self.failures = list(plan.refused.items())

    def _stage(self, stage: str) -> _Stage:
        return self.stages.setdefault(stage, _Stage())

    def started(self, task: Task) -> None:
        self.running[task.id] = {"stage": task.stage, "name": task.name}

    def event(self, event: dict[str, Any]) -> None:
        # Told from Dask's own thread, while a task may end in ours.
        if (entry := self.running.get(event["id"])) is not None:
            entry.update(event)

    def ended(self, task: Task, result: dict[str, Any] | Failure) -> None:
        self.running.pop(task.id, None)
        stage = self._stage(task.stage)
        if isinstance(result, Failure):
            stage.failed += 1
            self.failures.append((f"{task.stage} {task.name}", result.sentence))
            return
        stage.done += 1
        stage.seconds += float(result.get("seconds", 0))
        stage.frames += float(result.get("frames") or 0)

    def tick(self) -> None: ...

    def end(self, outcome: Outcome) -> None: ...

    def counts(self) -> Counter[str]:
        return Counter(task.stage for task in self.plan.tasks.values())

    def left(self) -> float | None:
        """Seconds that the rest will take, from what was done so far by cost; None before anything was."""
        done = todo = 0.0
        counts = self.counts()
        for task in list(self.plan.tasks.values()):
            stage = self.stages.get(task.stage, _Stage())
            share = min(1.0, (stage.done + stage.kept + stage.failed) / counts[task.stage])
            done += task.cost * share
            todo += task.cost * (1 - share)
        elapsed = time.monotonic() - self._began
        return elapsed * todo / done if done > 0 and elapsed > 2 else None


class Lines(Quiet):
    """One line for each task that ends, as for a log file."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        super().__init__()
        self._stream = stream or sys.stderr

    def _say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def begin(self, plan: Plan, finished: set[str], about: str) -> None:
        super().begin(plan, finished, about)
        self._say(f"{len(plan.jobs)} jobs, {len(plan.tasks)} tasks ({len(finished)} finished before), {about}")
        for name, sentence in plan.refused.items():
            self._say(f"failed {name}: {sentence}")

    def ended(self, task: Task, result: dict[str, Any] | Failure) -> None:
        super().ended(task, result)
        if isinstance(result, Failure):
            self._say(f"failed {task.stage} {task.name}: {result.sentence}")
        elif task.stage not in ("chunk", "piece"):
            frames = f", {result['frames']} frames" if result.get("frames") else ""
            self._say(f"done {task.stage} {task.name}{frames}, {result['seconds']:.1f} s")

    def end(self, outcome: Outcome) -> None:
        for line in summary(outcome):
            self._say(line)


class JsonLines(Quiet):
    """One JSON object a line on standard output, for other programs."""

    def _say(self, kind: str, **facts: Any) -> None:
        # Two threads speak, so each line is one piece.
        sys.stdout.write(json.dumps({"event": kind, **facts}) + "\n")
        sys.stdout.flush()

    def begin(self, plan: Plan, finished: set[str], about: str) -> None:
        super().begin(plan, finished, about)
        self._say("begin", jobs=len(plan.jobs), tasks=len(plan.tasks), finished=len(finished), where=about)

    def event(self, event: dict[str, Any]) -> None:
        super().event(event)
        self._say("progress", **event)

    def ended(self, task: Task, result: dict[str, Any] | Failure) -> None:
        super().ended(task, result)
        if isinstance(result, Failure):
            self._say("failed", id=task.id, sentence=result.sentence)
        else:
            self._say("done", id=task.id, seconds=result["seconds"], frames=result.get("frames"))

    def end(self, outcome: Outcome) -> None:
        self._say("end", jobs=len(outcome.jobs), failed=len(outcome.failed), seconds=round(outcome.seconds, 1))


class Table(Quiet):
    """A table that lives on the terminal: each stage's count, rate and failures, what runs now, and the time left."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True)
        self._live = Live(console=self._console, refresh_per_second=4, transient=False)

    def begin(self, plan: Plan, finished: set[str], about: str) -> None:
        super().begin(plan, finished, about)
        self._live.start()

    def tick(self) -> None:
        self._live.update(self.picture())

    def end(self, outcome: Outcome) -> None:
        self._live.update(self.picture())
        self._live.stop()
        for line in summary(outcome):
            self._console.print(line, highlight=False, markup=False)

    def stop(self) -> None:
        """Give the terminal back after an interruption."""
        self._live.stop()

    def picture(self) -> Any:
        from rich.console import Group
        from rich.table import Table as Grid
        from rich.text import Text

        grid = Grid(box=None, padding=(0, 2))
        for title, side in (("stage", "left"), ("done", "right"), ("kept", "right"), ("of", "right")):
            grid.add_column(title, justify=side)  # type: ignore[arg-type]
        for title in ("failed", "frames/s"):
            grid.add_column(title, justify="right")
        counts = self.counts()
        elapsed = max(time.monotonic() - self._began, 1e-3)
        for stage in [s for s in ORDER if s in counts]:
            at = self.stages.get(stage, _Stage())
            rate = f"{at.frames / elapsed:.1f}" if at.frames else ""
            failed = Text(str(at.failed), style="red") if at.failed else Text("")
            cells = (str(at.done), str(at.kept or ""), str(counts[stage]))
            grid.add_row(WORDS.get(stage, stage), *cells, failed, rate)
        lines = []
        for task in list(self.running.values())[:8]:
            if task.get("done"):
                total = f"/{task['total']}" if task.get("total") else ""
                lines.append(f"  {task['name']}: {task['what']} {task['done']}{total}")
        left = self.left()
        time_left = f", about {_clock(left)} left" if left is not None else ""
        foot = f"{_clock(elapsed)} gone{time_left}; {len(self.running)} tasks handed out; {self.about}"
        said = [Text(f"failed {name}: {sentence}", style="red") for name, sentence in self.failures[-4:]]
        return Group(grid, *[Text(line) for line in lines], *said, Text(foot))


def summary(outcome: Outcome) -> list[str]:
    """The last lines: what failed and why, and where the report is."""
    lines = [f"Failed: {job.name}: {job.failure.sentence}" for job in outcome.failed if job.failure]
    good = len(outcome.jobs) - len(outcome.failed)
    lines.append(
        f"{good} of {len(outcome.jobs)} jobs are done ({outcome.fresh} tasks now, {outcome.kept} before), "
        f"{_clock(outcome.seconds)}"
    )
    if outcome.report:
        lines.append(f"Report: {outcome.report}")
    return lines


def _clock(seconds: float) -> str:
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"
