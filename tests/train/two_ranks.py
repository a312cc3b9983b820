"""Two processes that meet as the ranks of one run."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any


def two_ranks(member: Callable[..., None], folder: Path, answers: int = 2) -> list[Any]:
    """What `member(rank, rendezvous, results)` puts into `results`, in two processes that both end well."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    members = [context.Process(target=member, args=(rank, folder / "meet", results)) for rank in range(2)]
    for each in members:
        each.start()
    found = [results.get(timeout=120) for _ in range(answers)]
    for each in members:
        each.join(timeout=30)
    assert [each.exitcode for each in members] == [0, 0]
    return found
