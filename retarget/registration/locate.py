"""Finds the face on a rig: renders it from all sides, lets our capture look, leads the points back to the mesh."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from mmface_core.take import Take
from retarget.blender import Blender
from retarget.registration.found_face import FoundFace, hypotheses
from retarget.registration.lead_back import bulges, lead_back
from retarget.registration.surface import Surface
from retarget.registration.view import PIXELS, View

Array = NDArray[np.floating]

TRUSTED = 0.3  # a capture less confident than this is taken for a mistake
_AROUND = 8  # directions of the first round of pictures
_FACE_MM = 330.0  # height of the picture of the second round, mm of a human head
_CLOSE = 1.0  # px/mm of a picture near enough to judge lids and lips by
_NEARBY_DEG = ((14, 0), (-14, 0), (0, 10), (0, -10), (9, 7), (-9, 7))  # yaw and pitch of further pictures
_WORTH = 0.5  # of the surest reading's confidence: less sure ones are left out
_SAME_VIEW_DEG = 5.0  # pictures from directions nearer to each other than this are read alike

Capture = Callable[[Path], Take | None]


def still_capture() -> Capture:
    """Our own capture for one picture of a rig: the take of its largest face, None where it shows none."""
    from mmface_core.capture.engine import NoFaceError
    from mmface_core.capture.load import load_engine
    from mmface_core.capture.sources import open_source
    from mmface_core.geometry.fit import FitConfig

    # Artists' heads lie farther from the model's mean than people's, and the network is less sure of them.
    engine = load_engine(fit=FitConfig(identity=1.5, n_identity=80, rotation=0.06, log_scale=0.06, translation=3.0))

    def capture(path: Path) -> Take | None:
        try:
            return engine.capture(open_source(path))[0]
        except NoFaceError:
            return None

    return capture


def find_face(
    rig: Path, surfaces: Sequence[Surface], focus: Array, blender: Blender, capture: Capture, hide: Sequence[str] = ()
) -> list[FoundFace]:
    """Look for a face around the points `focus` (n, 3) of the rig; empty where capture finds none that it trusts.

    First from all sides with z up, then with every other axis up; the best view says how the head is turned, closer
    pictures from there whether it is a face. Then a few from around it are read. On a face unlike those that the
    network knows, each reading is somewhat off in its own way, and some may mean another face altogether (a collar
    taken for the mouth): those that mean the same become one, and what most of them mean comes first. Which is right
    shows when the model is laid over the mesh. hide: objects to leave out (hair before a face).
    """
    low, high = focus.min(axis=0), focus.max(axis=0)
    centre, height = (low + high) / 2, 1.2 * float(np.linalg.norm(high - low))
    shown = [s for s in surfaces if s.visible and s.object not in hide]
    with tempfile.TemporaryDirectory(prefix="mmface-views-") as name:
        folder = Path(name)

        def look(views: list[View]) -> list[tuple[View, Take]]:
            steps: list[dict[str, Any]] = [
                {"do": "open", "path": str(rig.resolve())},
                {
                    "do": "portraits",
                    "folder": str(folder),
                    "views": [v.to_json() for v in views],
                    "size": PIXELS,
                    "hide": list(hide),
                },
            ]
            blender.run(steps, rig.name)
            takes = [(view, capture(folder / f"{view.name}.jpg")) for view in views]
            return [(view, take) for view, take in takes if take is not None and bulges(view, take, shown)]

        found = look(_views_around(centre, height, np.array([0.0, 0.0, 1.0]), _AROUND))
        if not found or max(t.confidence[0] for _, t in found) < TRUSTED:
            axes_up = [s * axis for axis in np.eye(3) for s in (1, -1) if not (axis[2] == 1 and s == 1)]
            for up in axes_up:
                found += look(_views_around(centre, height, up, _AROUND // 2))
        if not found:
            return []
        best, close = _surest(found), []
        for number in range(2):  # the second time straight from the front, however the first one was turned
            view, take = best
            # How an unusual face is turned may be read wrongly: then it is better seen as before, but closer.
            closer = [
                _closer(f"{name}{number}", view, take, axes)
                for name, axes in (("front", view.axes @ take.rotation[0]), ("as_before", view.axes))
            ]
            seen = look(closer)
            close += seen
            again = seen + [best] * bool(take.scale[0] >= _CLOSE)
            if not again:
                break
            before, best = best, _surest(again)
            if best is before:
                break
        if best[1].confidence[0] < TRUSTED:
            return []
        read = [best, *close, *look(_views_near(*best))]
        sure = [pair for pair in read if pair[1].confidence[0] >= _WORTH * best[1].confidence[0]]
        return hypotheses([lead_back(view, take, shown) for view, take in each_direction_once(sure)])


def each_direction_once(read: Sequence[tuple[View, Take]]) -> list[tuple[View, Take]]:
    """Without those whose camera looks as an earlier one does: what they say is no second opinion."""
    kept: list[tuple[View, Take]] = []
    for view, take in read:
        if all(view.front @ other.front < np.cos(np.radians(_SAME_VIEW_DEG)) for other, _ in kept):
            kept.append((view, take))
    return kept


def _surest(found: list[tuple[View, Take]]) -> tuple[View, Take]:
    return max(found, key=lambda pair: float(pair[1].confidence[0]))


def _closer(name: str, view: View, take: Take, axes: Array) -> View:
    """The face of `take` filling the picture of a camera with `axes` (3, 3), columns as those of `View.axes`."""
    pixel = np.array([[take.translation[0, 0], take.translation[0, 1], 0.0]])
    unit = view.height / PIXELS * float(take.scale[0])  # world units per mm
    return View(name, view.to_world(pixel)[0], axes[:, 2], axes[:, 1], _FACE_MM * unit)


def _views_near(view: View, take: Take) -> list[View]:
    """Closer pictures of a face from somewhat beside, above and below where `view` saw it best."""
    views = []
    for number, (yaw, pitch) in enumerate(_NEARBY_DEG):
        turn = Rotation.from_euler("yx", [yaw, pitch], degrees=True).as_matrix()
        views.append(_closer(f"near{number}", view, take, view.axes @ turn))
    return views


def _views_around(centre: Array, height: float, up: Array, count: int) -> list[View]:
    first = np.array([0.0, -1.0, 0.0]) if abs(up[1]) < 0.5 else np.array([0.0, 0.0, 1.0])
    second = np.cross(up, first)
    tag = "".join(f"{int(x):+d}" for x in up)
    angles = 2 * np.pi * np.arange(count) / count
    return [
        View(f"{tag}_{number}", centre, np.cos(a) * first + np.sin(a) * second, up, height)
        for number, a in enumerate(angles)
    ]
