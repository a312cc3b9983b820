"""Held-out portraits stay out of training."""

from pathlib import Path

import numpy as np
import pytest

from mmface_core.errors import UserError
from train.data.portraits import store


def test_a_fixed_twentieth_is_held_out() -> None:
    names = [f"gan_{number:05d}.jpg" for number in range(4000)]
    share = np.mean([store.is_held_out(name) for name in names])
    assert 0.035 < share < 0.065


def test_no_portrait_is_in_both_halves(painted_cache: Path) -> None:
    training = set(store.load_store(False, painted_cache).names)
    held_out = set(store.load_store(True, painted_cache).names)
    assert not training & held_out
    assert len(training) > 30
    assert len(held_out) >= 1


def test_an_empty_cache_says_how_to_fill_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mmface portraits"):
        store.load_store(folder=tmp_path)
