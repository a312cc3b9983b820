"""Where the time of a capture goes, by stage, for `--profile`."""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final


class Stages:
    """Sums of wall and CPU seconds by stage, from any thread. Stages may overlap in time where threads do."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[str, list[float]] = {}  # stage -> wall seconds, the thread's CPU seconds, times

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - wall, time.thread_time() - cpu)

    def add(self, stage: str, wall: float, cpu: float) -> None:
        """Count `wall` seconds, of which a processor worked for `cpu`."""
        with self._lock:
            sums = self._sums.setdefault(stage, [0.0, 0.0, 0])
            sums[0], sums[1], sums[2] = sums[0] + wall, sums[1] + cpu, sums[2] + 1

    def __getitem__(self, stage: str) -> tuple[float, float, int]:
        """Wall seconds, CPU seconds and how often; zeros for a stage that never ran."""
        wall, cpu, times = self._sums.get(stage, (0.0, 0.0, 0))
        return wall, cpu, int(times)

    def names(self) -> list[str]:
        """The stages that ran."""
        return list(self._sums)

    def clear(self) -> None:
        """Forget everything that was counted."""
        with self._lock:
            self._sums = {}

    def lines(self, frames: int, total: float) -> list[str]:
        """A table for `frames` frames that took `total` seconds, the most expensive stage first."""
        per = 1e3 / max(frames, 1)
        rows = [f"{'stage':26} {'ms a frame':>10} {'of which CPU':>12} {'times':>7}"]
        for stage, (wall, cpu, times) in sorted(self._sums.items(), key=lambda item: -item[1][0]):
            rows.append(f"{stage:26} {per * wall:10.2f} {per * cpu:12.2f} {int(times):7d}")
        rate = f", {frames / total:.0f} frames a second" if frames > 1 and total > 0 else ""
        rows.append(f"{frames} frame{'s' if frames != 1 else ''} in {total:.2f} s{rate}. Stages overlap in time.")
        return rows


class _Off(Stages):
    """Measures nothing."""

    def __call__(self, stage: str) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


NO_STAGES: Final[Stages] = _Off()
