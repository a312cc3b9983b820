"""A picture sheet of a rig's 52 keys, one face each, to judge by eye."""

import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_NAMES
from retarget.blender import Blender
from retarget.registration.create import Progress
from retarget.registration.register import Registration
from retarget.registration.view import View

_COLUMNS = 9
_CELL = 200  # px, side of one face
_LABEL = 20  # px, height of the name below it
_HEIGHT_MM = 215.0  # what a cell shows of the head
_UP_MM = -2.0  # the face's middle lies so far above the head frame's origin
# Shown with an open mouth, without which one cannot see what they are for.
_WITH_JAW = {"mouthClose": 1.0, "tongueOut": 0.4}


def draw_sheet(
    rig: Path, registration: Registration, path: Path, blender: Blender, progress: Progress | None = None
) -> None:
    """Render `rig` at rest and with each ARKit key at 1, from the front and turned a little, as one picture `path`.

    Raises UserError where the picture cannot be written.
    """
    axes = registration.to_world.rotation
    front = axes @ np.array([np.sin(0.25), 0.05, np.cos(0.25)])  # a quarter view shows what comes forward
    centre = registration.to_world.apply(np.array([[0.0, _UP_MM, 0.0]]))[0]
    height = _HEIGHT_MM * registration.to_world.scale
    poses: list[tuple[str, dict[str, float]]] = [("neutral", {})]
    for name in ARKIT_NAMES:
        keys = {name: 1.0, **({"jawOpen": _WITH_JAW[name]} if name in _WITH_JAW else {})}
        poses.append((name + (" + jawOpen" if len(keys) > 1 else ""), keys))
    views = []
    for number, (_, keys) in enumerate(poses):
        view = View(f"{number:02d}", centre, front / np.linalg.norm(front), axes[:, 1], height)
        views.append({**view.to_json(), "keys": keys})
    with tempfile.TemporaryDirectory(prefix="mmface-sheet-") as folder:
        steps: list[dict[str, Any]] = [
            {"do": "open", "path": str(rig.resolve())},
            {"do": "portraits", "folder": folder, "views": views, "size": _CELL},
        ]
        blender.run(steps, rig.name, progress)
        cells = [
            _labelled(cv2.imread(str(Path(folder, f"{number:02d}.jpg"))), text)
            for number, (text, _) in enumerate(poses)
        ]
    blank = np.full_like(cells[0], 24)
    cells += [blank] * (-len(cells) % _COLUMNS)
    rows = [np.hstack(cells[i : i + _COLUMNS]) for i in range(0, len(cells), _COLUMNS)]
    if not cv2.imwrite(str(path), np.vstack(rows)):
        raise UserError(f"The sheet could not be written to {path}.")


def _labelled(picture: NDArray[Any], text: str) -> NDArray[Any]:
    label = np.full((_LABEL, picture.shape[1], 3), 24, np.uint8)
    scale = min(0.42, 0.42 * picture.shape[1] / (6.6 * max(len(text), 1)))
    cv2.putText(label, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, scale, (225, 225, 225), 1, cv2.LINE_AA)
    return np.vstack([picture, label])
