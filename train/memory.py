"""Process settings for training on a CPU that is shared; call them before torch is imported."""

from __future__ import annotations

import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -2, -3, -4


def keep_freed_memory() -> None:
    """Tell glibc's malloc to serve large blocks from its heap and never to give it back.

    Page faults of fresh mappings cost up to half of a training step on a CPU. No effect outside Linux.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(_M_TOP_PAD, 256 * 2**20)
    except (OSError, AttributeError):
        return  # another C library: training is only slower


def wait_without_spinning() -> None:
    """Let OpenMP threads sleep at barriers. A spinning thread keeps the core that its sibling needs.

    Beside one other busy process on two cores, a small step took 412 ms with spinning and 19 ms without.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
