"""Disks that are full or read-only end in a sentence, and in no half file."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.readers import seed_take

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 2_000  # bytes that a file may have: as a disk that is full from there on


def limited() -> None:
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # else the process dies at once; a full disk does not kill
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))


@pytest.mark.parametrize("what", ["take", "motion", "manifest"])
def test_a_disk_that_fills_up_leaves_no_half_file(tmp_path, what):
    script = {
        "take": "from tests.fuzz.readers import *; seed_take(Path('o/a.npz'))",
        "motion": (
            "import numpy as np; from retarget.motion import *; from retarget.timing import FrameRate;"
            "save_motion(RigMotion('c', FrameRate(25, 1.0), 1, 9000, (KeyCurve('a', 'b', np.zeros(9000)),), ()),"
            " 'o/a.json')"
        ),
        "manifest": (
            "from retarget.batch.store import Store; from pathlib import Path;"
            "Store(Path('o')).write_manifest([{'a': 'x' * 99}] * 999)"
        ),
    }[what]
    (tmp_path / "o").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        preexec_fn=limited,
    )
    assert done.returncode == 1 and "File too large" in done.stderr, done.stderr
    assert not [p.name for p in (tmp_path / "o").iterdir()]


def test_a_full_small_disk_ends_in_one_sentence(tmp_path):
    """A file system of 64 kB, where this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a small file system, and here not even root")
    try:
        seed_take(tmp_path / "t.npz")
        (disk / "filler").write_bytes(bytes(60_000))
        clips = tmp_path / "clips"
        clips.mkdir()
        seed_take(clips / "a.npz")
        for arguments in (["batch", str(clips), "-o", str(disk / "out"), "--workers", "1", "--quiet"],):
            done = subprocess.run(
                [sys.executable, "-c", "from mmface_core.cli import main; main()", *arguments],
                capture_output=True,
                text=True,
                cwd=ROOT,
            )
            assert done.returncode in (2, 3), done.stderr
            assert "Traceback" not in done.stderr
        assert not list(disk.rglob("*.npz"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("name", ["Ünï 顔", 'a "quoted" name', "x" * 251])
def test_takes_with_odd_and_longest_names_are_written_and_read(tmp_path, name):
    from mmface_core.take import Take

    seed_take(tmp_path / f"{name}.npz")
    assert len(Take.load(tmp_path / f"{name}.npz")) == 12
