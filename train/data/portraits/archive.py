"""Reading the portrait pictures out of tar shards, in a fixed order."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path


def iterate_jpegs(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (name, JPEG bytes) of every portrait in the folder's `*.tar` shards, shards and members sorted by name.

    Raises FileNotFoundError where the folder holds no shard.
    """
    shards = sorted(Path(folder).glob("*.tar"))
    if not shards:
        raise FileNotFoundError(f"{folder} holds no .tar shard of portraits.")
    for shard in shards:
        with tarfile.open(shard) as archive:
            members = sorted((m for m in archive.getmembers() if m.isfile()), key=lambda member: member.name)
            for member in members:
                handle = archive.extractfile(member)
                if handle is not None and member.name.lower().endswith((".jpg", ".jpeg")):
                    yield member.name, handle.read()
