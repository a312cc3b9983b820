"""From PCA coefficients to weights and back: known weights, their coefficients, and the weights again."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmface_core.cli import run
from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES
from mmface_core.model.convert import save_model
from mmface_core.model.face_model import DEFAULT_MODEL_PATH, FaceModel
from mmface_core.model.readers.facewarehouse import FACEWAREHOUSE_NAMES
from mmface_core.take import Take
from retarget.commands.solve_weights import solve_weights_command
from retarget.performance import Settings, performance_of
from retarget.take_weights import with_weights
from retarget.weights import Terms, solve_weights, weights_from_facewarehouse
from tests.takes import take_of

# Units that a skin shows by itself; gaze moves hardly more than eyeballs.
CLEAR = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp", "eyeBlinkLeft", "eyeBlinkRight", "cheekPuff")


def known_weights(frames: int, seed: int = 0) -> np.ndarray:
    """A few clear units rise and fall (T, 52)."""
    rng = np.random.default_rng(seed)
    weights = np.zeros((frames, 52))
    t = np.linspace(0, 2 * np.pi, frames)
    for name in CLEAR:
        rate, phase = rng.integers(1, 4), rng.uniform(0, 6)
        weights[:, ARKIT_INDEX[name]] = np.clip(0.5 + 0.6 * np.sin(rate * t + phase), 0, 1)
    return weights


def pca_model(path: Path, components: int = 29) -> tuple[FaceModel, np.ndarray]:
    """The bundled head with its expressions as PCA, a mean expression and its 52 units, as a converted model has them.

    Returns it and the basis (components, V, 3).
    """
    with np.load(DEFAULT_MODEL_PATH) as file:
        arrays = {key: file[key] for key in file.files}
    skin = arrays["vertex_part"] == 0
    units = arrays["expression_basis"] * skin[None, :, None]
    rows = units.reshape(52, -1)
    basis = np.linalg.svd(rows, full_matrices=False)[2][:components].reshape(components, -1, 3) * 60.0
    arrays |= {
        "unit_basis": units,
        "unit_names": arrays["expression_names"],
        "expression_basis": basis.astype(np.float32),
        "expression_mean": (0.1 * units[ARKIT_INDEX["jawOpen"]]).astype(np.float32),
    }
    for key in ("expression_names", "expression_pca", "expression_pca_mean"):
        del arrays[key]
    save_model(arrays, path)
    return FaceModel.load(path), basis


def codes_of(weights: np.ndarray, model: FaceModel) -> np.ndarray:
    """The coefficients a (T, M) with U a + mu nearest to B w."""
    basis = model.expression_basis.numpy().reshape(model.n_expression, -1).astype(np.float64)
    wanted = weights @ model.unit_basis.numpy().reshape(52, -1) - model.expression_mean.numpy().reshape(-1)
    return np.linalg.solve(basis @ basis.T, basis @ wanted.T).T


def plain_take(codes: np.ndarray) -> Take:
    nothing = {"weight_names": np.array([], dtype=np.str_), "weights": np.zeros((len(codes), 0), np.float32)}
    return take_of(codes, 25.0, identity=np.zeros(3, np.float32), **nothing)


def test_known_weights_come_back_from_29_coefficients(tmp_path):
    model, _ = pca_model(tmp_path / "pca.npz")
    weights = known_weights(60)
    solved = with_weights(
        plain_take(codes_of(weights, model)), model, Terms(sparsity=0.002, symmetry=0.0, temporal=0.02)
    )
    got = solved.take.weights
    for name in CLEAR:
        i = ARKIT_INDEX[name]
        most = 0.35 if name == "browInnerUp" else 0.15  # 29 components by movement hardly hold the brows
        assert np.abs(got[:, i] - weights[:, i]).mean() < most, name
        assert np.corrcoef(got[:, i], weights[:, i])[0, 1] > 0.95, name
    assert solved.explained > 0.95 and got.min() >= 0 and got.max() <= 1
    others = [i for i, name in enumerate(ARKIT_NAMES) if name not in CLEAR]
    assert got[:, others].mean() < 0.06


def test_with_all_components_the_round_trip_is_nearly_exact(tmp_path):
    model, _ = pca_model(tmp_path / "pca.npz", components=40)
    weights = known_weights(20, seed=1)
    terms = Terms(sparsity=1e-5, smallness=1e-6, symmetry=0.0, temporal=0.0)
    got = with_weights(plain_take(codes_of(weights, model)), model, terms).take.weights
    clear = [ARKIT_INDEX[name] for name in CLEAR]
    assert np.abs(got[:, clear] - weights[:, clear]).max() < 0.05


def test_thousands_of_frames_a_second(tmp_path):
    model, _ = pca_model(tmp_path / "pca.npz")
    codes = codes_of(known_weights(4000), model)
    basis, units = model.expression_basis.numpy(), model.unit_basis.numpy()
    began = time.perf_counter()
    solve_weights(codes, basis, units, model.expression_mean.numpy())
    assert len(codes) / (time.perf_counter() - began) > 500  # idle machines do several times that


def test_the_command_makes_a_take_that_drives_rigs(tmp_path, capsys):
    path = tmp_path / "pca.npz"
    model, _ = pca_model(path)
    weights = known_weights(30)
    take = plain_take(codes_of(weights, model))
    with pytest.raises(UserError, match="no ARKit weights"):
        performance_of(take, Settings())
    take.save(tmp_path / "in.npz")
    out = tmp_path / "out.npz"
    assert run(solve_weights_command, [str(tmp_path / "in.npz"), "--model", str(path), "-o", str(out)]) == 0
    assert "% of the expression's movement" in capsys.readouterr().out
    curves = performance_of(Take.load(out), Settings(smooth=0.0)).weights
    jaw = ARKIT_INDEX["jawOpen"]
    assert np.corrcoef(curves[:, jaw], weights[:, jaw])[0, 1] > 0.95


def test_what_does_not_fit_is_a_sentence(tmp_path):
    model, _ = pca_model(tmp_path / "pca.npz")
    with pytest.raises(UserError, match="29"):
        with_weights(plain_take(np.zeros((3, 7))), model)
    bare = FaceModel.load(tmp_path / "pca.npz")
    bare.unit_names = ()
    with pytest.raises(UserError, match="mmface model transfer"):
        with_weights(plain_take(np.zeros((3, 29))), bare)


def test_frames_without_a_face_have_no_weights(tmp_path):
    model, _ = pca_model(tmp_path / "pca.npz")
    take = plain_take(codes_of(known_weights(6), model))
    take = replace(take, present=np.array([True, True, False, True, True, True]))
    assert (with_weights(take, model).take.weights[2] == 0).all()


def test_facewarehouse_weights_drive_both_sides_of_what_it_does_not_split():
    weights = np.zeros((1, 46))
    weights[0, FACEWAREHOUSE_NAMES.index("noseWrinkle")] = 0.7
    weights[0, FACEWAREHOUSE_NAMES.index("eyeCloseLeft")] = 1.0
    got = weights_from_facewarehouse(weights)[0]
    assert got[ARKIT_INDEX["noseSneerLeft"]] == got[ARKIT_INDEX["noseSneerRight"]] == 0.7
    assert got[ARKIT_INDEX["eyeBlinkLeft"]] == 1.0 and got[ARKIT_INDEX["eyeBlinkRight"]] == 0.0
    assert (got > 0).sum() == 3
