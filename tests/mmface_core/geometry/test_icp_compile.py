"""What a fresh machine pays before its first frame: the compiler's work, counted rather than timed."""

from __future__ import annotations

import json
import subprocess
import sys

# Prints the names of everything that is compiled in a first alignment, ours and numba's own.
FIRST_ALIGNMENT = """
import json
import numpy as np
from numba.core import event
from mmface_core.geometry.align import align

volume = np.zeros((2, 64, 64, 64), np.float32)
volume[:, 20:44, 20:44, 20:44] = 1
points = np.random.default_rng(0).normal(0, 20, (2, 600, 3)).astype(np.float32)
pose = np.tile(np.eye(3, dtype=np.float32), (2, 1, 1)), np.ones(2, np.float32), np.zeros((2, 2), np.float32)
with event.install_recorder("numba:compile") as recorder:
    align(volume, points, *pose)
    align(volume.astype(np.float64), points[:, :300], *pose, with_scale=True)
names = [e.data["dispatcher"].py_func for _, e in recorder.buffer if e.is_start]
print(json.dumps([[function.__module__, function.__name__] for function in names]))
"""


def test_a_first_alignment_compiles_each_step_once_and_little_else(tmp_path):
    # An alignment once brought numba's sorting and text routines with it: half a minute before the first frame.
    run = subprocess.run(
        [sys.executable, "-c", FIRST_ALIGNMENT],
        env={"NUMBA_CACHE_DIR": str(tmp_path), "PATH": "", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    compiled = [tuple(entry) for entry in json.loads(run.stdout)]
    ours = [entry for entry in compiled if entry[0].startswith("mmface_core.")]
    assert ours, "nothing was compiled: the cache was not empty"
    assert len(set(ours)) == len(ours), "compiled again for other types"
    assert len(compiled) - len(ours) < 60
