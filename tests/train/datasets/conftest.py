"""A converted Basel stand-in, and untrained weights for it, shared by the tests of this folder."""

from pathlib import Path

import pytest
import torch

pytest.importorskip("yaml")
pytest.importorskip("onnx")

from mmface_core.model.convert import convert, save_model
from mmface_core.model.face_model import FaceModel
from mmface_core.model.readers.find import read_source
from mmface_core.network.config import NetworkConfig
from mmface_core.network.mmface import MMFaceNet
from tests.mmface_core.model import stand_ins as models
from tests.tiny_network import TINY
from tests.train.datasets.stand_ins import Basel

TINY_PAPER = NetworkConfig(
    name="tiny-paper",
    volume_size=192,
    n_identity=6,
    n_expression=4,
    squash_expression=False,
    crop="box",
    **(TINY | {"volume_convs": ((2, 6, 6, 0), (4, 4, 2, 1), (4, 4, 2, 1), (8, 4, 2, 1), (8, 4, 1, 0))}),
)
"""The paper's network in small: a 192^3 volume and PCA codes."""


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch) -> None:
    monkeypatch.setenv("MMFACE_TRAIN_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def basel_folder(tmp_path_factory) -> tuple[Path, Basel]:
    folder = tmp_path_factory.mktemp("basel")
    return folder, Basel.of(models.basel_2009(folder))


@pytest.fixture(scope="session")
def basel(basel_folder) -> Basel:
    return basel_folder[1]


@pytest.fixture(scope="session")
def model_path(basel_folder) -> Path:
    path = basel_folder[0] / "basel.npz"
    save_model(convert(read_source(basel_folder[0])).arrays, path)
    return path


@pytest.fixture(scope="session")
def model(model_path) -> FaceModel:
    return FaceModel.load(model_path)


@pytest.fixture(scope="session")
def weights(tmp_path_factory, model) -> Path:
    from train.export import export_network

    torch.manual_seed(0)
    return export_network(MMFaceNet(TINY_PAPER), tmp_path_factory.mktemp("weights"), model, 0)
