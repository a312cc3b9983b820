"""From a good file a bad one: bytes broken anywhere, and lies where the format counts. Everything from a seed."""

import io
import json
import random
import zipfile
from pathlib import Path

NASTY = (0, -1, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, -(2**63), 10**30, 1e308, -1e308, float("nan"), float("inf"))
NASTY_TEXT = (
    "",
    "../../../etc/passwd",
    "/etc/passwd",
    "..\\..\\x",
    "a" * 70_000,
    "\0",
    "\ud7ff",
    "😀",
    "%s%n",
    "{0}",
    "__import__",
)


def mutated(data: bytes, suffix: str, rng: random.Random) -> bytes:
    """A broken version of a file of the kind `suffix`."""
    if suffix == ".npz" and rng.random() < 0.7:
        return _zip(data, rng)
    if suffix == ".json" and rng.random() < 0.7:
        return _json(data, rng)
    if suffix == ".jsonl" and rng.random() < 0.7:
        lines = data.split(b"\n")
        at = rng.randrange(len(lines))
        return b"\n".join([*lines[:at], _json(lines[at], rng), *lines[at + 1 :]])
    if suffix in (".csv", ".txt") and rng.random() < 0.5:
        return _cells(data, rng)
    if rng.random() < 0.02:
        return rng.choice([b"", b"\0", b"\0" * 4096, rng.randbytes(500), b"PK\x05\x06" + bytes(18), b"[" * 100_000])
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16, 64))):
        data = _bytes(data, rng)
    return data


def _bytes(data: bytes, rng: random.Random) -> bytes:
    if not data:
        return rng.randbytes(8)
    # Most of what a format declares lies at its beginning.
    reach = len(data) if rng.random() < 0.5 else min(len(data), 256)
    at = rng.randrange(reach)
    how = rng.randrange(7)
    if how == 0:
        return data[:at]
    if how == 1:
        return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
    if how == 2:
        size = rng.choice((1, 2, 4, 8))
        order = rng.choice(("little", "big"))
        value = rng.choice((0, 1, 2 ** (8 * size) - 1, 2 ** (8 * size - 1), rng.randrange(2 ** (8 * size))))
        return data[:at] + value.to_bytes(size, order) + data[at + size :]
    if how == 3:
        return data[:at] + rng.randbytes(rng.choice((1, 4, 16, 300))) + data[at:]
    if how == 4:
        return data[:at] + data[at + rng.choice((1, 4, 16, 300)) :]
    if how == 5:
        other = rng.randrange(len(data))
        return data[:at] + data[other : other + rng.randrange(1, 64)] + data[at:]
    digits = [i for i, byte in enumerate(data[:4096]) if 48 <= byte <= 57]
    if not digits:
        return data[:at] + b"\xff" + data[at + 1 :]
    at = rng.choice(digits)
    return data[:at] + rng.choice((b"999999999999", b"-1", b"nan", b"1e999", b"0x", b"9" * 5000)) + data[at + 1 :]


def _zip(data: bytes, rng: random.Random) -> bytes:
    """The archive with one entry broken inside, its checksums right: what reads it gets to see the lie."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    except (zipfile.BadZipFile, ValueError, OSError):
        return data[: len(data) // 2]
    names = list(entries)
    name = rng.choice(names)
    how = rng.randrange(7)
    if how == 0:
        entries[name] = _bytes(entries[name], rng)
    elif how == 1:  # a shape that promises much
        promise = rng.choice((b"(999999999999,)", b"(-1,)", b"(9999999, 9999999)", b"()", b"(0,)", b"(2, 2, 2, 2)"))
        entries[name] = _header(entries[name], b"shape", promise)
    elif how == 2:  # another kind, Python objects among them
        kind = rng.choice(
            (b"'|O'", b"'<f8'", b"'|S9'", b"'<U99'", b"'<M8[s]'", b"'|V8'", b"'>i4'", b"[('a','|O')]", b"'|b1'")
        )
        entries[name] = _header(entries[name], b"descr", kind)
    elif how == 3:
        del entries[name]
    elif how == 4:
        entries[rng.choice(("../../evil.npy", "/tmp/evil.npy", "x.txt", "x" * 60_000 + ".npy"))] = entries[name]
    elif how == 5:  # zeros compress a thousandfold
        entries[name] = entries[name][:128] + bytes(rng.choice((10_000, 50_000_000)))
    else:
        entries[name] = entries[rng.choice(names)]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for entry, content in entries.items():
            archive.writestr(entry, content)
    return out.getvalue()


def _header(array: bytes, key: bytes, value: bytes) -> bytes:
    """A .npy whose header says `value` for `key`; its length field agrees."""
    length = int.from_bytes(array[8:10], "little")
    text = array[10 : 10 + length]
    at = text.find(b"'" + key + b"': ")
    if at < 0:
        return array
    begin = at + len(key) + 4
    end = text.index(b"), ", begin) + 1 if key == b"shape" and b"), " in text[begin:] else text.index(b", ", begin)
    changed = text[:begin] + value + text[end:]
    return array[:8] + len(changed).to_bytes(2, "little") + changed + array[10 + length :]


def _cells(data: bytes, rng: random.Random) -> bytes:
    """The table with a few cells or lines replaced by others, by nothing, or by what is no number."""
    lines = data.split(b"\n")
    for _ in range(rng.choice((1, 1, 2, 5))):
        row = rng.randrange(len(lines))
        cells = lines[row].split(b",")
        at = rng.randrange(len(cells))
        how = rng.randrange(6)
        if how == 0:
            del cells[at]
        elif how == 1:
            lines[row] = rng.choice(lines)
            continue
        elif how == 2:
            cells[at] = rng.choice(cells)
        elif how == 3:
            cells[at] = str(rng.choice(NASTY)).encode()
        else:
            cells[at] = rng.choice((*NASTY_TEXT, '"', "99:99:99:99.999", "1e308", "5e-324")).encode("utf-8", "replace")
        lines[row] = b",".join(cells)
    return b"\n".join(lines)


def _json(data: bytes, rng: random.Random) -> bytes:
    """The document with a few values replaced by what a careful reader would not believe."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return data
    for _ in range(rng.choice((1, 1, 2, 5))):
        places = list(_places(document))
        if not places:
            break
        holder, key = rng.choice(places)
        how = rng.randrange(6)
        if how == 0:
            del holder[key]
        else:
            values = (rng.choice(NASTY), rng.choice(NASTY_TEXT), None, [], {}, [[[[1]]]], True, [holder[key]] * 3)
            holder[key] = rng.choice(values)
    return json.dumps(document).encode("utf-8", "surrogatepass")


def _places(value: object):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)


def case(seed_file: Path, suffix: str, number: int, seed: int) -> bytes:
    """The broken file number `number` of a campaign."""
    rng = random.Random(f"{seed}/{seed_file.name}/{number}")
    return mutated(seed_file.read_bytes(), suffix, rng)
