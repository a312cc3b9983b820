"""A picture and its mirror image are read alike, and what both readings agree on stays."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mmface_core.capture.both_ways import BothWays, mean_of_two, mirrored
from mmface_core.capture.crop import Crop
from mmface_core.capture.engine import CaptureEngine
from mmface_core.conventions import euler_to_rotation, rotation_to_euler
from mmface_core.model.arkit import ARKIT_INDEX
from mmface_core.model.face_arrays import FaceArrays
from mmface_core.model.face_model import FaceModel
from mmface_core.model.mirror import FaceMirror, mirrored_pixels, mirrored_rotation
from mmface_core.network.inference import Prediction, Predictor
from tests.mmface_core.capture.stand_in import DiscDetector, DiscPredictor, disc


@pytest.fixture(scope="module")
def model() -> FaceArrays:
    return FaceArrays.load()


@pytest.fixture(scope="module")
def mirror(model) -> FaceMirror:
    return FaceMirror.of(model)


def some_prediction(model: FaceArrays, seed: int) -> Prediction:
    rng = np.random.default_rng(seed)
    return Prediction(
        volume=rng.random((2, 8, 8, 8), np.float32),
        identity=rng.standard_normal((2, model.n_identity)).astype(np.float32),
        expression=rng.random((2, model.n_expression), np.float32),
        rotation=Rotation.random(2, random_state=seed).as_matrix().astype(np.float32),
        scale=np.array([1.1, 1.3], np.float32),
        translation=rng.uniform(100, 150, (2, 2)).astype(np.float32),
        points=rng.uniform(0, 255, (2, len(model.point_names), 2)).astype(np.float32),
    )


@pytest.mark.parametrize("seed", range(5))
def test_mirroring_an_answer_twice_gives_it_back(model, mirror, seed):
    prediction = some_prediction(model, seed)
    for one, other in zip(prediction, mirrored(mirrored(prediction, mirror), mirror), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_left_and_right_change_places(model, mirror):
    prediction = some_prediction(model, 0)
    turned = mirrored(prediction, mirror)
    wink, other = ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]
    np.testing.assert_array_equal(turned.expression[:, wink], prediction.expression[:, other])
    number = {name: i for i, name in enumerate(model.point_names)}
    left, right = number["landmark_36"], number["landmark_45"]
    np.testing.assert_allclose(turned.points[:, left], mirrored_pixels(prediction.points[:, right]))


def test_a_mirror_turns_yaw_and_roll_round():
    angles = rotation_to_euler(mirrored_rotation(euler_to_rotation(0.3, 0.2, -0.1)))
    np.testing.assert_allclose([float(angle) for angle in angles], [-0.3, 0.2, 0.1], atol=1e-6)


def test_mirrored_points_of_a_head_are_the_points_of_the_mirrored_head(model, mirror):
    rng = np.random.default_rng(0)
    identity = rng.standard_normal(model.n_identity).astype(np.float32)
    weights = rng.random(model.n_expression, np.float32)

    def points(codes: np.ndarray, expression: np.ndarray) -> np.ndarray:
        shape = model.mean + np.tensordot(codes, model.identity_basis, 1)
        shape = shape + np.tensordot(expression, model.expression_basis, 1)
        return (shape[model.point_vertices] * model.point_weights[..., None]).sum(1)

    there = points(mirror.identity @ identity, mirror.expression @ weights)
    here = points(identity, weights)[mirror.points] * [-1, 1, 1]
    np.testing.assert_allclose(there, here, atol=0.05)


def test_a_converted_models_components_are_mirrored_by_their_shapes(model):
    arrays = FaceArrays.load()
    arrays.expression_names = ()
    rng = np.random.default_rng(1)
    weights = rng.random(model.n_expression)
    skin, basis = model.skin, model.expression_basis
    matrix = FaceMirror.of(arrays).expression
    there = np.tensordot(matrix @ weights, basis, 1)[skin]
    here = (np.tensordot(weights, basis, 1)[model.mirror] * [-1, 1, 1])[skin]
    np.testing.assert_allclose(there, here, atol=0.02)


def test_the_mean_turns_the_head_half_way(model):
    one = some_prediction(model, 3)
    turned = np.stack([euler_to_rotation(0.2, 0.1, 0.0) @ rotation for rotation in one.rotation])
    half = mean_of_two(one, one._replace(rotation=turned.astype(np.float32), scale=one.scale + 0.2))
    to_half = Rotation.from_matrix(half.rotation @ one.rotation.transpose(0, 2, 1)).magnitude()
    from_half = Rotation.from_matrix(turned @ half.rotation.transpose(0, 2, 1)).magnitude()
    np.testing.assert_allclose(to_half, from_half, atol=1e-4)
    np.testing.assert_allclose(np.linalg.det(half.rotation), 1.0, atol=1e-5)
    np.testing.assert_allclose(half.scale, one.scale + 0.1)


def test_the_bundled_network_reads_a_picture_and_its_mirror_image_alike(model, mirror):
    crop = np.random.default_rng(5).integers(0, 256, (1, 32, 32, 3), np.uint8).repeat(8, 1).repeat(8, 2)
    both = BothWays(Predictor(), model)
    answer, turned = both.predict(crop), mirrored(both.predict(np.ascontiguousarray(crop[:, :, ::-1])), mirror)
    for one, other in zip(answer, turned, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)


def test_two_right_readings_stay_as_they_are(model):
    predictor = DiscPredictor(FaceModel.load())
    crop = Crop.around(np.array([150.0, 120.0]), 170.0, 0.0).extract(disc((320, 240), 160, 110, 45, jaw=0.6))[None]
    once, twice = predictor.predict(crop), BothWays(predictor, model).predict(crop)
    np.testing.assert_allclose(twice.points, once.points, atol=0.5)
    np.testing.assert_allclose(twice.expression, once.expression, atol=0.02)
    np.testing.assert_allclose(twice.translation, once.translation, atol=0.5)
    assert np.abs(twice.volume - once.volume).mean() < 0.01


class Counting(DiscPredictor):
    """Counts the crops that it reads."""

    count = 0

    def predict(self, crops):
        self.count += len(crops)
        return super().predict(crops)


class Source:
    """One picture, as a still or as a clip of one frame."""

    def __init__(self, is_still: bool) -> None:
        self.name, self.fps, self.is_still, self.is_live, self.expected = "disc", 25.0, is_still, False, 1

    def frames(self):
        from mmface_core.capture.sources import Frame

        yield Frame(disc((320, 240), 160, 120, 45), 0, 0.0)

    def close(self) -> None:
        pass


def test_only_still_pictures_are_read_twice():
    model = FaceModel.load()
    read = {}
    for is_still in (True, False):
        predictor = Counting(model)
        CaptureEngine(predictor, model, DiscDetector(model)).capture(Source(is_still))
        read[is_still] = predictor.count
    assert read[True] == 2 * read[False] > 0


def test_units_without_a_twin_are_mirrored_by_their_shapes_too(model):
    arrays = FaceArrays.load()
    arrays.expression_names = tuple(
        "eyeBlinkBoth" if name == "eyeBlinkLeft" else name for name in model.expression_names
    )
    assert FaceMirror.of(arrays).expression.shape == (52, 52)
