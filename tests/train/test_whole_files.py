"""What training writes is there whole or not at all, so that a run or a preparation goes on after it was stopped."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("yaml")

from mmface_core.errors import UserError
from train import run
from train.checkpoint import load_checkpoint, save_checkpoint
from train.config import RunConfig, Stage, read_config, write_config
from train.data.portraits import prepare, store

LIMIT = 300  # bytes that a file may have: as a disk that is full from there on, or a process that is killed there
CONFIG = RunConfig(stages=(Stage("only", images=8),), validation_samples=4, seed=5)


@contextmanager
def stopped_early() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, hard))
    try:
        with pytest.raises((OSError, RuntimeError)):  # torch has its own way of saying that a disk is full
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def noise(index: int, size: int) -> dict[str, np.ndarray]:
    return {"crop": np.random.default_rng(index).integers(0, 256, (size, size, 3), np.uint8)}


def test_validation_samples_that_were_not_written_to_the_end_are_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "heldout_sample", noise)
    with stopped_early():
        run.validation_samples(CONFIG, 32, tmp_path)
    assert os.listdir(tmp_path) == []
    assert run.validation_samples(CONFIG, 32, tmp_path)["crop"].shape == (4, 32, 32, 3)
    assert os.listdir(tmp_path) == ["validation32.npz"]


def test_a_runs_configuration_is_never_half(tmp_path):
    write_config(CONFIG, tmp_path / "config.yaml")
    with stopped_early():
        write_config(RunConfig(stages=CONFIG.stages, seed=77), tmp_path / "config.yaml")
    assert read_config(tmp_path / "config.yaml").seed == CONFIG.seed


def test_the_checkpoint_before_stays_where_the_next_is_not_written_to_the_end(tmp_path):
    save_checkpoint(tmp_path / "checkpoint.pt", {"step": 1})
    with stopped_early():
        save_checkpoint(tmp_path / "checkpoint.pt", {"step": 2})
    assert load_checkpoint(tmp_path / "checkpoint.pt")["step"] == 1
    assert os.listdir(tmp_path) == ["checkpoint.pt"]


def test_stored_portraits_are_all_there_or_none(tmp_path):
    with stopped_early():
        store.write_pictures([("one.jpg", bytes(999))], tmp_path)
    assert os.listdir(tmp_path) == []


def test_points_of_a_landmark_model_that_failed_midway_do_not_count_as_found(tmp_path, monkeypatch):
    script = tmp_path / "detect.py"
    script.write_text("import sys; open(sys.argv[2], 'wb').write(b'PK half'); sys.exit('it was stopped')")
    monkeypatch.setattr(prepare, "_DETECT", script)
    out = tmp_path / "cache"
    out.mkdir()
    with pytest.raises(UserError, match="it was stopped"):
        prepare._detect(None, tmp_path, out / prepare.POINTS)
    assert os.listdir(out) == []
    script.write_text("import sys; open(sys.argv[2], 'wb').write(b'PK whole'); print('3 faces found')")
    assert prepare._detect(None, tmp_path, out / prepare.POINTS) == "3 faces found"
    assert Path(out, prepare.POINTS).read_bytes() == b"PK whole"
