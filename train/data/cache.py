"""Where pictures and labels derived from training portraits live: a folder outside the repository."""

from __future__ import annotations

import os
from pathlib import Path

ENVIRONMENT_NAME = "MMFACE_TRAIN_CACHE"


def cache_folder() -> Path:
    """The training cache, created if missing: the folder that MMFACE_TRAIN_CACHE names, or ~/.cache/mmface/train."""
    folder = Path(os.environ.get(ENVIRONMENT_NAME) or Path.home() / ".cache" / "mmface" / "train")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
