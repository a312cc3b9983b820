"""Files that are there whole or not at all: made under another name beside their own, then renamed."""

import os
import tempfile
import uuid
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a text file, safe on the disk when this returns. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(text.encode("utf-8", "surrogateescape"))
        file.flush()
        os.fsync(file.fileno())


class replacing:
    """A temporary file beside `path` that takes its place at the end, or vanishes where the writing fails."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self):  # type: ignore[no-untyped-def]
        # Short, since a name near the system's limit of 255 bytes leaves no room for anything behind it.
        handle, self._temporary = tempfile.mkstemp(dir=self._path.parent, prefix=".unfinished-")
        self._file = os.fdopen(handle, "wb")
        return self._file

    def __exit__(self, kind: object, *_rest: object) -> None:
        try:
            self._file.close()  # a full disk may show only now
            if kind is None:
                umask = os.umask(0)
                os.umask(umask)
                os.chmod(self._temporary, 0o666 & ~umask)  # mkstemp makes it private
                os.replace(self._temporary, self._path)
        finally:
            if os.path.exists(self._temporary):
                os.unlink(self._temporary)


def unfinished_path(path: Path) -> Path:
    """A name beside `path` for a file in the making: relative paths in it come out right, and the last step is a
    rename.
    """
    return path.resolve().with_name(f".unfinished-{uuid.uuid4().hex[:8]}{path.suffix}")
