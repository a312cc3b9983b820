"""The datasets: where their files lie and what they mean. `KINDS` names them all; `kind_of` tells them apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mmface_core.conventions import rotation_from_300wlp
from mmface_core.errors import UserError
from train.datasets.labels import BadItem, FilePose, Item, Labels
from train.datasets.pictures import VideoReader, picture_beside, read_picture
from train.datasets.t7 import read_t7_tensor
from train.measure.annotations import read_extra, read_pts

FOLDERS_300W_LP = ("AFW", "HELEN", "IBUG", "LFPW")
MOST_MAT_BYTES = 16 * 1024**2
MATLABS = 1  # pixel_origin of the labels that came with the pictures: y = H + 1 - y, as the poses beside them have it


class Dataset:
    """One dataset at its root: how to find its items, and how to read them. Subclasses fill it in."""

    key: ClassVar[str]
    title: ClassVar[str]
    block: ClassVar[int] = 1
    """Items that are best read one after the other: 1 for pictures, more for the frames of a video."""
    bands: ClassVar[bool] = False
    """Whether its table is split by yaw."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._videos = VideoReader()

    def scan(self) -> Iterator[Item]:
        """Every item that the folder offers, in a fixed order; nothing is opened."""
        raise NotImplementedError

    def labels(self, item: Item) -> Labels:
        """Read an item's labels. Raises BadItem."""
        raise NotImplementedError

    def picture(self, item: Item) -> NDArray[np.uint8]:
        """RGB (H, W, 3). Raises BadItem."""
        path = self.root / item.picture
        return self._videos.frame(path, item.frame) if item.frame >= 0 else read_picture(path)

    def relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


class Lp300W(Dataset):
    """300W-LP: `AFW`, `HELEN`, `IBUG`, `LFPW` and their `_Flip` twins, NAME.jpg beside NAME.mat."""

    key, title, bands = "300w_lp", "300W-LP", True

    def scan(self) -> Iterator[Item]:
        for folder in FOLDERS_300W_LP:
            for name in (folder, f"{folder}_Flip"):
                for path in sorted((self.root / name).glob("*.mat")):
                    yield from _pair(self, path)

    def labels(self, item: Item) -> Labels:
        values = mat_values(self.root / item.labels, ("Pose_Para", "Shape_Para", "Exp_Para", "pt2d"))
        return parameters(values, _points(values["pt2d"], "pt2d"), None)


class Aflw2000(Dataset):
    """AFLW2000-3D: imageNNNNN.jpg and .mat; hand-made labels from `*_extra.npz`, a .t7, or 3DDFA's one .npy."""

    key, title, bands = "aflw2000", "AFLW2000-3D", True
    REANNOTATED = "AFLW2000-3D-Reannotated.pts68.npy"

    def scan(self) -> Iterator[Item]:
        stems = {path.stem for path in self.root.glob("*.mat")}
        stems |= {path.name.removesuffix("_extra.npz") for path in self.root.glob("*_extra.npz")}
        for stem in sorted(stems):
            path = self.root / f"{stem}.mat"
            yield from _pair(self, path if path.is_file() else self.root / f"{stem}_extra.npz", stem)

    def labels(self, item: Item) -> Labels:
        extra = self.root / f"{item.name}_extra.npz"
        again = self._reannotated(item, extra)
        if not item.labels.endswith(".mat"):
            points = extra_points(extra, "pts68_3d")
            return Labels(points[:, :2], points[:, 2], again, pixel_origin=MATLABS)
        values = mat_values(self.root / item.labels, ("Pose_Para", "Shape_Para", "Exp_Para", "pt3d_68"))
        points = _points(values["pt3d_68"], "pt3d_68", 3)
        return parameters(values, points[:, :2], again, points[:, 2])

    def _reannotated(self, item: Item, extra: Path) -> np.ndarray | None:
        if extra.is_file():
            return extra_points(extra, "pts68_reannotated")
        t7 = self.root / f"{item.name}.t7"
        if t7.is_file():
            return _points(read_t7_tensor(t7), "the .t7")
        table = self.root / self.REANNOTATED
        if table.is_file():
            values = np.load(table, allow_pickle=False, mmap_mode="r")
            order = sorted(path.stem for path in self.root.glob("*.mat"))
            if len(values) != len(order):
                raise BadItem(f"{table.name} holds {len(values)} faces for {len(order)} pictures")
            return np.asarray(values[order.index(item.name)][:2].T, np.float64)
        return None


class Vw300(Dataset):
    """300-VW: `<id>/vid.avi` and `<id>/annot/%06d.pts`, frames counted from 1."""

    key, title, block = "300vw", "300-VW", 32

    def scan(self) -> Iterator[Item]:
        for video in sorted(self.root.glob("*/vid.avi")):
            for path in sorted((video.parent / "annot").glob("*.pts")):
                if path.stem.isdigit():
                    number = int(path.stem) - 1
                    name = f"{video.parent.name}/{path.stem}"
                    yield Item(name, self.relative(video), self.relative(path), number)

    def labels(self, item: Item) -> Labels:
        return Labels(pts_points(self.root / item.labels))


class Ls3dW(Dataset):
    """LS3D-W: pictures with a `.t7` of 68 x 2 numbers beside each, in any folders."""

    key, title = "ls3d_w", "LS3D-W"

    def scan(self) -> Iterator[Item]:
        for path in sorted(self.root.rglob("*.t7")):
            yield from _pair(self, path, self.relative(path.with_suffix("")))

    def labels(self, item: Item) -> Labels:
        return Labels(_points(read_t7_tensor(self.root / item.labels), "the .t7"))


