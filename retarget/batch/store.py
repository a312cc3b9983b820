"""The output folder of a batch: which tasks are finished, written so that no moment of interruption can lie.

`.mmface/done/` holds a record for each finished task, written after its outputs lie under their final names.
`manifest.jsonl` is those records, one a line, for people and programs. Both are replaced whole.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from mmface_core.errors import UserError
from mmface_core.whole_file import write_whole
from retarget.batch.plan import Task

SCHEMA = "mmface-batch/1"


class Store:
    """The folder. `with` holds a lock, so that two batches never write to one folder at once."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.inner = out / ".mmface"
        self._lock: IO[str] | None = None

    def __enter__(self) -> "Store":
        try:
            self.inner.mkdir(parents=True, exist_ok=True)
            self._lock = (self.inner / "lock").open("w")
        except OSError as error:
            raise UserError(f"The folder {self.out} cannot be written to ({error.strerror or error}).") from error
        import fcntl

        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise UserError(f"Another batch is writing to {self.out}; wait for it, or give another folder.") from None
        self._sweep()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock:
            self._lock.close()

    def _sweep(self) -> None:
        """Remove what killed processes were in the middle of writing."""
        for pattern in (".unfinished-*", ".mmface-preview-*", ".mmface-encode-*"):
            for path in list(self.out.rglob(pattern)):
                _remove(path)

    def record_path(self, task: Task) -> Path:
        return self.inner / "done" / f"{hashlib.sha256(task.id.encode()).hexdigest()[:32]}.json"

    def finished(self, task: Task) -> dict[str, Any] | None:
        """The record of a finished task whose inputs and options are still the same and whose outputs are there."""
        try:
            record = json.loads(self.record_path(task).read_text(encoding="utf-8"))
            if record["key"] != task.key or record["schema"] != SCHEMA:
                return None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return record if all((self.out / name).exists() for name in task.outputs) else None

    def set_aside(self, task: Task) -> list[str]:
        """Before a task is redone: keep outputs that somebody has edited; return their new names."""
        try:
            record = json.loads(self.record_path(task).read_text(encoding="utf-8"))
            written: dict[str, dict[str, Any]] = {entry["path"]: entry for entry in record["outputs"]}
        except (OSError, ValueError, KeyError, TypeError):
            written = {}
        moved = []
        for name in task.outputs:
            path = self.out / name
            if not path.exists() or name.startswith(".mmface/") or path.name == "render.json":
                continue
            known = written.get(name)
            if known and (known["bytes"], known["changed"]) != _stamp(path):
                number = 1
                while (kept := path.with_name(f"{path.stem}.edited{number}{path.suffix}")).exists():
                    number += 1
                path.rename(kept)
                moved.append(str(kept.relative_to(self.out)))
        return moved

    def finish(self, task: Task, facts: dict[str, Any]) -> dict[str, Any]:
        """Record a task as finished; its outputs must be in place."""
        outputs = []
        for name in task.outputs:
            size, changed = _stamp(self.out / name)
            outputs.append({"path": name, "bytes": size, "changed": changed})
        record: dict[str, Any] = {
            "schema": SCHEMA,
            "id": task.id,
            "stage": task.stage,
            "name": task.name,
            "key": task.key,
        }
        record |= {"outputs": outputs, **facts}
        write_whole(self.record_path(task), json.dumps(record))
        return record

    def write_manifest(self, records: Iterable[dict[str, Any]]) -> None:
        """Raises UserError where it cannot be written: then nothing else can, and the batch has to end."""
        self.write("manifest.jsonl", "".join(json.dumps(record) + "\n" for record in records))

    def write(self, name: str, text: str) -> None:
        """Write a text file of the folder, whole or not at all. Raises UserError."""
        try:
            write_whole(self.out / name, text)
        except OSError as error:
            raise UserError(
                f"{self.out / name} cannot be written ({error.strerror or error}); what is finished is kept."
            ) from error

    def hashes(self, hash_file: Callable[[Path], str]) -> "Hashes":
        return Hashes(self.inner / "hashes.json", hash_file)

    def drop_pieces(self, files: Iterable[str]) -> None:
        """Remove the pieces of a clip that is joined."""
        for file in files:
            with suppress(OSError):
                (self.out / file).unlink()
        for file in files:
            with suppress(OSError):
                (self.out / file).parent.rmdir()


class Hashes:
    """Fingerprints of inputs, remembered by size and time of change, so that a second run starts at once."""

    def __init__(self, path: Path, hash_file: Callable[[Path], str]) -> None:
        self._path, self._hash = path, hash_file
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            self._known: dict[str, list[Any]] = known if isinstance(known, dict) else {}
        except (OSError, ValueError):
            self._known = {}

    def __call__(self, path: Path) -> str:
        name = str(path.resolve())
        if path.is_dir():
            return self._hash(path)
        try:
            status = path.stat()
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error.strerror or error}).") from error
        stamp = [status.st_size, status.st_mtime_ns]
        known = self._known.get(name)
        if not (isinstance(known, list) and len(known) == 3 and known[:2] == stamp):
            known = self._known[name] = [*stamp, self._hash(path)]
        return str(known[2])

    def save(self) -> None:
        with suppress(OSError):  # a disk that is full is told by what matters
            write_whole(self._path, json.dumps(self._known))


def _stamp(path: Path) -> tuple[int, int]:
    """Bytes and time of the last change (ns) of a file, or of all files of a folder."""
    stats = [file.stat() for file in ([*path.iterdir()] if path.is_dir() else [path])]
    return sum(status.st_size for status in stats), max((status.st_mtime_ns for status in stats), default=0)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
