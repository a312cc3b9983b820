"""The same few broken files for every reader, in every run of the tests; `make fuzz` tries thousands."""

import shutil
from pathlib import Path

import pytest

from mmface_core.errors import UserError
from tests.fuzz.campaign import run
from tests.fuzz.mutate import case
from tests.fuzz.readers import READERS

CASES = 25
HEAVY_CASES = 4
BLENDER_CASES = 6
SEED = 1


@pytest.mark.parametrize("reader", [r for r in READERS if not r.slow], ids=lambda r: r.name)
def test_a_broken_file_is_read_or_refused_with_a_sentence(reader, tmp_path):
    good = tmp_path / f"good{reader.suffix}"
    reader.seed(good)
    if reader.name != "piece of a capture":  # of which only refusals are tried
        reader.read(good)
    folder = tmp_path / "case"
    folder.mkdir()
    for beside in tmp_path.glob("good.*"):
        shutil.copy(beside, folder / beside.name)
    before = {p.name for p in tmp_path.iterdir()}
    refused = 0
    for number in range(HEAVY_CASES if reader.heavy else CASES):
        path = folder / f"case{reader.suffix}"
        path.write_bytes(case(good, reader.suffix, number, SEED))
        try:
            reader.read(path)
        except UserError as error:
            assert str(error)
            refused += 1
    assert refused > 0
    assert {p.name for p in tmp_path.iterdir()} == before


@pytest.mark.slow
@pytest.mark.blender
@pytest.mark.parametrize("reader", [r for r in READERS if r.slow], ids=lambda r: r.name)
def test_a_broken_rig_ends_with_its_child(reader, tmp_path):
    counts, _, findings, _ = run(reader, BLENDER_CASES, SEED, Path(tmp_path, "kept"))
    assert not findings
    assert counts.total() == BLENDER_CASES and counts["refused"] > 0
