import json
import time

import numpy as np
import pytest

pytest.importorskip("onnx")

from mmface_core.errors import UserError
from mmface_core.model.face_model import FaceModel
from mmface_core.network.inference import Predictor
from train.export import export_network


@pytest.fixture(scope="module")
def exported(tmp_path_factory, tiny):
    import torch

    from mmface_core.network.mmface import MMFaceNet

    torch.manual_seed(0)
    net = MMFaceNet(tiny)
    for _ in range(2):  # so that the normalisation's running figures are not their defaults
        net(torch.rand(2, 3, 256, 256))
    return export_network(net, tmp_path_factory.mktemp("weights"), FaceModel.load(), 12345)


@pytest.fixture(scope="module")
def crops():
    return np.random.default_rng(0).integers(0, 256, (3, 256, 256, 3), dtype=np.uint8)


def test_both_backends_give_the_same_numbers(exported, crops):
    onnx, torch = (Predictor(exported, backend).predict(crops) for backend in ("onnxruntime", "torch"))
    for name, ours, theirs in zip(onnx._fields, onnx, torch, strict=True):
        assert ours.shape == theirs.shape, name
        assert ours.dtype == np.float32, name
        assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-4 if name != "points" else 2e-3), name


def test_a_batch_is_its_single_crops(exported, crops):
    predictor = Predictor(exported, "onnxruntime")
    together, alone = predictor.predict(crops), predictor.predict(crops[1:2])
    assert np.allclose(together.points[1:2], alone.points, atol=1e-3)


def test_the_description_names_file_and_backend(exported):
    assert Predictor(exported, "onnxruntime").description == "tiny (tiny.onnx, 12k images), ONNX Runtime on the CPU"


def test_the_bundled_weights_load_and_belong_to_the_bundled_model(crops):
    predictor = Predictor(backend="onnxruntime")
    predictor.check_model(FaceModel.load())
    prediction = predictor.predict(crops[:1])
    assert prediction.volume.shape == (1, 64, 64, 64)
    assert np.abs(prediction.rotation[0] @ prediction.rotation[0].T - np.eye(3)).max() < 1e-4
    assert ((prediction.expression >= 0) & (prediction.expression <= 1)).all()
    started = time.perf_counter()
    predictor.predict(crops[:1])
    assert time.perf_counter() - started < 5.0  # no promise of speed, only that nothing hangs


def test_wrong_crops_are_named(exported):
    with pytest.raises(ValueError, match="uint8"):
        Predictor(exported, "onnxruntime").predict(np.zeros((1, 64, 64, 3), np.uint8))


def test_missing_and_foreign_weights_are_sentences(exported, tmp_path):
    with pytest.raises(UserError, match="no weights at"):
        Predictor(tmp_path / "none.onnx")
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(exported.read_bytes())
    with pytest.raises(UserError, match=r"lacks its description copy\.json"):
        Predictor(copy)
    card = json.loads(exported.with_suffix(".json").read_text())
    copy.with_suffix(".json").write_text(json.dumps(card | {"schema": "mmface-weights/0"}))
    with pytest.raises(UserError, match="mmface-weights/0"):
        Predictor(copy)
    copy.with_suffix(".json").write_text(json.dumps(card))
    copy.write_bytes(exported.read_bytes()[:-100])
    with pytest.raises(UserError, match="damaged"):
        Predictor(copy)
    copy.with_suffix(".json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        Predictor(copy)


def test_weights_of_another_face_model_are_refused(exported):
    model = FaceModel.load()
    model.identity_basis[0, 0, 0] += 1.0
    with pytest.raises(UserError, match="another face model"):
        Predictor(exported, "onnxruntime").check_model(model)


def test_torch_weights_that_lack_layers_are_refused(exported, tmp_path):
    from safetensors.torch import load_file, save_file

    for ending in (".onnx", ".json"):
        (tmp_path / f"w{ending}").write_bytes(exported.with_suffix(ending).read_bytes())
    whole = load_file(exported.with_suffix(".safetensors"))
    save_file(dict(list(whole.items())[1:]), tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=r"lacks 1 of the network's layers"):
        Predictor(tmp_path / "w.onnx", "torch")


@pytest.mark.parametrize("key", ["sha256", "config", "model", "images"])
def test_a_description_that_lacks_something_says_what(exported, tmp_path, key):
    card = json.loads(exported.with_suffix(".json").read_text())
    del card[key]
    (tmp_path / "w.onnx").write_bytes(exported.read_bytes())
    (tmp_path / "w.json").write_text(json.dumps(card))
    with pytest.raises(UserError, match=f"lacks {key}"):
        Predictor(tmp_path / "w.onnx", "onnxruntime")
