"""`mmface model convert` on stand-ins of every licensed format: the same faces come out, and broken files are told."""

import os
import pickle

import numpy as np
import pytest
import torch
from scipy.io import savemat

from mmface_core.cli import run
from mmface_core.commands.model import model as model_group
from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_INDEX
from mmface_core.model.convert import axis_matrix, convert, read_landmarks
from mmface_core.model.face_model import FaceModel
from mmface_core.model.readers.find import read_source
from mmface_core.model.readers.pickle_safe import read_pickle
from tests.mmface_core.model import stand_ins


def converted(path, tmp_path, *extra: str) -> FaceModel:
    out = tmp_path / "out.npz"
    assert run(model_group, ["convert", str(path), "-o", str(out), *extra]) == 0
    return FaceModel.load(out)


def moved(points: np.ndarray, truth: stand_ins.Face) -> np.ndarray:
    """Millimetres of the stand-in in the converted model's head frame."""
    from mmface_core.model.convert import head_origin

    return points - head_origin(truth.vertices[truth.landmarks])


def shape_of(model: FaceModel, identity, expression) -> np.ndarray:
    codes = [torch.as_tensor(np.asarray(code), dtype=torch.float32)[None] for code in (identity, expression)]
    return model.shape(*codes)[0].numpy()


def faces_outwards(model: FaceModel) -> bool:
    corners = (model.mean - model.mean.mean(0))[model.triangles]
    normals = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return float((corners.mean(1) * normals).sum()) > 0


@pytest.mark.parametrize("binary", [False, True])
def test_basel_2009_gives_the_faces_that_300w_lp_means(tmp_path, capsys, binary):
    truth = stand_ins.basel_2009(tmp_path / "bfm", binary=binary)
    model = converted(tmp_path / "bfm", tmp_path)
    said = capsys.readouterr().out
    assert "Basel 2009: 3400 vertices" in said and "6 identity and 4 expression components" in said
    assert "cut from 3490 to 3400 vertices" in said and "were turned round" in said and "um, as the format" in said
    assert faces_outwards(model) and model.parts == {"skin": slice(0, 3400)}
    # The file's own equation: S = mu + w Shape_Para + mu_exp + w_exp Exp_Para, here with parameters of the file.
    columns, std = stand_ins.unit_columns(truth.identities, 6)
    moves, spread = stand_ins.unit_columns(truth.offsets, 4)
    rng = np.random.default_rng(2)
    shape_para, exp_para = 1000.0 * std * rng.normal(size=6), rng.normal(size=4)
    factor = 0.2 * spread * 1000.0
    file_shape = truth.vertices * 1000.0 + (columns @ shape_para).reshape(-1, 3)
    file_shape = file_shape + 50.0 * truth.offsets[17] + ((moves * factor) @ exp_para).reshape(-1, 3)
    assert model.source is not None
    ours = shape_of(model, shape_para / model.source.identity_std, exp_para)
    # mu_exp moves the landmarks that the origin is read from.
    shift = ours - file_shape / 1000.0
    assert np.ptp(shift, axis=0).max() < 0.01
    np.testing.assert_allclose(shift.mean(0), -model.source.origin, atol=0.01)


def test_the_landmarks_are_the_keypoints_and_lie_where_they_should(tmp_path):
    truth = stand_ins.basel_2009(tmp_path / "bfm")
    model = converted(tmp_path / "bfm" / "01_MorphableModel.mat", tmp_path)
    assert (model.landmark_vertices[:, 0].numpy() == truth.landmarks).all()
    marks = model.landmarks(torch.zeros(1, 6), torch.zeros(1, 4))[0].numpy()
    assert abs(marks[30, 2] - 60.0) < 1e-3 and abs(marks[36:48, 1].mean() + marks[[48, 54], 1].mean()) < 1e-3


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (stand_ins.model_shape, "300w"),
        (stand_ins.face3d, "BFM.mat"),
        (stand_ins.deep3d, "BFM_model_front.mat"),
        (stand_ins.flame, "generic_model.pkl"),
        (stand_ins.ict_facekit, "FaceXModel"),
    ],
)
def test_formats_with_landmarks_convert_without_being_told_anything(tmp_path, make, name):
    truth = make(tmp_path / name)
    model = converted(tmp_path / name, tmp_path)
    neutral = shape_of(model, np.zeros(model.n_identity), np.zeros(model.n_expression))
    spread = neutral - truth.vertices
    if name == "300w":  # carries an expression's mean besides
        spread = spread - 0.05 * truth.offsets[17]
    assert np.ptp(spread, axis=0).max() < 0.02
    assert faces_outwards(model)
    got = model.landmarks(torch.zeros(1, model.n_identity), torch.zeros(1, model.n_expression))[0].numpy()
    np.testing.assert_allclose(got, neutral[truth.landmarks], atol=1e-3)


