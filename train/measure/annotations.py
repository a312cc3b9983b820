"""Annotated pictures: folders of iBUG `.pts` files, and AFLW2000-3D's `.mat` with `*_extra.npz`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from mmface_core.archive import BROKEN, read_arrays
from mmface_core.conventions import rotation_from_300wlp, rotation_to_euler
from mmface_core.errors import UserError
from mmface_core.model.face_model import FaceModel
from train.datasets.cropping import fitted_pose
from train.datasets.pictures import picture_beside

MOST_MAT = 64 << 20  # bytes; the files have some kilobytes
EXTRA_SIDES = {"pts68_3d": 3, "pts68_reannotated": 2}
"""What an `*_extra.npz` holds: x, y and depth of the projected 3D points; x and y of those set by hand."""


@dataclass(frozen=True)
class Annotated:
    """One annotated face: its picture; points (68, 2) in 0-based pixels; yaw in degrees, the file's own or from a
    fit of the points.
    """

    picture: Path
    points: np.ndarray
    yaw_deg: float


def read_pts(path: Path) -> np.ndarray:
    """The first 68 points (68, 2) of an iBUG file, with or without its header, as 0-based pixels.

    Raises UserError where the file does not hold them. The files count pixels from 1.
    """
    rows: list[tuple[float, float]] = []
    try:
        if path.stat().st_size > MOST_MAT:
            raise UserError(f"{path} is too large for a file of points.")
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}).") from error
    for line in text.splitlines():
        parts = line.replace("{", " ").replace("}", " ").split()
        if len(parts) == 2:
            try:
                rows.append((float(parts[0]), float(parts[1])))
            except ValueError:
                continue
    if len(rows) < 68:
        raise UserError(f"{path} holds {len(rows)} points; 68 are needed.")
    points = np.array(rows[:68]) - 1.0
    if not np.isfinite(points).all():
        raise UserError(f"{path} holds points that are not finite.")
    return points


def read_extra(path: Path, key: str = "pts68_reannotated") -> np.ndarray:
    """One of the sets of points of an `*_extra.npz`, (68, `EXTRA_SIDES`) f64 px as the file counts them.

    Raises UserError where the file does not hold them.
    """
    try:
        points = read_arrays(path)[key].T
        if points.shape != (68, EXTRA_SIDES[key]) or points.dtype.kind not in "fiu" or not np.isfinite(points).all():
            raise ValueError(f"{key} is {points.T.shape} {points.dtype}")
    except BROKEN as error:
        raise UserError(f"{path} does not hold 68 points ({error}).") from error
    return points.astype(np.float64)


def read_pose(path: Path) -> np.ndarray:
    """Pitch, yaw and roll (3,) of a 300W-LP `.mat`, in its own sense. Raises UserError where it holds none."""
    try:
        if path.stat().st_size > MOST_MAT:
            raise ValueError("it is too large")
        pose = np.asarray(loadmat(path, variable_names=["Pose_Para"])["Pose_Para"], float)[0, :3]
        if pose.shape != (3,) or not np.isfinite(pose).all():
            raise ValueError("Pose_Para has no three angles")
    except (*BROKEN, MatReadError) as error:
        raise UserError(f"{path} holds no pose ({error}).") from error
    return pose


def read_folder(folder: Path, labels: str = "reannotated") -> list[Annotated]:
    """Every annotated picture of a folder, by name.

    labels: of `*_extra.npz` files "reannotated" takes the 2D points set by hand, "3d" the projected 3D ones.
    Raises UserError where the folder holds no annotated picture.
    """
    faces = sorted(_faces(folder, labels), key=lambda face: face.picture.name)
    if not faces:
        raise UserError(f"{folder} holds no annotated pictures: IMAGE.pts or IMAGE_extra.npz beside IMAGE.jpg.")
    return faces


def _faces(folder: Path, labels: str) -> Iterator[Annotated]:
    model = FaceModel.load()
    neutral = model.landmarks_of(model.mean[None])[0].numpy()
    for path in folder.glob("*.pts"):
        picture = picture_beside(path)
        if picture is not None:
            points = read_pts(path)
            yield Annotated(picture, points, yaw_of(points, neutral))
    for path in folder.glob("*_extra.npz"):
        stem = path.name.removesuffix("_extra.npz")
        picture = picture_beside(folder / f"{stem}.npz")
        if picture is None:
            continue
        points = read_extra(path, "pts68_3d" if labels == "3d" else "pts68_reannotated")[:, :2]
        parameters = folder / f"{stem}.mat"
        if parameters.is_file():
            pitch, yaw, roll = read_pose(parameters)
            angle = float(np.degrees(rotation_to_euler(rotation_from_300wlp(pitch, yaw, roll))[0]))
        else:
            angle = yaw_of(points, neutral)
        yield Annotated(picture, points, angle)


def yaw_of(points: np.ndarray, neutral: np.ndarray) -> float:
    """Yaw in degrees from a robust fit of neutral landmarks (68, 3) mm to annotated ones (68, 2), y down."""
    return float(np.degrees(rotation_to_euler(fitted_pose(points, neutral).rotation)[0]))
