"""Compile ICP when capture is loaded, so that no frame has to wait for it."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numba.core import event

from mmface_core.geometry.align import align

_log = logging.getLogger(__name__)


class _SaysOnce(event.Listener):  # type: ignore[misc]  # numba has no types
    """Tells whoever waits why, when something is compiled that no earlier run has left in the cache."""

    def __init__(self) -> None:
        self._said = False

    def on_start(self, event: Any) -> None:
        if not self._said:
            self._said = True
            _log.warning("Compiling the alignment for this processor, once; it takes some ten seconds.")

    def on_end(self, event: Any) -> None:
        pass


def compile_icp() -> None:
    """Align nothing to nothing, for the compiler's sake; it says so on the log where there is something to compile."""
    listener = _SaysOnce()
    event.register("numba:compile", listener)
    try:
        start = np.eye(3, dtype=np.float32)[None], np.ones(1, np.float32), np.zeros((1, 2), np.float32)
        align(np.zeros((1, 32, 32, 32), np.float32), np.zeros((1, 60, 3), np.float32), *start)
    finally:
        event.unregister("numba:compile", listener)