def test_ict_facekit_keeps_the_units_names_and_joins_halves(tmp_path):
    truth = stand_ins.ict_facekit(tmp_path / "ICT" / "FaceXModel")
    model = converted(tmp_path / "ICT", tmp_path)
    assert model.n_expression == 51 and "tongueOut" not in model.expression_names
    for unit in ("jawOpen", "browInnerUp", "eyeBlinkLeft"):
        got = model.expression_basis[model.expression_names.index(unit)].numpy()
        np.testing.assert_allclose(got, truth.offsets[ARKIT_INDEX[unit]], atol=2e-5)


def test_facewarehouse_needs_landmarks_and_takes_its_unit_from_the_face(tmp_path, capsys):
    truth = stand_ins.facewarehouse(tmp_path / "FW")
    assert run(model_group, ["convert", str(tmp_path / "FW"), "-o", str(tmp_path / "x.npz")]) == 2
    assert "--landmarks FILE" in capsys.readouterr().err
    marks = stand_ins.write_landmarks(tmp_path / "marks.txt", truth)
    model = converted(tmp_path / "FW", tmp_path, "--landmarks", str(marks))
    assert "dm, told by the size of the face" in capsys.readouterr().out
    assert model.expression_names[0] == "eyeCloseLeft" and len(model.expression_names) == 46 and model.n_identity == 2
    np.testing.assert_allclose(model.expression_basis[21].numpy(), truth.offsets[21], atol=1e-3)
    one = tmp_path / "FW" / "Tester_2" / "Blendshape" / "shape.bs"
    topology = tmp_path / "FW" / "Tester_1" / "TrainingPose" / "pose_0.obj"
    alone = converted(one, tmp_path, "--landmarks", str(marks), "--topology", str(topology))
    assert alone.n_identity == 0 and shape_of(alone, np.zeros(0), np.zeros(46)).shape == (3400, 3)


def test_basel_2017_has_its_own_landmarks_to_be_given(tmp_path, capsys):
    path = tmp_path / "model2017-1_bfm_nomouth.h5"
    truth = stand_ins.bfm_h5(path)
    assert run(model_group, ["convert", str(path), "-o", str(tmp_path / "x.npz")]) == 2
    assert "Its own named landmarks are not the 68" in capsys.readouterr().err
    marks = stand_ins.write_landmarks(tmp_path / "marks.txt", truth)
    model = converted(path, tmp_path, "--landmarks", str(marks))
    assert "square roots of the variances" in capsys.readouterr().out
    np.testing.assert_allclose(
        np.linalg.norm(model.identity_basis.numpy().reshape(6, -1), axis=1),
        stand_ins.unit_columns(truth.identities, 6)[1],
        rtol=1e-3,
    )


def test_the_unit_is_checked_against_the_face(tmp_path, capsys):
    truth = stand_ins.bfm_h5(tmp_path / "um.h5", mm=1e-3, expressions=0)
    marks = stand_ins.write_landmarks(tmp_path / "marks.txt", truth)
    model = converted(tmp_path / "um.h5", tmp_path, "--landmarks", str(marks))
    said = capsys.readouterr().out
    assert "um, told by the size of the face" in said and "no expressions" in said and model.n_expression == 0
    args = ["convert", str(tmp_path / "um.h5"), "-o", str(tmp_path / "x.npz"), "--landmarks", str(marks)]
    assert run(model_group, [*args, "--unit", "cm"]) == 2
    assert "--unit um" in capsys.readouterr().err


def test_a_turned_file_is_told_and_can_be_turned_back(tmp_path):
    truth = stand_ins.face()
    source = read_source(_deep3d(tmp_path))
    turned = type(source)(**(vars(source) | {"mean": source.mean[:, [0, 2, 1]] * [1, -1, 1]}))
    with pytest.raises(UserError, match="--axes"):
        convert(turned)
    turned = type(source)(
        **(
            vars(turned)
            | {"identity_basis": source.identity_basis[..., [0, 2, 1]] * np.float32([1, -1, 1])}
            | {"expression_basis": source.expression_basis[..., [0, 2, 1]] * np.float32([1, -1, 1])}
        )
    )
    back, straight = convert(turned, axes="x,z,-y"), convert(source)
    np.testing.assert_allclose(back.arrays["mean"], straight.arrays["mean"], atol=1e-4)
    np.testing.assert_allclose(back.arrays["identity_basis"], straight.arrays["identity_basis"], atol=1e-5)
    assert len(truth.vertices) == len(back.arrays["mean"])
    with pytest.raises(UserError, match="mirror"):
        axis_matrix("-x,y,z")


def _deep3d(tmp_path):
    path = tmp_path / "BFM_model_front.mat"
    stand_ins.deep3d(path)
    return path


def test_components_of_unclear_length_are_refused(tmp_path):
    path = tmp_path / "BFM.mat"
    stand_ins.face3d(path)
    from scipy.io import loadmat

    model = loadmat(path)["model"][0, 0]
    fields = {name: model[name] for name in model.dtype.names}
    savemat(path, {"model": fields | {"shapePC": 7.0 * fields["shapePC"]}})
    with pytest.raises(UserError, match="not clear how they are meant"):
        read_source(path)
    slanted = fields["shapePC"].copy()
    slanted[:, 1] = (slanted[:, 0] + slanted[:, 1]) / np.sqrt(2)
    savemat(path, {"model": fields | {"shapePC": slanted}})
    assert any("WARNING" in line for line in convert(read_source(path)).report)


