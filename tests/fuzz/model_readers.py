"""Readers of `mmface model convert` under fire: each breaks one file of a format, whose other files are good.

The stand-ins of the licensed formats are those of the readers' own tests. They are made once a process.
"""

import atexit
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mmface_core.model.convert import convert, read_landmarks
from mmface_core.model.readers.find import read_source
from tests.mmface_core.model import stand_ins


@dataclass(frozen=True)
class Broken:
    """make(folder): writes the format. source: what is converted, below the folder. broken: the file that is broken.

    heavy: conversion takes a second.
    """

    name: str
    make: Callable[[Path], stand_ins.Face]
    source: str
    broken: str
    heavy: bool = False


def _basel_pca(folder: Path) -> stand_ins.Face:
    return stand_ins.basel_2009(folder, binary=True)


def _inside(make: Callable[[Path], stand_ins.Face], name: str) -> Callable[[Path], stand_ins.Face]:
    return lambda folder: make(folder / name)


def _flame(folder: Path) -> stand_ins.Face:
    return stand_ins.flame(folder / "generic_model.pkl", expressions=2)


FORMATS = (
    Broken("basel 2009", stand_ins.basel_2009, ".", "01_MorphableModel.mat"),
    Broken("basel cut", stand_ins.basel_2009, ".", "model_info.mat"),
    Broken("basel expressions", stand_ins.basel_2009, ".", "Model_Exp.mat"),
    Broken("basel pca", _basel_pca, ".", "Exp_Pca.bin"),
    Broken("basel deviations", _basel_pca, ".", "std_exp.txt"),
    Broken("300w-lp", stand_ins.model_shape, ".", "Model_Shape.mat"),
    Broken("face3d", _inside(stand_ins.face3d, "BFM.mat"), "BFM.mat", "BFM.mat"),
    Broken("deep3d", _inside(stand_ins.deep3d, "BFM_model_front.mat"), "BFM_model_front.mat", "BFM_model_front.mat"),
    Broken("basel h5", _inside(stand_ins.bfm_h5, "model2019_bfm.h5"), "model2019_bfm.h5", "model2019_bfm.h5"),
    Broken("flame", _flame, "generic_model.pkl", "generic_model.pkl", heavy=True),
    Broken("flame landmarks", _flame, "generic_model.pkl", "landmark_embedding.npy", heavy=True),
    Broken("ict obj", stand_ins.ict_facekit, ".", "generic_neutral_mesh.obj", heavy=True),
    Broken("ict indices", stand_ins.ict_facekit, ".", "vertex_indices.json", heavy=True),
    Broken("facewarehouse", stand_ins.facewarehouse, ".", "Tester_2/Blendshape/shape.bs"),
    Broken("model landmarks", stand_ins.facewarehouse, ".", "marks.txt"),
)
_WITHOUT_LANDMARKS = ("model2019_bfm.h5", "Tester_2/Blendshape/shape.bs", "marks.txt")


@lru_cache(maxsize=1)
def _made(make: Callable[[Path], stand_ins.Face]) -> Path:
    """A folder with the good files of a format."""
    folder = Path(tempfile.mkdtemp(prefix="mmface-fuzz-model-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    stand_ins.write_landmarks(folder / "marks.txt", make(folder))
    return folder


def seed(form: Broken, path: Path) -> None:
    """Write a good file of the kind that is broken."""
    shutil.copy(_made(form.make) / form.broken, path)


def read(form: Broken, path: Path) -> None:
    """Convert the format with `path` in the place of its file."""
    folder = _made(form.make)
    place = folder / form.broken
    good = place.with_name("good")
    place.rename(good)
    try:
        place.symlink_to(path.resolve())
        marks = read_landmarks(folder / "marks.txt") if form.broken in _WITHOUT_LANDMARKS else None
        convert(read_source(folder / form.source), marks)
    finally:
        place.unlink(missing_ok=True)
        good.rename(place)
