"""From a licence holder's face model to the project's own file: head frame, millimetres, landmarks, checks.

Nothing is guessed in silence: each decision is a line of the report, and what contradicts the file's own numbers ends
as a sentence that says what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmface_core.errors import UserError
from mmface_core.model.face_arrays import CAP_Z_MM, NOSE_TIP_Z_MM, SCHEMA
from mmface_core.model.readers.source import MM_PER_UNIT, MOST_VERTICES, Landmarks, SourceModel
from mmface_core.whole_file import replacing

MOST_LANDMARK_BYTES = 1 << 20  # 68 lines have some kilobytes, whatever is noted beside them
EYE_CORNERS = (36, 45)
EYE_CORNERS_MM = (65.0, 125.0)  # adults' outer eye corners lie 80 to 105 mm apart; models of all kinds stay in here
UNUSUAL_COSINE = 0.05  # two published components whose cosine is larger are not orthogonal
AXES = ("x", "y", "z", "-x", "-y", "-z")
NOTICE = (
    "Converted from a licensed face model ({name}) for its licence holder. This file falls under that model's licence; "
    "it must not be passed on without it."
)


@dataclass(frozen=True)
class Conversion:
    """arrays: a model file's content (schema `mmface-model/1`). report: what was read, decided and checked."""

    arrays: dict[str, np.ndarray]
    report: tuple[str, ...]


def convert(
    source: SourceModel, landmarks: Landmarks | None = None, unit: str | None = None, axes: str | None = None
) -> Conversion:
    """Bring a source model into the head frame (`mmface_core.conventions`), in millimetres.

    landmarks: the user's own 68, before the file's. unit: a key of `MM_PER_UNIT`, before the format's. axes: where the
    file's axes lead, for example "x,-z,y" for a file with z up. Raises UserError where landmarks are lacking or the
    numbers contradict a face.
    """
    _check_numbers(source)
    marks = landmarks or source.landmarks
    if marks is None:
        raise UserError(
            f"{source.name} does not say where the 68 landmarks lie on its {len(source.mean)} vertices. "
            f"{source.landmark_hint}Give them with --landmarks FILE: 68 lines in iBUG's order, each one vertex counted "
            "from 0, or three vertices and three weights."
        )
    if len(marks.vertices) != 68:
        raise UserError(f"{marks.origin} names {len(marks.vertices)} landmarks, where 68 are needed.")
    if marks.vertices.min() < 0 or marks.vertices.max() >= len(source.mean):
        raise UserError(f"A landmark names vertex {int(marks.vertices.max())} of {len(source.mean)}.")
    report = [_first_line(source), *(f"  {note}" for note in source.notes), f"  landmarks: 68, {marks.origin}"]

    turn = axis_matrix(axes)
    mean = source.mean @ turn.T
    expression_mean = (np.zeros_like(mean) if source.expression_mean is None else source.expression_mean) @ turn.T
    neutral = mean + expression_mean
    points = _points(neutral, marks)
    check_axes(points)
    mm, how = millimetres(points, unit, source.unit)
    report.append(f"  unit: {how}; outer eye corners {_eye_corners(points) * mm:.1f} mm apart")
    report += [f"  {line}" for line in check_orthogonality(source)]

    triangles, said = wound_outward(neutral, source.triangles)
    report.append(f"  {said}")
    origin = head_origin(points * mm)
    moved = mean * mm - origin
    mirror, apart = mirror_vertices(moved + expression_mean * mm)
    report.append(f"  mirror: nearest vertices on the other side, median {apart:.2f} mm away")
    arrays = _arrays(source, marks, mm, turn, origin, triangles, mirror, moved, expression_mean * mm)
    depth = float(np.ptp(moved[:, 2]))
    report.append(
        f"  head frame: {np.ptp(moved[:, 0]):.0f} x {np.ptp(moved[:, 1]):.0f} x {depth:.0f} mm, origin moved by "
        f"({', '.join(f'{value:.1f}' for value in -origin)}) mm"
    )
    return Conversion(arrays, tuple(report))


