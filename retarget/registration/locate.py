"""Finds the face on a rig: renders it from all sides, lets our capture look, leads the points back to the mesh."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from mmface_core.take import Take
from retarget.blender import Blender
from retarget.registration.surface import Surface

Array = NDArray[np.floating]

PIXELS = 512  # side of the rendered pictures: the network looks at 256 of them
TRUSTED = 0.3  # a capture less confident than this is taken for a mistake
_AROUND = 8  # directions of the first round of pictures
_FACE_MM = 330.0  # height of the picture of the second round, mm of a human head
_CLOSE = 1.0  # px/mm of a picture near enough to judge lids and lips by
_NEARBY_DEG = ((14, 0), (-14, 0), (0, 10), (0, -10), (9, 7), (-9, 7))  # yaw and pitch of further pictures
_WORTH = 0.5  # of the surest reading's confidence: less sure ones are left out
_SAME_VIEW_DEG = 5.0  # pictures from directions nearer to each other than this are read alike
_SAME_MM = 10.0  # readings whose inner landmarks lie, on average, nearer to each other than this mean the same face
_DEPTH_ERROR_MM = 25.0  # how far the capture's own depth of a landmark may be off
_CONTOUR = range(17)  # landmarks that slide along the silhouette: no places on the skin
_INNER = np.arange(17, 68)
_FEWEST_HITS = 10  # inner landmarks on a mesh, to judge anything by

Capture = Callable[[Path], Take | None]


@dataclass(frozen=True)
class View:
    """A parallel camera: looks against `front` at `centre` (3,), `height` world units fill the picture."""

    name: str
    centre: Array
    front: Array
    up: Array
    height: float

    @property
    def axes(self) -> Array:
        """(3, 3) columns: right in the picture, up in it, towards the camera; world."""
        side = np.cross(self.up, self.front)
        side /= np.linalg.norm(side)
        return np.stack([side, np.cross(self.front, side), self.front], axis=1)

    def to_json(self) -> dict[str, Any]:
        """The view as the child's step `portraits` takes it."""
        vectors = {name: [float(x) for x in getattr(self, name)] for name in ("centre", "front", "up")}
        return {"name": self.name, **vectors, "height": float(self.height)}

    def to_picture(self, points: Array, pixels: int = PIXELS) -> Array:
        """World points (N, 3) as pixel x, pixel y (down) and depth towards the camera in pixels."""
        local = (points - self.centre) @ self.axes * (pixels / self.height)
        middle = (pixels - 1) / 2
        return np.stack([middle + local[:, 0], middle - local[:, 1], local[:, 2]], axis=1)

    def to_world(self, picture: Array, pixels: int = PIXELS) -> Array:
        """The inverse of `to_picture`."""
        middle = (pixels - 1) / 2
        local = np.stack([picture[:, 0] - middle, middle - picture[:, 1], picture[:, 2]], axis=1)
        return self.centre + local @ self.axes.T * (self.height / pixels)


@dataclass(frozen=True)
class FoundFace:
    """A face on the rig, seen by our capture.

    axes (3, 3): columns left, up, front of the head in the world; scale: world units per mm of the model;
    landmarks (68, 3) world, on the mesh where `seen` (68,), elsewhere at the capture's own depth; objects: the meshes
    that the landmarks lie on, most first; identity (80,) as captured; confidence 0..1.
    """

    axes: Array
    scale: float
    landmarks: Array = field(repr=False)
    seen: NDArray[np.bool_] = field(repr=False)
    objects: tuple[str, ...]
    identity: Array = field(repr=False)
    confidence: float


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
        read = _each_direction_once([best, *close, *look(_views_near(*best))])
        sure = [pair for pair in read if pair[1].confidence[0] >= _WORTH * best[1].confidence[0]]
        return hypotheses([_lead_back(view, take, shown) for view, take in sure])


def hypotheses(faces: Sequence[FoundFace]) -> list[FoundFace]:
    """Readings that mean the same face made one (`agreed`); what the most mean comes first."""
    groups: list[list[FoundFace]] = []
    for face in faces:
        for group in groups:
            first = group[0]
            apart = np.linalg.norm(face.landmarks[_INNER] - first.landmarks[_INNER], axis=1).mean()
            if apart < _SAME_MM * first.scale:
                group.append(face)
                break
        else:
            groups.append([face])
    return [agreed(group) for group in sorted(groups, key=len, reverse=True)]


