"""Which reader a path asks for: by what lies there, never by trying one after the other."""

from __future__ import annotations

from pathlib import Path

from mmface_core.errors import UserError
from mmface_core.model.readers import bfm2009, facewarehouse, ict_facekit
from mmface_core.model.readers.matlab import mat_variables
from mmface_core.model.readers.source import SourceModel

KNOWN = (
    "the folder of Basel 2009 (01_MorphableModel.mat, model_info.mat, Model_Exp.mat or Exp_Pca.bin), BFM.mat, "
    "BFM_model_front.mat, a Basel .h5, a FLAME .pkl, ICT-FaceKit's folder FaceXModel, FaceWarehouse's folder of "
    "Tester_* or one shape.bs"
)


def read_source(path: Path, topology: Path | None = None) -> SourceModel:
    """The model at a path. UserError where nothing known lies there, or what lies there is incomplete."""
    if not path.exists():
        raise UserError(f"There is no {path}.")
    if path.is_dir():
        return _from_folder(path, topology)
    suffix = path.suffix.lower()
    if path.name in bfm2009.NAMES:
        return bfm2009.read_bfm2009(path.parent)
    if suffix == ".mat":
        return _from_mat(path)
    if suffix in (".h5", ".hdf5"):
        from mmface_core.model.readers.bfm_h5 import read_bfm_h5

        return read_bfm_h5(path)
    if suffix == ".pkl":
        from mmface_core.model.readers.flame import read_flame

        return read_flame(path)
    if suffix == ".bs":
        return facewarehouse.read_facewarehouse(path, topology)
    if path.name == ict_facekit.NEUTRAL:
        return ict_facekit.read_ict_facekit(path.parent)
    raise UserError(f"{path} is no face model that is known here: {KNOWN}.")


def _from_folder(path: Path, topology: Path | None) -> SourceModel:
    if (path / bfm2009.SHAPE).is_file() or (path / bfm2009.SHAPE_300W).is_file():
        return bfm2009.read_bfm2009(path)
    for folder in (path, path / "FaceXModel"):
        if (folder / ict_facekit.NEUTRAL).is_file():
            return ict_facekit.read_ict_facekit(folder)
    if any(path.glob("Tester_*/Blendshape/shape.bs")) or (path / "Blendshape" / "shape.bs").is_file():
        return facewarehouse.read_facewarehouse(path, topology)
    single = [file for pattern in ("*.h5", "*.pkl", "BFM*.mat") for file in sorted(path.glob(pattern))]
    if len(single) == 1:
        return read_source(single[0], topology)
    if single:
        raise UserError(f"{path} holds several models ({', '.join(file.name for file in single)}); name one of them.")
    raise UserError(f"{path} holds no face model that is known here: {KNOWN}.")


def _from_mat(path: Path) -> SourceModel:
    from mmface_core.model.readers.packed_mat import read_deep3d, read_face3d

    names = set(mat_variables(path))
    if "model" in names:
        return read_face3d(path)
    if "idBase" in names:
        return read_deep3d(path)
    if names & {"shapePC", "w", "w_exp", "trimIndex"}:
        raise UserError(
            f"{path} is a part of the Basel model of 2009; keep its published name beside the other parts and name the "
            "folder."
        )
    raise UserError(f"{path} is no face model that is known here; it holds {', '.join(sorted(names)) or 'nothing'}.")
