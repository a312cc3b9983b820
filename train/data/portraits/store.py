"""The fitted portraits: pictures, fits and the split into training and held-out ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mmface_core.archive import write_arrays
from mmface_core.errors import UserError
from mmface_core.whole_file import replacing
from train.data.cache import cache_folder

PICTURES = "portraits.npz"  # names, JPEG bytes end to end, offsets
FITS = "fits.npz"
COORDINATES = "coordinates.npy"  # (N, n_skin, 5) u16: uv_a, uv_b, mix of all portraits, memory mapped
FILLS = "fills.npy"  # (N, n_skin, 4) u8: colour for hidden skin and its weight
COORDINATE_UNIT = 65535.0
FIT_COLUMNS = (
    "identity",
    "expression",
    "label_identity",
    "label_expression",
    "rotation",
    "scale",
    "translation",
    "error",
    "point_shift",
)
HELD_OUT_SHARE = 0.05
PORTRAIT_SIZE = 256


@dataclass
class Pictures:
    """All portraits, as JPEG bytes: names (N,), jpegs one flat u8 array, offsets (N, 2) into it."""

    names: np.ndarray
    jpegs: np.ndarray
    offsets: np.ndarray

    def picture(self, number: int) -> np.ndarray:
        """The portrait (256, 256, 3) u8 RGB."""
        data = self.jpegs[self.offsets[number, 0] : self.offsets[number, 1]]
        return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


@dataclass
class PortraitStore:
    """Portraits with usable fits.

    names (N,); identity (N, K), expression (N, M) of the closest fit, label_identity and label_expression without its
    systematic errors (`debias`), rotation (N, 3, 3), scale (N,), translation (N, 2) in the portrait's
    0-based pixels; error (N,) the fit's residual in % of sqrt(w*h); point_shift (N, P, 2) px from where the fit puts
    the network's points to where brows and lips lie (`register`); rows (N,) places in the arrays of all
    pictures. Pictures decode on demand.
    """

    names: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    label_identity: np.ndarray
    label_expression: np.ndarray
    rotation: np.ndarray
    scale: np.ndarray
    translation: np.ndarray
    error: np.ndarray
    point_shift: np.ndarray
    rows: np.ndarray
    pictures: Pictures
    all_coordinates: np.ndarray
    all_fills: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    def picture(self, index: int) -> np.ndarray:
        """The portrait (256, 256, 3) u8 RGB."""
        return self.pictures.picture(self.rows[index])

    def coordinates(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Texture coordinates uv_a, uv_b (n_skin, 2) and mix (n_skin,), f32; see `portraits.texture`."""
        packed = self.all_coordinates[self.rows[index]].astype(np.float32) / COORDINATE_UNIT
        return packed[:, 0:2], packed[:, 2:4], packed[:, 4]

    def fill(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Colours (n_skin, 3) f32 0..1 for skin that the portrait hides, and their weight (n_skin,); see `fill`."""
        packed = self.all_fills[self.rows[index]].astype(np.float32) / 255.0
        return packed[:, :3], packed[:, 3]


def load_pictures(folder: Path) -> Pictures:
    """The stored portraits of a cache folder."""
    with np.load(folder / PICTURES) as file:
        return Pictures(file["names"], file["jpegs"], file["offsets"])


def load_store(held_out: bool = False, folder: Path | None = None) -> PortraitStore:
    """Portraits for training, or the held-out 5 % that no training sample ever touches.

    Raises UserError where the cache lacks pictures or fits.
    """
    folder = cache_folder() if folder is None else folder
    for name in (PICTURES, FITS, COORDINATES, FILLS):
        if not (folder / name).is_file():
            raise UserError(f"{folder / name} is missing; make it with `mmface portraits FOLDER_OF_SHARDS`.")
    pictures = load_pictures(folder)
    with np.load(folder / FITS) as file:
        fits = {key: file[key] for key in file.files}
    if not np.array_equal(pictures.names, fits["names"]):
        raise UserError(f"{folder / FITS} belongs to other pictures; run `mmface portraits` again.")
    if not set(FIT_COLUMNS) <= set(fits):
        raise UserError(f"{folder / FITS} is of an older version; run `mmface portraits` again.")
    keep = fits["usable"] & (np.array([is_held_out(str(name)) for name in pictures.names]) == held_out)
    columns = {key: fits[key][keep] for key in FIT_COLUMNS}
    return PortraitStore(
        names=pictures.names[keep],
        rows=np.flatnonzero(keep),
        pictures=pictures,
        all_coordinates=np.load(folder / COORDINATES, mmap_mode="r"),
        all_fills=np.load(folder / FILLS, mmap_mode="r"),
        **columns,
    )


def is_held_out(name: str) -> bool:
    """True for a fixed 5 % of the portraits, chosen by a hash of the file's name."""
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:4], "big") < HELD_OUT_SHARE * 2**32


def write_pictures(jpegs: list[tuple[str, bytes]], folder: Path) -> None:
    """Store (name, JPEG bytes) pairs as one file of the cache."""
    sizes = np.cumsum([0] + [len(data) for _, data in jpegs])
    offsets = np.column_stack((sizes[:-1], sizes[1:]))
    flat = np.frombuffer(b"".join(data for _, data in jpegs), np.uint8)
    with replacing(folder / PICTURES) as file:
        write_arrays(file, {"names": np.array([name for name, _ in jpegs]), "jpegs": flat, "offsets": offsets})
