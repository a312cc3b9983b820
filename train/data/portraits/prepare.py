"""From a folder of portrait shards to the training cache: points, correspondences, fits, texture coordinates."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mmface_core.archive import write_arrays
from mmface_core.errors import UserError
from mmface_core.whole_file import replacing, unfinished_path
from train.data import camera
from train.data.cache import cache_folder
from train.data.head import default_head
from train.data.portraits import correspond, register, store
from train.data.portraits.archive import iterate_jpegs
from train.data.portraits.debias import debias
from train.data.portraits.fill import fill_colours
from train.data.portraits.fit import Fit, fit
from train.data.portraits.texture import texture_coordinates

POINTS = "points478.npz"
BOOTSTRAP_HEADS = 150
MAX_ERROR_PERCENT = 2.2
MAX_YAW_DEG = 60.0
FIT_KEYS = ("identity", "expression", "rotation", "scale", "translation", "error")
_DETECT = Path(__file__).with_name("detect478.py")


def prepare(shards: Path, label_python: str | None, say: Callable[[str], None]) -> None:
    """Fill the cache. `label_python`: an interpreter with mediapipe (None: this one). Steps already done are kept.

    Raises UserError where mediapipe is missing or the landmark model fails.
    """
    folder = cache_folder()
    if not (folder / store.PICTURES).is_file():
        store.write_pictures(list(iterate_jpegs(shards)), folder)
        say("stored the pictures")
    if not (folder / POINTS).is_file():
        say(_detect(label_python, shards, folder / POINTS))
    with np.load(folder / POINTS) as file:
        names, points = file["names"], file["points"]
    places = find_correspondence(folder, label_python, say)
    found = np.isfinite(points[:, 0, 0])
    fitted = fit(points[found], places)
    say(f"fitted {found.sum()} portraits, median residual {np.median(fitted.error):.2f} % of sqrt(w*h)")
    usable = write_fits(folder / store.FITS, names, found, fitted)
    write_textures(folder, points, places)
    say(f"{usable} portraits are usable")


def find_correspondence(
    folder: Path, label_python: str | None, say: Callable[[str], None]
) -> correspond.Correspondence:
    """Correspondences from rendered heads, kept in the cache for this version of the face model."""
    kept = folder / f"correspondence_{default_head().version}.npz"
    if kept.is_file():
        with np.load(kept) as file:
            return correspond.Correspondence(**{key: file[key] for key in file.files})
    pictures, _, projections = correspond.render_heads(BOOTSTRAP_HEADS, seed=1)
    np.savez(folder / "bootstrap_pictures.npz", pictures=pictures)
    say(_detect(label_python, folder / "bootstrap_pictures.npz", folder / "bootstrap_points.npz"))
    with np.load(folder / "bootstrap_points.npz") as file:
        places = correspond.find(file["points"], projections)
    with replacing(kept) as whole:
        write_arrays(whole, vars(places))
    say(f"{len(places.index)} correspondences, median spread {np.median(places.spread):.2f} mm")
    return places


def write_fits(path: Path, names: np.ndarray, found: np.ndarray, fitted: Fit) -> int:
    """Store the fits of all pictures (zeros where nothing was found) and which are usable; returns how many are."""
    label = debias(fitted)
    values_of = {key: getattr(fitted, key) for key in FIT_KEYS}
    values_of |= {"label_identity": label.identity, "label_expression": label.expression}
    columns = {}
    for key, values in values_of.items():
        whole = np.zeros((len(names), *values.shape[1:]), np.float32)
        whole[found] = values
        columns[key] = whole
    yaw = np.degrees(np.arcsin(np.clip(-columns["rotation"][:, 2, 0], -1, 1)))
    usable = found & (columns["error"] < MAX_ERROR_PERCENT) & (np.abs(yaw) < MAX_YAW_DEG)
    with replacing(path) as file:
        write_arrays(file, {"names": names, "usable": usable, **columns})
    return int(usable.sum())


def write_textures(folder: Path, points: np.ndarray, places: correspond.Correspondence) -> None:
    """Texture coordinates and fill colours of every usable portrait, as small integers that workers map into memory;
    and into the fits how far the network's points lie from where the fit puts them. points (N, 478, >= 2) px.
    """
    head = default_head()
    with np.load(folder / store.FITS) as file:
        data = {key: file[key] for key in file.files}
    pictures = store.load_pictures(folder)
    n_skin = head.parts["skin"].stop
    shape = (len(data["names"]), n_skin, 5)
    out = np.lib.format.open_memmap(folder / store.COORDINATES, mode="w+", dtype=np.uint16, shape=shape)
    fills = np.lib.format.open_memmap(folder / store.FILLS, mode="w+", dtype=np.uint8, shape=(*shape[:2], 4))
    usable = np.flatnonzero(data["usable"])
    lips = register.at_lips(places)
    offsets = register.without_common(_offsets(data, usable, pictures, points, lips))
    influence = register.Influence(lips)
    data["point_shift"] = np.zeros((len(data["names"]), len(head.dense_vertices), 2), np.float32)
    for row, number in enumerate(usable):
        vertices = head.shape(data["identity"][number], data["expression"][number])
        rotation, scale = data["rotation"][number], float(data["scale"][number])
        projected = camera.project(vertices, rotation, scale, data["translation"][number], np.inf)
        shift = influence.shifts(*offsets.of(row), rotation, scale)
        data["point_shift"][number] = register.at_points(shift)
        place = texture_coordinates(vertices, projected, rotation, store.PORTRAIT_SIZE, shift)
        uv_a, uv_b, mix, _ = place
        colours, weight = fill_colours(pictures.picture(number), *place)
        fills[number] = np.rint(np.column_stack((colours, 255.0 * weight))).astype(np.uint8)
        packed = np.column_stack((uv_a, uv_b, mix))
        out[number] = np.clip(np.rint(packed * store.COORDINATE_UNIT), 0, 65535).astype(np.uint16)
    out.flush()
    fills.flush()
    with replacing(folder / store.FITS) as file:
        write_arrays(file, data)


def _offsets(
    data: dict[str, np.ndarray],
    usable: np.ndarray,
    pictures: store.Pictures,
    points: np.ndarray,
    at_lips: correspond.Correspondence,
) -> register.Offsets:
    """Where brows and lips lie in the usable portraits, against their fits."""
    head = default_head()
    brows, lips = [], []
    for number in usable:
        vertices = head.shape(data["identity"][number], data["expression"][number])
        pose = data["rotation"][number], float(data["scale"][number]), data["translation"][number]
        brows.append(register.brow_offsets(pictures.picture(number), vertices, *pose))
        lips.append(register.lip_offsets(points[number], at_lips, vertices, *pose))
    return register.Offsets(np.array(brows), np.array(lips))


def _detect(label_python: str | None, source: Path, out: Path) -> str:
    """Run the landmark model in a child process; returns what it printed. `out` is there whole or not at all."""
    python = label_python or sys.executable
    making = unfinished_path(out)
    command = [python, str(_DETECT), str(source), str(making)]
    try:
        said = _said(subprocess.run(command, capture_output=True, text=True, check=False), python)
        os.replace(making, out)
    finally:
        making.unlink(missing_ok=True)
    return said


def _said(done: subprocess.CompletedProcess[str], python: str) -> str:
    """What the landmark model's process printed; UserError where it failed."""
    if "No module named 'mediapipe'" in done.stderr:
        raise UserError(
            f'{python} has no mediapipe; install it there (`pip install "mediapipe==0.10.21"`) or name an interpreter '
            "that has it with --label-python."
        )
    if done.returncode:
        raise UserError(f"The landmark model failed: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout.strip()
