"""Fixtures that several folders of tests use."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The measuring data beside the checkout, which users do not have; where CI runs it must be there."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"{folder} is missing, and CI must measure on it")
        pytest.skip(f"needs the measuring data in {folder}")
    return folder