def save_model(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Write a model's file, whole or not at all. UserError where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise UserError(f"The model cannot be written to {path} ({error.strerror or error}).") from error


def read_landmarks(path: Path) -> Landmarks:
    """A user's landmarks: 68 lines of one vertex, or of three vertices and three weights. UserError otherwise."""
    try:
        if path.stat().st_size > MOST_LANDMARK_BYTES:
            raise UserError(f"{path} is too large to be a list of 68 landmarks.")
        lines = [line.replace(",", " ").split("#")[0].split() for line in path.read_text().splitlines()]
        rows = [[float(part) for part in line] for line in lines if line]
    except (OSError, ValueError) as error:
        raise UserError(f"The landmarks {path} cannot be read ({error}).") from error
    if len(rows) == 1 and len(rows[0]) == 68:
        rows = [[value] for value in rows[0]]
    sides = {len(row) for row in rows}
    if len(rows) != 68 or sides not in ({1}, {6}):
        raise UserError(
            f"{path} must hold 68 lines of one vertex each, or of three vertices and three weights; it holds "
            f"{len(rows)} lines of {', '.join(map(str, sorted(sides)))} numbers."
        )
    table = np.array(rows)
    vertices = table[:, : 3 if table.shape[1] == 6 else 1]
    if (vertices % 1 != 0).any() or np.abs(vertices).max() > MOST_VERTICES:
        raise UserError(f"{path}: vertices must be whole numbers, and not above {MOST_VERTICES}.")
    if table.shape[1] == 1:
        return Landmarks.at(table[:, 0].astype(np.int64), path.name)
    weights = table[:, 3:].astype(np.float32)
    if np.abs(weights.sum(axis=1) - 1.0).max() > 1e-3:
        raise UserError(f"{path}: the three weights of a landmark must add up to 1.")
    return Landmarks(table[:, :3].astype(np.int64), weights, path.name)


def axis_matrix(axes: str | None) -> np.ndarray:
    """(3, 3) of a signed permutation: "x,-z,y" makes our y the file's -z. Determinant 1, or it is a UserError."""
    if axes is None:
        return np.eye(3)
    parts = [part.strip().lower() for part in axes.split(",")]
    if len(parts) != 3 or any(part not in AXES for part in parts):
        raise UserError(f'--axes is {axes!r}; give three of {", ".join(AXES)}, for example "x,-z,y".')
    matrix = np.zeros((3, 3))
    for row, part in enumerate(parts):
        matrix[row, "xyz".index(part[-1])] = -1.0 if part.startswith("-") else 1.0
    if abs(np.linalg.det(matrix) - 1.0) > 1e-9:
        raise UserError(f"--axes {axes} would mirror the face; turn it by an even number of exchanges and signs.")
    return matrix


def check_axes(points: np.ndarray) -> None:
    """UserError unless the landmarks (68, 3) show x to the subject's left, y up and z out of the face."""
    eyes = points[36:48].mean(axis=0)
    shown = {
        "x": points[42:48].mean(axis=0) - points[36:42].mean(axis=0),
        "y": eyes - points[48:68].mean(axis=0),
        "z": points[30] - points[[0, 16]].mean(axis=0),
    }
    names = ("left", "up", "out of the face")
    wrong = []
    for (axis, way), name in zip(shown.items(), names, strict=True):
        strongest = int(np.abs(way).argmax())
        if strongest != "xyz".index(axis) or way[strongest] < 0:
            found = ("-" if way[strongest] < 0 else "") + "xyz"[strongest]
            wrong.append(f"the file's {found} runs {name}, where {axis} should")
    if wrong:
        raise UserError(
            f"The landmarks say that {'; '.join(wrong)}. Turn the file's axes with --axes, or check the landmarks."
        )


def millimetres(points: np.ndarray, asked: str | None, known: str) -> tuple[float, str]:
    """Millimetres for a unit of the file, and how that was found; `known` is "" where the format has no unit.

    UserError where the face would be no face's size.
    """
    apart = _eye_corners(points)
    low, high = EYE_CORNERS_MM
    fitting = [name for name, mm in MM_PER_UNIT.items() if low <= apart * mm <= high]
    name = asked or known
    if name:
        mm = MM_PER_UNIT[name]
        if not low <= apart * mm <= high:
            other = f" {fitting[0]} would fit: --unit {fitting[0]}." if fitting else " No unit fits: check --landmarks."
            raise UserError(
                f"In {name} the outer eye corners would lie {apart * mm:.4g} mm apart, and {low:.0f} to {high:.0f} are "
                f"believed.{other}"
            )
        return mm, f"{name}, {'as asked' if asked else 'as the format has it'}"
    if len(fitting) != 1:
        raise UserError(
            f"The format has no unit, and the outer eye corners lie {apart:.4g} apart, which is no face in any of "
            f"{', '.join(MM_PER_UNIT)}. Check --landmarks, or scale the file."
        )
    return MM_PER_UNIT[fitting[0]], f"{fitting[0]}, told by the size of the face (the format has none)"


def wound_outward(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, str]:
    """Triangles (F, 3) counter-clockwise from outside, and what was done; degenerate ones are dropped.

    A face is no closed mesh, but most of it looks away from its middle.
    """
    triangles = np.asarray(triangles, np.int64)
    if triangles.min() < 0 or triangles.max() >= len(vertices):
        raise UserError(f"A triangle names vertex {int(triangles.max())} of {len(vertices)}.")
    same = (triangles == np.roll(triangles, 1, axis=1)).any(axis=1)
    triangles = triangles[~same]
    if not len(triangles):
        raise UserError("All triangles are degenerate: each names a vertex twice.")
    corners = vertices[triangles] - vertices[np.unique(triangles)].mean(axis=0)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outward = float((corners.mean(axis=1) * normals).sum())
    dropped = f"; {int(same.sum())} degenerate triangles dropped" if same.any() else ""
    if outward < 0:
        return triangles[:, [0, 2, 1]], f"winding: triangles faced inwards and were turned round{dropped}"
    return triangles, f"winding: triangles face outwards{dropped}"


def check_orthogonality(source: SourceModel) -> list[str]:
    """What the angles between identity components say; a line, with a warning where they contradict the format."""
    if len(source.identity_basis) < 2:
        return []
    rows = source.identity_basis.reshape(len(source.identity_basis), -1).astype(np.float64)
    gram = rows @ rows.T
    lengths = np.sqrt(np.diag(gram))
    if (lengths <= 0).any():
        raise UserError(f"{source.name}: identity component {int(lengths.argmin())} is all zero.")
    cosine = np.abs(gram / np.outer(lengths, lengths) - np.eye(len(gram))).max()
    line = f"identity components: largest cosine between two {cosine:.3f}"
    if source.orthogonal and cosine > UNUSUAL_COSINE:
        return [f"WARNING {line}; the published ones are orthogonal, so this file may be cut or changed"]
    return [line]


def mirror_vertices(vertices: np.ndarray) -> tuple[np.ndarray, float]:
    """For each vertex the one (V,) nearest to its mirror image in x = 0, and the median distance, mm."""
    from scipy.spatial import cKDTree

    apart, nearest = cKDTree(vertices).query(vertices * [-1.0, 1.0, 1.0])
    return nearest.astype(np.int32), float(np.median(apart))


def head_origin(points: np.ndarray) -> np.ndarray:
    """Origin (3,) of the head frame for landmarks (68, 3) mm: middle, level between eyes and mouth, behind the nose."""
    middle = 0.5 * (points[[36, 39, 48, 31]].mean(axis=0)[0] + points[[45, 42, 54, 35]].mean(axis=0)[0])
    height = 0.5 * (points[36:48, 1].mean() + points[[48, 54], 1].mean())
    return np.array([middle, height, points[30, 2] - NOSE_TIP_Z_MM])


def _arrays(
    source: SourceModel,
    marks: Landmarks,
    mm: float,
    turn: np.ndarray,
    origin: np.ndarray,
    triangles: np.ndarray,
    mirror: np.ndarray,
    mean: np.ndarray,
    expression_mean: np.ndarray,
) -> dict[str, np.ndarray]:
    scaled = np.asarray(mm * turn.T, np.float32)
    arrays: dict[str, np.ndarray] = {
        "schema": np.array(SCHEMA),
        "units": np.array("mm"),
        "mean": mean.astype(np.float32),
        "identity_basis": source.identity_basis @ scaled,
        "expression_basis": source.expression_basis @ scaled,
        "expression_mean": expression_mean.astype(np.float32),
        "triangles": triangles.astype(np.int32),
        "vertex_part": np.zeros(len(mean), np.int8),
        "part_names": np.array(["skin"]),
        "mirror": mirror,
        "landmark_vertices": marks.vertices.astype(np.int32),
        "landmark_weights": marks.weights.astype(np.float32),
        # Direct points of the network: the 68 themselves.
        "point_names": np.array([f"landmark_{number}" for number in range(68)]),
        "point_vertices": marks.vertices.astype(np.int32),
        "point_weights": marks.weights.astype(np.float32),
        "cap_z_mm": np.array(CAP_Z_MM, np.float32),
        "notice": np.array(NOTICE.format(name=source.name)),
        "source_name": np.array(source.name),
        "source_mm": np.array(mm, np.float64),
        "source_axes": turn,
        "source_origin": origin,
        "identity_std": source.identity_std.astype(np.float32),
        "expression_std": source.expression_std.astype(np.float32),
        "expression_spread": source.expression_spread.astype(np.float32),
    }
    if source.expression_names:
        arrays["expression_names"] = np.array(source.expression_names)
    return arrays


def _check_numbers(source: SourceModel) -> None:
    parts = {
        "the mean": source.mean,
        "the identities": source.identity_basis,
        "the expressions": source.expression_basis,
    }
    for name, array in parts.items():
        if not np.isfinite(array).all():
            raise UserError(f"{source.files[0]}: {name} hold numbers that are not finite; copy the file again.")
    if source.expression_mean is not None and (
        source.expression_mean.shape != source.mean.shape or not np.isfinite(source.expression_mean).all()
    ):
        raise UserError(f"{source.files[0]}: the expressions' mean does not fit the vertices; copy the file again.")
    if not len(source.triangles):
        raise UserError(f"{source.files[0]} holds no triangles.")
    for basis in (source.identity_basis, source.expression_basis):
        if basis.shape[1:] != source.mean.shape:
            raise UserError(f"{source.files[0]}: a basis has {basis.shape[1]} vertices, the mean {len(source.mean)}.")


def _first_line(source: SourceModel) -> str:
    names = [path.name for path in source.files]
    listed = ", ".join(names) if len(names) <= 4 else f"{names[0]} and {len(names) - 1} more files"
    return (
        f"{source.name}: {len(source.mean)} vertices, {len(source.triangles)} triangles, {len(source.identity_basis)} "
        f"identity and {len(source.expression_basis)} expression components ({listed})"
    )


def _points(vertices: np.ndarray, marks: Landmarks) -> np.ndarray:
    return (vertices[marks.vertices] * marks.weights[:, :, None]).sum(axis=1)


def _eye_corners(points: np.ndarray) -> float:
    return float(np.linalg.norm(points[EYE_CORNERS[0]] - points[EYE_CORNERS[1]]))
