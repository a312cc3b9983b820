"""Where the files are that ship inside the package."""

import os
from pathlib import Path

from mmface_core.errors import UserError


def asset(name: str) -> Path:
    """Path of a bundled asset; the environment variable MMFACE_ASSETS names another folder.

    Raises UserError where the file is missing.
    """
    folder = Path(os.environ.get("MMFACE_ASSETS") or Path(__file__).parent / "assets")
    path = folder / name
    if not path.is_file():
        raise UserError(f"The file {path} is missing; reinstall mmface, or unset MMFACE_ASSETS if it points elsewhere.")
    return path
