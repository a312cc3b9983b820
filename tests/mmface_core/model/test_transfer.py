"""Units moved to another topology: to the same head in another mesh they come back as they were."""

import numpy as np
import pytest

from mmface_core.cli import run
from mmface_core.commands.model import model as model_group
from mmface_core.model import transfer
from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.model.convert import convert, save_model
from mmface_core.model.face_model import FaceModel
from mmface_core.model.readers.facewarehouse import ARKIT_OF_FACEWAREHOUSE, FACEWAREHOUSE_NAMES
from mmface_core.model.readers.find import read_source
from mmface_core.model.registration import laplacian, register
from tests.mmface_core.model import stand_ins


@pytest.fixture(scope="module")
def basel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("basel")
    truth = stand_ins.basel_2009(folder)
    save_model(convert(read_source(folder)).arrays, folder / "basel.npz")
    return truth, folder / "basel.npz"


def test_the_52_units_arrive_on_another_mesh_of_the_same_head(basel, tmp_path, monkeypatch, capsys):
    truth, path = basel
    monkeypatch.setenv("MMFACE_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "with_units.npz"
    assert run(model_group, ["transfer", str(path), "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert "52 units on 3400 vertices" in said and "Nothing moves on this mesh for" in said and "tongueOut" in said
    moved = FaceModel.load(out)
    assert moved.unit_names == ARKIT_NAMES and moved.n_expression == 4
    wrong = moved.unit_basis.numpy() - truth.offsets
    assert np.square(wrong).sum() / np.square(truth.offsets).sum() < 0.1**2
    for name in ("jawOpen", "eyeBlinkLeft", "mouthSmileRight", "browInnerUp", "cheekPuff", "mouthFunnel"):
        i = ARKIT_NAMES.index(name)
        assert np.square(wrong[i]).sum() / np.square(truth.offsets[i]).sum() < 0.2**2, name
    # The second time nothing is computed.
    monkeypatch.setattr(transfer, "units_on", lambda *_: pytest.fail("computed again"))
    again = tmp_path / "again.npz"
    assert run(model_group, ["transfer", str(path), "-o", str(again)]) == 0
    assert (FaceModel.load(again).unit_basis == moved.unit_basis).all()


def test_left_stays_left_on_the_target(basel):
    truth, path = basel
    model, source = FaceModel.load(path), FaceModel.load()
    blink = transfer.units_on(model, source)[ARKIT_NAMES.index("eyeBlinkLeft")]
    moving = np.linalg.norm(blink, axis=1) > 1.0
    assert moving.any() and (model.mean.numpy()[moving, 0] > 0).all()
    assert len(truth.vertices) == len(blink)


def test_registration_lays_a_turned_and_smaller_face_on_its_target():
    truth = stand_ins.face()
    marks = np.zeros((68, len(truth.vertices)))
    marks[np.arange(68), truth.landmarks] = 1.0
    from scipy.sparse import csr_matrix
    from scipy.spatial.transform import Rotation

    turn = Rotation.from_euler("xyz", [10, 20, -5], degrees=True).as_matrix()
    other = 0.9 * truth.vertices @ turn.T + [4.0, 5.0, 6.0]
    other += truth.identities[2] @ turn.T  # and another person
    laid = register(
        other, truth.triangles, csr_matrix(marks), truth.vertices, truth.triangles, truth.vertices[truth.landmarks]
    )
    from scipy.spatial import cKDTree

    assert np.median(cKDTree(truth.vertices).query(laid)[0]) < 1.5  # mm; the mesh's edges are about 6 mm long
    assert np.linalg.norm(laid[truth.landmarks] - truth.vertices[truth.landmarks], axis=1).mean() < 1.5


def test_a_laplacian_has_constants_in_its_null_space():
    truth = stand_ins.face()
    assert np.abs(laplacian(truth.triangles, len(truth.vertices)) @ np.ones(len(truth.vertices))).max() < 1e-12


def test_every_facewarehouse_expression_has_its_arkit_units_but_two():
    assert set(ARKIT_OF_FACEWAREHOUSE) == set(FACEWAREHOUSE_NAMES) and len(FACEWAREHOUSE_NAMES) == 46
    lost = [name for name, units in ARKIT_OF_FACEWAREHOUSE.items() if not units]
    assert lost == ["lipLowerDown", "lipUpperUp"]
    units = [unit for some in ARKIT_OF_FACEWAREHOUSE.values() for unit in some]
    assert len(set(units)) == len(units) and set(units) <= set(ARKIT_NAMES)
    assert FACEWAREHOUSE_NAMES[21] == "jawOpen" and FACEWAREHOUSE_NAMES[40] == "shrug"  # numbers 22 and 41 from 1


def test_a_model_without_names_has_no_units_to_give(basel, tmp_path, capsys):
    _, path = basel
    assert run(model_group, ["transfer", str(path), "-o", str(tmp_path / "x.npz"), "--from", str(path)]) == 2
    assert "no names" in capsys.readouterr().err
