"""Wavefront OBJ, as far as face models and scans use it: vertices and polygons, read at NumPy's speed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmface_core.errors import UserError

MOST_OBJ_BYTES = 1024**3
LONGEST_NUMBER = 64  # characters of a coordinate; programs write up to 25


class ObjMesh(NamedTuple):
    """vertices (V, 3) f64 in the file's unit; triangles (F, 3) i64, polygons fanned from their first corner."""

    vertices: np.ndarray
    triangles: np.ndarray


def read_obj_vertices(path: Path) -> np.ndarray:
    """Vertices (V, 3) of an OBJ. UserError where there are none or they are not numbers."""
    return _vertices(_lines(path), path)


def read_obj(path: Path) -> ObjMesh:
    """Vertices and triangles of an OBJ. UserError where it has none, or a face names a vertex that is not there."""
    lines = _lines(path)
    vertices = _vertices(lines, path)
    triangles: list[tuple[int, int, int]] = []
    for line in lines:
        if not line.startswith(b"f "):
            continue
        try:
            corners = [int(part.split(b"/", 1)[0]) for part in line[2:].split()]
        except ValueError as error:
            raise UserError(f"{path}: a face cannot be read ({line[:60]!r}).") from error
        corners = [corner - 1 if corner > 0 else len(vertices) + corner for corner in corners]
        triangles += [(corners[0], corners[i], corners[i + 1]) for i in range(1, len(corners) - 1)]
    try:
        faces = np.array(triangles, np.int64).reshape(-1, 3)
    except OverflowError as error:
        raise UserError(f"{path}: a face names a vertex that no file has.") from error
    if len(faces) and (faces.min() < 0 or faces.max() >= len(vertices)):
        raise UserError(f"{path}: a face names vertex {int(faces.max()) + 1} of {len(vertices)}.")
    return ObjMesh(vertices, faces)


def _lines(path: Path) -> list[bytes]:
    if not path.is_file():
        raise UserError(f"There is no file {path}.")
    if path.stat().st_size > MOST_OBJ_BYTES:
        raise UserError(f"{path} is over {MOST_OBJ_BYTES // 1024**3} GB; no face model's OBJ is.")
    return path.read_bytes().splitlines()


def _vertices(lines: list[bytes], path: Path) -> np.ndarray:
    rows = [line[2:].split()[:3] for line in lines if line.startswith(b"v ")]
    if any(len(part) > LONGEST_NUMBER for row in rows for part in row):  # all get the room of the longest
        raise UserError(f"{path}: a vertex has a coordinate of more than {LONGEST_NUMBER} characters.")
    try:
        vertices = np.array(rows, np.bytes_).astype(np.float64).reshape(-1, 3)
    except ValueError as error:
        raise UserError(f"{path}: a vertex is not three numbers ({error}).") from error
    if not len(vertices) or not np.isfinite(vertices).all():
        raise UserError(f"{path} holds no vertices, or some that are not finite numbers.")
    return vertices
