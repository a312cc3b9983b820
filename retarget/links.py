"""The same picture under another name, on any disk."""

import os
import shutil
from pathlib import Path


def same_picture(source: Path, target: Path) -> None:
    """Let `target` be the file `source`: a link, or a copy where the disk knows no links (exFAT, some shares)."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
