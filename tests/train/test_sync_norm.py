"""Two ranks with half a batch give the gradients of one with all of it, through every layer of the network."""

import dataclasses
from pathlib import Path

import torch
import torch.distributed as dist

from mmface_core.network.config import NetworkConfig
from mmface_core.network.mmface import MMFaceNet
from tests.tiny_network import TINY
from tests.train.two_ranks import two_ranks
from train.parallel import Ranks
from train.sync_norm import SyncedNorm, synchronise

CONFIG = NetworkConfig("tiny", n_identity=6, n_expression=4, squash_expression=False, **TINY)


def network() -> MMFaceNet:
    torch.manual_seed(0)
    return MMFaceNet(dataclasses.replace(CONFIG)).double()


def loss_of(net: MMFaceNet, part: slice) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    crops = torch.rand(4, 3, 256, 256, generator=generator, dtype=torch.float64)[part]
    wanted = torch.randn(4, 6, generator=generator, dtype=torch.float64)[part]
    logits, features = net.vmn(crops)
    points = net.point_head(net.pooled(features))
    identity, expression, pose = net.pmn(torch.sigmoid(logits[-1]), net.pooled(features), points.double(), None)
    volume = sum(stack.square().mean() for stack in logits)
    return volume + (identity - wanted).square().mean() + expression.square().mean() + pose.rotation_6d.square().mean()


def _member(rank: int, rendezvous: Path, results) -> None:
    torch.set_num_threads(1)
    ranks = Ranks.join(rank, 2, rendezvous)
    net = network()
    synchronise(net)
    loss_of(net, slice(2 * rank, 2 * rank + 2)).backward()
    ranks.average_gradients(net)
    states = ranks.gather(torch.tensor([rank, 7], dtype=torch.uint8))
    if rank == 0:
        gradients = {name: p.grad.numpy() for name, p in net.named_parameters() if p.grad is not None}
        running = {name: b.numpy() for name, b in net.named_buffers() if "running" in name}
        results.put((gradients, running, [state.tolist() for state in states]))
    dist.barrier()
    ranks.leave()


def test_two_ranks_give_the_gradients_and_statistics_of_one(tmp_path):
    ((gradients, running, states),) = two_ranks(_member, tmp_path, answers=1)
    assert states == [[0, 7], [1, 7]]
    net = network()
    loss_of(net, slice(0, 4)).backward()
    largest = max(float(p.grad.abs().max()) for p in net.parameters() if p.grad is not None)
    for name, parameter in net.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(
                torch.from_numpy(gradients[name]), parameter.grad, rtol=1e-4, atol=1e-6 * largest, msg=name
            )
    for name, buffer in net.named_buffers():
        if "running" in name:
            torch.testing.assert_close(torch.from_numpy(running[name]), buffer, rtol=1e-4, atol=1e-6, msg=name)


def test_without_training_it_is_the_norm_that_it_replaces():
    norm = torch.nn.BatchNorm3d(4)
    norm.running_mean.uniform_(-1, 1)
    norm.running_var.uniform_(0.5, 2)
    synced = SyncedNorm.of(norm).eval()
    x = torch.randn(2, 4, 3, 3, 3)
    torch.testing.assert_close(synced(x), norm.eval()(x))
    assert set(synced.state_dict()) == set(norm.state_dict()) and synced.weight is norm.weight