def agreed(faces: Sequence[FoundFace]) -> FoundFace:
    """What several readings of one face have in common; the first is the surest and says which objects it lies on.

    A landmark is the median of the places where it was seen, and counts as seen where half of the readings saw it.
    """
    first = faces[0]
    seen = np.stack([face.seen for face in faces])  # (n, 68)
    places = np.stack([face.landmarks for face in faces])
    on_mesh = np.where(seen[..., None], places, np.nan)
    often = seen.mean(axis=0) >= 0.5
    landmarks = np.median(places, axis=0)
    landmarks[often] = np.nanmedian(on_mesh[:, often], axis=0)
    return replace(
        first,
        axes=Rotation.from_matrix(np.stack([face.axes for face in faces])).mean().as_matrix(),
        scale=float(np.median([face.scale for face in faces])),
        landmarks=landmarks,
        seen=often,
        identity=np.mean([face.identity for face in faces], axis=0),
    )


def _each_direction_once(read: Sequence[tuple[View, Take]]) -> list[tuple[View, Take]]:
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


def bulges(view: View, take: Take, surfaces: Sequence[Surface]) -> bool:
    """Whether the mesh stands out where the face that was read does. A mask seen from inside looks like a face, too."""
    picture = np.asarray(take.landmarks[0], float)[_INNER]
    depth = _depths(view, picture, surfaces).max(axis=0)  # (51,)
    hit = np.isfinite(depth)
    return bool(hit.sum() >= _FEWEST_HITS and np.corrcoef(depth[hit], picture[hit, 2])[0, 1] > 0.0)


def _lead_back(view: View, take: Take, surfaces: Sequence[Surface]) -> FoundFace:
    """The picture's landmarks on the meshes: on those that most of the inner ones hit first."""
    picture = np.asarray(take.landmarks[0], float)
    depth = _depths(view, picture, surfaces)  # (meshes, 68)
    nearest = depth.argmax(axis=0)
    struck = np.isfinite(depth.max(axis=0))
    votes = {s.object: int(((nearest == i) & struck)[_INNER].sum()) for i, s in enumerate(surfaces)}
    # A mesh that a sixth of the face lies on belongs to it; an eyeball or a strand of hair does not.
    objects = tuple(sorted((o for o, n in votes.items() if n >= len(_INNER) / 6), key=lambda o: -votes[o]))
    kept = [i for i, s in enumerate(surfaces) if s.object in objects]
    best = depth[kept].max(axis=0) if kept else np.full(68, -np.inf)
    seen = np.isfinite(best)
    seen[list(_CONTOUR)] = False
    # The capture knows how deep the points lie among themselves: a ray through an empty eye socket is no landmark.
    offset = np.where(seen, best - picture[:, 2], np.nan)
    shift = float(np.nanmedian(offset)) if seen.any() else 0.0
    seen &= np.abs(np.where(seen, best, 0.0) - picture[:, 2] - shift) < _DEPTH_ERROR_MM * float(take.scale[0])
    placed = picture.copy()
    placed[:, 2] = np.where(seen, best, picture[:, 2] + shift)
    return FoundFace(
        axes=view.axes @ take.rotation[0],
        scale=view.height / PIXELS * float(take.scale[0]),
        landmarks=view.to_world(placed),
        seen=seen,
        objects=objects,
        identity=np.asarray(take.identity, float),
        confidence=float(take.confidence[0]),
    )


def _depths(view: View, picture: Array, surfaces: Sequence[Surface]) -> Array:
    """The depth (meshes, Q) of each mesh under points (Q, 3) of the picture, -inf where it is missed."""
    return np.stack([cast_rays(picture[:, :2], view.to_picture(s.positions), s.triangles) for s in surfaces])


def cast_rays(pixels: Array, picture: Array, triangles: NDArray[np.integer]) -> Array:
    """The greatest depth (Q,) at which rays through pixels (Q, 2) meet a mesh whose vertices are picture (N, 3).

    -inf where a ray misses.
    """
    corners = picture[triangles]  # (F, 3, xyz)
    low, high = corners[:, :, :2].min(axis=1), corners[:, :, :2].max(axis=1)
    depth = np.full(len(pixels), -np.inf)
    for number, (x, y) in enumerate(pixels):
        near = corners[(low[:, 0] <= x) & (x <= high[:, 0]) & (low[:, 1] <= y) & (y <= high[:, 1])]
        if not len(near):
            continue
        a, b, c = near[:, 0], near[:, 1], near[:, 2]
        double = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
        safe = np.where(np.abs(double) < 1e-12, np.inf, double)
        s = ((x - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (y - a[:, 1])) / safe
        t = ((b[:, 0] - a[:, 0]) * (y - a[:, 1]) - (x - a[:, 0]) * (b[:, 1] - a[:, 1])) / safe
        inside = (s >= 0) & (t >= 0) & (s + t <= 1) & np.isfinite(safe)
        if inside.any():
            depth[number] = (a[:, 2] + s * (b[:, 2] - a[:, 2]) + t * (c[:, 2] - a[:, 2]))[inside].max()
    return depth