class Florence(Dataset):
    """Florence/MICC: a folder a subject with the scan (OBJ) and pictures of it; no landmarks in the pictures.

    The scan's five landmarks lie beside it in `landmarks.txt` (see `train.measure.florence`).
    """

    key, title = "florence", "Florence"

    def scan(self) -> Iterator[Item]:
        for scan in sorted(self.root.rglob("*.obj")):
            for picture in sorted(p for p in scan.parent.iterdir() if p.suffix.lower() in (".jpg", ".png", ".jpeg")):
                if not (scan.parent / f"{picture.stem}.mtl").is_file() and not _is_texture(scan, picture):
                    yield Item(self.relative(picture.with_suffix("")), self.relative(picture), self.relative(scan))

    def labels(self, item: Item) -> Labels:
        return Labels()


def _is_texture(scan: Path, picture: Path) -> bool:
    """Whether a picture is the scan's own texture: named as the scan, or by its material file."""
    if picture.stem == scan.stem:
        return True
    return any(picture.name in path.read_text(errors="replace") for path in scan.parent.glob("*.mtl"))


KINDS: dict[str, type[Dataset]] = {kind.key: kind for kind in (Lp300W, Aflw2000, Vw300, Ls3dW, Florence)}


def kind_of(root: Path) -> str:
    """Which dataset lies at `root`, by its folders and files. UserError where none is known."""
    if not root.is_dir():
        raise UserError(f"There is no folder {root}.")
    if any((root / name).is_dir() for folder in FOLDERS_300W_LP for name in (folder, f"{folder}_Flip")):
        return Lp300W.key
    if any(root.glob("*/vid.avi")):
        return Vw300.key
    if any(root.glob("*_extra.npz")) or any(root.glob("image*.mat")):
        return Aflw2000.key
    if next(root.rglob("*.t7"), None) is not None:
        return Ls3dW.key
    if next(root.rglob("*.obj"), None) is not None:
        return Florence.key
    known = ", ".join(kind.title for kind in KINDS.values())
    raise UserError(f"{root} is none of the datasets that are known here: {known}. Name it as KIND:PATH.")


def mat_values(path: Path, needed: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Variables of a label .mat. Raises BadItem."""
    from scipy.io import loadmat

    try:
        if path.stat().st_size > MOST_MAT_BYTES:
            raise BadItem("the .mat is too large for labels")
        values = loadmat(path, variable_names=needed)
    except BadItem:
        raise
    except Exception as error:
        raise BadItem(f"the .mat cannot be read ({type(error).__name__})") from error
    missing = [name for name in needed if name not in values]
    if missing:
        raise BadItem(f"the .mat lacks {', '.join(missing)}")
    if any(not np.isfinite(values[name].astype(float)).all() for name in needed):
        raise BadItem("the .mat holds numbers that are not finite")
    return {name: values[name] for name in needed}


def parameters(
    values: dict[str, np.ndarray], points: np.ndarray, again: np.ndarray | None, depth: np.ndarray | None = None
) -> Labels:
    """Labels from the parameters of 300W-LP's files."""
    pose = values["Pose_Para"].reshape(-1).astype(np.float64)
    if len(pose) != 7 or pose[6] <= 0:
        raise BadItem("Pose_Para holds no pose")
    rotation = rotation_from_300wlp(*pose[:3])
    return Labels(
        points=points,
        depth=depth,
        reannotated=again,
        pose=FilePose(rotation, float(pose[6]), pose[3:6]),
        shape_para=values["Shape_Para"].reshape(-1).astype(np.float64),
        exp_para=values["Exp_Para"].reshape(-1).astype(np.float64),
        # The bands of the literature are of this number as it stands, not of a yaw in another order of rotations.
        yaw_deg=-float(np.degrees(pose[1])),
        pixel_origin=MATLABS,
    )


def pts_points(path: Path) -> np.ndarray:
    """(68, 2) of a .pts file, as it counts them (from 1, brought to 0). Raises BadItem."""
    try:
        return read_pts(path)
    except (OSError, UnicodeDecodeError, UserError) as error:
        raise BadItem(f"the .pts cannot be used ({error})") from error


def extra_points(path: Path, key: str) -> np.ndarray:
    """A set of points of an `*_extra.npz`, see `read_extra`. Raises BadItem."""
    try:
        return read_extra(path, key)
    except UserError as error:
        raise BadItem(f"the extra points cannot be used ({error})") from error


def _pair(dataset: Dataset, labels: Path, name: str = "") -> Iterator[Item]:
    picture = picture_beside(labels.with_name(Path(name or labels.name).name).with_suffix(labels.suffix))
    if picture is None:
        picture = labels.with_suffix(".jpg")  # told as bad when it is read
    path = dataset.relative(picture)
    yield Item(name or dataset.relative(labels.with_suffix("")), path, dataset.relative(labels))


def _points(values: np.ndarray, name: str, sides: int = 2) -> np.ndarray:
    """(68, sides) from that or its transpose. Raises BadItem."""
    values = np.asarray(values, np.float64)
    if values.shape == (sides, 68):
        values = values.T
    if values.shape != (68, sides) or not np.isfinite(values).all():
        raise BadItem(f"{name} has the shape {values.shape}; 68 points are needed")
    return values
