"""The long proof of the batch ends where it cannot go on."""

import pytest

from benchmarks import batch_proof


def test_a_scheduler_that_dies_ends_the_proof_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(batch_proof.sys, "executable", "/bin/false")
    with pytest.raises(SystemExit, match="scheduler does not come up"), batch_proof.cluster(tmp_path / "dask"):
        pass
