"""In order, every sample is learned from once, whoever makes it and however often the run was stopped."""

import numpy as np
import pytest

pytest.importorskip("moderngl")
pytest.importorskip("yaml")

from mmface_core.errors import UserError
from train import run
from train.config import RunConfig, Stage
from train.parallel import Ranks

STAGE = Stage("only", input_size=32, images=400, batch=4)


def batches(count: int, used: int = 0, workers: int = 0, ranks: Ranks | None = None) -> list[dict[str, np.ndarray]]:
    data = {"shares": {"procedural": 1.0}, "augment": 0.0}
    config = RunConfig(stages=(STAGE,), data=data, pool=0, workers=workers, seed=3)
    loader = iter(run._loader(config, STAGE, used, ranks or Ranks()))
    return [{key: value.numpy() for key, value in next(loader).items()} for _ in range(count)]


def assert_same(some: list[dict[str, np.ndarray]], others: list[dict[str, np.ndarray]]) -> None:
    for one, other in zip(some, others, strict=True):
        for key in one:
            np.testing.assert_array_equal(one[key], other[key], err_msg=key)


def test_workers_make_the_batches_that_one_process_would_and_a_resumed_run_goes_on_with_the_next():
    whole = batches(5)
    assert_same(batches(3, workers=2), whole[:3])
    assert_same(batches(2, used=12, workers=2), whole[3:])
    assert len({sample.tobytes() for batch in whole for sample in batch["identity"]}) == 20


def test_processes_share_each_batch():
    halves = [batches(2, ranks=Ranks(rank, 2)) for rank in range(2)]
    together = [
        {key: np.concatenate([one[key], other[key]]) for key in one} for one, other in zip(*halves, strict=True)
    ]
    assert_same(together, batches(2))


def test_a_batch_that_processes_cannot_share_is_told():
    with pytest.raises(UserError, match="which 3 ranks cannot share"):
        batches(1, ranks=Ranks(0, 3))