class _Bomb:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("hidden", [False, True])
def test_a_hostile_pickle_is_refused_and_not_run(tmp_path, capsys, hidden):
    witness = tmp_path / "ran"
    bomb = _Bomb(f"touch {witness}")
    path = tmp_path / "generic_model.pkl"
    content = {"v_template": np.zeros((3, 3)), "f": bomb} if hidden else bomb
    path.write_bytes(pickle.dumps(content, protocol=2))
    assert run(model_group, ["convert", str(path), "-o", str(tmp_path / "x.npz")]) == 2
    said = capsys.readouterr().err
    assert "was refused" in said and "system" in said
    assert not witness.exists()
    # The same bytes do run in an ordinary unpickler, so the test would notice.
    pickle.loads(path.read_bytes())
    assert witness.exists()


@pytest.mark.parametrize(
    "code",
    [
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I99999999999\ntS'b'\ntR.",
        b"cbuiltins\neval\n(S'1+1'\ntR.",
        b"cnumpy\nload\n(S'/etc/passwd'\ntR.",
        b"P1\n.",
        b"garbage",
        b"",
    ],
)
def test_other_ways_of_misusing_a_pickle_are_refused(tmp_path, code):
    path = tmp_path / "x.pkl"
    path.write_bytes(code)
    with pytest.raises(UserError):
        read_pickle(path)


def test_declared_sizes_are_believed_only_if_the_file_holds_them(tmp_path):
    bs = tmp_path / "shape.bs"
    for head in ((46, 1_900_000_000, 1), (46, 11510, 11540), (-1, 5, 5)):
        bs.write_bytes(np.array(head, "<i4").tobytes() + bytes(64))
        with pytest.raises(UserError):
            read_source(bs)
    stand_ins.basel_2009(tmp_path / "bfm", binary=True)
    binary = tmp_path / "bfm" / "Exp_Pca.bin"
    content = binary.read_bytes()
    for broken in (np.array([1500], "<i4").tobytes() + content[4:], content[:-8], b""):
        binary.write_bytes(broken)
        with pytest.raises(UserError):
            read_source(tmp_path / "bfm")


def test_huge_shapes_in_matlab_and_hdf5_headers_are_refused_before_memory_is_asked_for(tmp_path, monkeypatch):
    import h5py

    from mmface_core.model.readers import matlab

    path = tmp_path / "big.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("shape/model/mean", shape=(10**12,), dtype="f4", chunks=(1024,))
    with pytest.raises(UserError, match="GB"):
        read_source(path)
    mat = _deep3d(tmp_path)
    shapes = matlab.mat_variables(mat)
    monkeypatch.setattr(matlab, "mat_variables", lambda _: shapes | {"idBase": (10**9, 80)})
    with pytest.raises(UserError, match="GB"):
        matlab.read_mat(mat, ("idBase",))


def test_missing_parts_are_named(tmp_path):
    stand_ins.basel_2009(tmp_path / "bfm")
    (tmp_path / "bfm" / "Model_Exp.mat").unlink()
    with pytest.raises(UserError, match="Exp_Pca"):
        read_source(tmp_path / "bfm")
    (tmp_path / "bfm" / "model_info.mat").unlink()
    with pytest.raises(UserError, match=r"lacks model_info\.mat"):
        read_source(tmp_path / "bfm")
    for nothing in (tmp_path / "no", tmp_path):
        with pytest.raises(UserError):
            read_source(nothing)


@pytest.mark.parametrize("text", ["1\n2\n", "a\n" * 68, "1.5\n" * 68, "0 0 0 .5 .2 .2\n" * 68])
def test_landmark_files_that_do_not_place_68_points_are_refused(tmp_path, text):
    path = tmp_path / "marks.txt"
    path.write_text(text)
    with pytest.raises(UserError):
        read_landmarks(path)


@pytest.mark.slow
def test_basel_at_full_size_converts_projects_and_keeps_its_landmark_table(tmp_path):
    truth = stand_ins.basel_2009(
        tmp_path / "bfm", trimmed=53215, whole=53490, identities=199, expressions=29, table=True
    )
    model = converted(tmp_path / "bfm", tmp_path)
    assert (model.n_vertices, model.n_identity, model.n_expression) == (53215, 199, 29)
    assert (model.landmark_vertices[:, 0].numpy() == truth.landmarks).all()
    rng = np.random.default_rng(0)
    identity = torch.from_numpy(rng.normal(size=(2, 199)).astype(np.float32))
    expression = torch.from_numpy(rng.normal(size=(2, 29)).astype(np.float32))
    whole = model.landmarks_of(model.shape(identity, expression))
    torch.testing.assert_close(whole, model.landmarks(identity, expression), atol=2e-3, rtol=1e-4)
