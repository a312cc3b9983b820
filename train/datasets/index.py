"""Index files: which pictures of a dataset can be used, found out once.

A CSV of one line a picture; its first line says which dataset and where. Bad files are left out, counted by reason.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmface_core.errors import UserError
from mmface_core.whole_file import write_whole
from train.data.cache import cache_folder
from train.datasets.kinds import KINDS, Dataset, kind_of
from train.datasets.labels import BadItem, Item

SCHEMA = "mmface-dataset/1"
SHOWN = 5


@dataclass(frozen=True)
class Index:
    """A dataset and its usable items; bad: reason -> how many files were left out for it, examples: some of them."""

    dataset: Dataset
    items: tuple[Item, ...]
    bad: dict[str, int]
    examples: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """What was found, for the user."""
        rows = [f"{self.dataset.title} at {self.dataset.root}: {len(self.items)} faces, {sum(self.bad.values())} bad"]
        rows += [f"  {count} left out: {reason}" for reason, count in sorted(self.bad.items())]
        return rows + [f"  for example {name}" for name in self.examples[:SHOWN]]


def build_index(root: Path, kind: str | None = None, progress: Callable[[int], None] | None = None) -> Index:
    """Look at every label file of a dataset. UserError where nothing can be used.

    Pictures are only asked whether they are there; one that does not decode is counted when it is read.
    """
    name = kind or kind_of(root)
    if name not in KINDS:
        raise UserError(f"There is no dataset called {name!r}; known are {', '.join(KINDS)}.")
    dataset = KINDS[name](root.resolve())
    items: list[Item] = []
    bad: Counter[str] = Counter()
    examples: list[str] = []
    for number, item in enumerate(dataset.scan()):
        try:
            if not (dataset.root / item.picture).is_file():
                raise BadItem("the picture is missing")
            dataset.labels(item)
            items.append(item)
        except BadItem as error:
            bad[str(error)] += 1
            if len(examples) < SHOWN:
                examples.append(f"{item.name}: {error}")
        if progress is not None:
            progress(number + 1)
    if not items:
        why = "; ".join(f"{count} {reason}" for reason, count in bad.items()) or "nothing was found"
        raise UserError(f"{root} holds no face of {dataset.title} that can be used ({why}).")
    return Index(dataset, tuple(items), dict(bad), tuple(examples))


def write_index(index: Index, path: Path) -> None:
    """Write the index, whole or not at all."""
    head = {
        "schema": SCHEMA,
        "kind": index.dataset.key,
        "root": str(index.dataset.root),
        "bad": index.bad,
        "examples": list(index.examples),
    }
    text = io.StringIO(newline="")
    text.write("#" + json.dumps(head) + "\n")
    writer = csv.writer(text)
    writer.writerow(Item._fields)
    writer.writerows(index.items)
    try:
        write_whole(path, text.getvalue())
    except OSError as error:
        raise UserError(f"The index cannot be written to {path} ({error.strerror}).") from error


def read_index(path: Path) -> Index:
    """Read an index file. UserError where it is none, of another version, or its dataset has moved."""
    try:
        with path.open(newline="") as file:
            head = json.loads(file.readline().removeprefix("#"))
            if head["schema"] != SCHEMA:
                raise UserError(f"{path} is an index of another version; make it again.")
            rows = list(csv.reader(file))[1:]
        items = tuple(Item(name, picture, labels, int(frame)) for name, picture, labels, frame in rows)
        dataset = KINDS[head["kind"]](Path(head["root"]))
    except UserError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no index of a dataset ({error}); make it with mmface dataset.") from error
    if not dataset.root.is_dir():
        raise UserError(f"The dataset of {path} is no longer at {dataset.root}; make the index again.")
    return Index(dataset, items, head.get("bad", {}), tuple(head.get("examples", ())))


def open_dataset(where: str | Path, progress: Callable[[int], None] | None = None) -> Index:
    """An index file, a dataset's folder, or KIND:FOLDER, with $VARIABLES filled in. A folder's index is kept in the
    training cache.
    """
    text = os.path.expandvars(str(where))
    kind, _, rest = text.partition(":")
    chosen: str | None = None
    if kind in KINDS and rest:
        chosen, text = kind, rest
    path = Path(text).expanduser()
    if path.is_file():
        return read_index(path)
    if not path.is_dir():
        raise UserError(f"There is no dataset at {path}.")
    chosen = chosen or kind_of(path)
    stamp = f"{path.resolve()}|{chosen}|{_fingerprint(path)}"
    kept = cache_folder() / "datasets" / f"{chosen}-{hashlib.sha256(stamp.encode()).hexdigest()[:16]}.csv"
    if kept.is_file():
        return read_index(kept)
    index = build_index(path, chosen, progress)
    write_index(index, kept)
    return index


def _fingerprint(root: Path) -> str:
    """Changes when files come or go in the dataset's folders."""
    folders = sorted(path for path in root.rglob("*") if path.is_dir())
    return ",".join(str(path.stat().st_mtime_ns) for path in (root, *folders))
