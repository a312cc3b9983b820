"""What counts as a take on a command line: our own .npz, and the recordings of other tools."""

from pathlib import Path

from mmface_core.take import Take

TAKE_KINDS = (".npz", ".csv", ".txt", ".json")


def is_take(path: str | Path) -> bool:
    """Whether a file is read as a take, by its ending."""
    return Path(path).suffix.lower() in TAKE_KINDS


def open_take(path: str | Path) -> Take:
    """A take (.npz), a Live Link Face CSV, a Face Cap .txt, or a table of weights (.csv, .json).

    Raises UserError where the file is missing or is none of these; a mistake in a text file is named with its line.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind == ".txt":
        from retarget.exchange import face_cap

        return face_cap.read(path)
    if kind == ".json":
        from retarget.exchange import weights_json

        return weights_json.read(path)
    if kind == ".csv":
        from retarget.exchange import live_link_face, weights_csv

        return live_link_face.read(path) if live_link_face.is_ours(path) else weights_csv.read(path)
    return Take.load(path)
