import sys
from pathlib import Path

import pytest
import torch

from tests.train.two_ranks import two_ranks
from train.parallel import Ranks


def _member(rank: int, rendezvous: Path, results) -> None:
    ranks = Ranks.join(rank, 2, rendezvous)
    net = torch.nn.Linear(2, 1, bias=False)
    net.weight.grad = torch.full_like(net.weight, float(rank))
    ranks.average_gradients(net)
    results.put((rank, net.weight.grad.tolist(), ranks.agree(10.0 + rank), ranks.part(16), ranks.leads))
    ranks.leave()


def _leaving_member(rank: int, rendezvous: Path, results) -> None:
    ranks = Ranks.join(rank, 2, rendezvous)
    net = torch.nn.Linear(2, 1)
    torch.optim.AdamW(net.parameters())  # imports what would keep the group
    ranks.share(net)
    while_joined = _group_threads()
    ranks.leave()
    results.put((while_joined, _group_threads()))


def _group_threads() -> int:
    return sum("gloo" in name.read_text() for name in Path("/proc/self/task").glob("*/comm"))


def test_processes_average_their_gradients_and_agree(tmp_path):
    answers = sorted(two_ranks(_member, tmp_path))
    assert answers == [(0, [[0.5, 0.5]], 10.0, 8, True), (1, [[0.5, 0.5]], 10.0, 8, False)]


@pytest.mark.skipif(sys.platform != "linux", reason="counts a process's threads in /proc")
def test_a_rank_that_left_keeps_no_threads_that_would_abort_it_at_its_end(tmp_path):
    assert all(joined > 0 and left == 0 for joined, left in two_ranks(_leaving_member, tmp_path))


def test_a_run_of_one_changes_nothing():
    net = torch.nn.Linear(2, 1)
    net.weight.grad = torch.ones_like(net.weight)
    alone = Ranks()
    alone.average_gradients(net)
    assert torch.equal(net.weight.grad, torch.ones_like(net.weight))
    assert (alone.agree(3.0), alone.part(16), alone.leads) == (3.0, 16, True)
