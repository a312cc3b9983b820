"""Several training processes that share one step: each learns from its part of the batch, gradients are averaged.

On a CPU two processes of one thread each beat one process of two threads: a step is a thousand small operations, and
waking a second thread for each of them costs as much as it saves.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.nn.functional  # before there is any group: see `Ranks.leave`
from torch import Tensor, nn


@dataclass(frozen=True)
class Ranks:
    """This process among the run's processes; `Ranks()` is a run of one."""

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process saves, validates and reports."""
        return self.rank == 0

    @classmethod
    def join(cls, rank: int, count: int, rendezvous: Path) -> Ranks:
        """Meet the others at a file that none of an earlier run has left; blocks until all are there."""
        if count > 1:
            dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=count)
        return cls(rank, count)

    @classmethod
    def from_torchrun(cls) -> Ranks | None:
        """This process's place as `torchrun` says in the environment, joined; None where it did not start us."""
        if "TORCHELASTIC_RUN_ID" not in os.environ:
            return None
        rank, count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        if count > 1:
            # Gradients go over NCCL where there are GPUs, states and decisions over gloo.
            backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
            dist.init_process_group(backend, rank=rank, world_size=count)
        return cls(rank, count)

    def gather(self, value: Tensor) -> list[Tensor]:
        """The same-shaped CPU tensors of all processes, in all of them, by rank."""
        if self.count == 1:
            return [value]
        found = [torch.empty_like(value) for _ in range(self.count)]
        dist.all_gather(found, value)
        return found

    @torch.no_grad()
    def share(self, net: nn.Module) -> None:
        """Give every process the leading one's weights and counters: only gradients are averaged from then on."""
        if self.count == 1:
            return
        for value in net.state_dict().values():
            shared = value.contiguous()
            dist.broadcast(shared, 0)
            value.copy_(shared)

    def average_gradients(self, net: nn.Module) -> None:
        """Replace every gradient by its mean over the processes, in one exchange."""
        if self.count == 1:
            return
        gradients = [p.grad for p in net.parameters() if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.count
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.reshape(gradient.shape))

    def agree(self, value: float) -> float:
        """The leading process's value, in all of them; decisions taken on it are then the same everywhere."""
        if self.count == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64)
        dist.broadcast(shared, 0)
        return float(shared)

    def part(self, batch: int) -> int:
        """Samples of a batch that this process takes."""
        return batch // self.count

    def leave(self) -> None:
        """Say goodbye to the others at the end of a run.

        A gloo group that outlives the interpreter aborts the process: its threads still hold tensors. Whoever imports
        `torch.distributed.nn.functional` while there is a group (torch's optimisers do) keeps that group for ever, as
        default arguments; hence the import above.
        """
        if self.count > 1 and dist.is_initialized():
            dist.destroy_process_group()


def mean_terms(terms: dict[str, Tensor]) -> dict[str, float]:
    """Loss terms as plain numbers."""
    return {name: float(term.detach()) for name, term in terms.items()}
