"""What the network says becomes a face in the picture, believed as far as mesh, points and volume agree."""

import weakref
from dataclasses import replace

import numpy as np
import pytest

from mmface_core.capture.crop import Crop
from mmface_core.capture.reconstruct import ReconstructConfig, Reconstructor
from mmface_core.capture.settle import common_identity, settle
from mmface_core.capture.state import FaceState
from mmface_core.conventions import euler_to_rotation
from mmface_core.errors import UserError
from mmface_core.geometry.fit import FaceParameters, FitConfig, PointFitter
from mmface_core.model.face_model import FaceModel
from mmface_core.network.inference import Prediction
from tests.mmface_core.capture.stand_in import RADIUS_MM, DiscPredictor, disc


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load()


@pytest.fixture(scope="module")
def predictor(model) -> DiscPredictor:
    return DiscPredictor(model)


@pytest.fixture(scope="module")
def reconstructor(model, predictor) -> Reconstructor:
    return Reconstructor(predictor, model)


@pytest.fixture(scope="module")
def prediction(predictor) -> Prediction:
    crop = Crop.around(np.array([160.0, 120.0]), 200 * 40 / RADIUS_MM, 0.0)
    return predictor.predict(crop.extract(disc((320, 240), 163, 118, 40))[None])


def test_a_face_is_found_where_it_is_in_the_picture_whatever_the_crop(reconstructor, model):
    anatomical = (model.mean[model.landmark_vertices] * model.landmark_weights[..., None]).sum(1)
    annotated = (model.mean[model.annotated_vertices] * model.annotated_weights[..., None]).sum(1)
    agreed = ((anatomical - annotated).norm(dim=1) < 1.5).numpy()
    assert agreed.sum() > 25
    image = disc((640, 480), 300, 200, 50)
    crops = [
        Crop.around(np.array([300.0, 200.0]), 200 * 50 / RADIUS_MM, 0.0),
        Crop.around(np.array([310.0, 195.0]), 190 * 50 / RADIUS_MM, 0.4),
    ]
    for state, crop in zip(reconstructor.faces(image, crops), crops, strict=True):
        assert np.allclose(state.translation, [300, 200], atol=1.5)
        assert np.isclose(state.scale, 50 / RADIUS_MM, rtol=0.03)
        assert np.isclose(np.arctan2(-state.rotation[1, 0], state.rotation[0, 0]), crop.roll, atol=0.02)
        assert state.confidence > 0.8
        # Annotators and anatomy agree on some landmarks; on the others they are up to a finger's breadth apart.
        assert np.allclose(state.points[:68][agreed], state.landmarks[agreed, :2], atol=3)


def test_no_crops_are_no_faces(reconstructor):
    assert reconstructor.faces(np.zeros((10, 10, 3), np.uint8), []) == []


def test_points_that_form_no_face_are_not_believed(reconstructor, prediction):
    noise = np.random.default_rng(0).normal(0, 6, prediction.points.shape).astype(np.float32)
    good = reconstructor.states(prediction)[0].confidence
    assert reconstructor.states(prediction._replace(points=prediction.points + noise))[0].confidence < 0.3 < 0.8 < good


def test_an_empty_volume_is_not_believed(reconstructor, prediction):
    empty = prediction._replace(volume=np.zeros_like(prediction.volume))
    assert reconstructor.states(empty)[0].confidence == 0


@pytest.mark.parametrize("refine", ["none", "icp", "points", "icp+points"])
def test_every_refinement_keeps_a_pose_that_is_right(model, predictor, prediction, refine):
    state = Reconstructor(predictor, model, ReconstructConfig(refine)).states(prediction)[0]
    assert np.allclose(state.translation, prediction.translation[0], atol=2.5)
    angle = np.degrees(np.arccos(np.clip((np.trace(state.rotation @ prediction.rotation[0].T) - 1) / 2, -1, 1)))
    assert angle < 2.5


@pytest.mark.parametrize("refine", ["icp", "points", "icp+points"])
def test_every_refinement_mends_a_pose_that_is_wrong(model, predictor, prediction, refine):
    wrong = euler_to_rotation(0.1, -0.06, 0.03).astype(np.float32)
    off = prediction._replace(rotation=wrong[None] @ prediction.rotation, translation=prediction.translation + 3)

    def error(refine: str) -> float:
        state = Reconstructor(predictor, model, ReconstructConfig(refine)).states(off)[0]
        return float(
            np.degrees(np.arccos(np.clip((np.trace(state.rotation @ prediction.rotation[0].T) - 1) / 2, -1, 1)))
        )

    assert error(refine) < 0.5 * error("none")


def test_weights_of_another_version_are_refused_in_a_sentence(reconstructor, prediction):
    with pytest.raises(UserError, match="different versions"):
        reconstructor.states(prediction._replace(points=prediction.points[:, :68]))


def shaky_states(reconstructor: Reconstructor, prediction: Prediction, count: int = 12) -> list[FaceState]:
    """The same face again and again, read with noise on every code."""
    random = np.random.default_rng(0)
    truth = reconstructor.states(prediction)[0]
    surface = reconstructor.fitter
    states = []
    for _ in range(count):
        points = truth.points + random.normal(0, 0.3, truth.points.shape).astype(np.float32)
        identity = truth.identity + random.normal(0, 0.4, truth.identity.shape).astype(np.float32)
        expression = (truth.expression + random.normal(0, 0.05, truth.expression.shape)).clip(0, 1)
        face = FaceParameters(*(np.float32(a)[None] for a in (
            identity, expression, truth.rotation, truth.scale, truth.translation)))  # fmt: skip
        fitted = surface.fit(face, points[None])
        states.append(replace(truth, identity=identity, points=points, expression=fitted.expression[0],
                              rotation=fitted.rotation[0], translation=fitted.translation[0],
                              scale=float(fitted.scale[0])))  # fmt: skip
    return states


def test_a_take_has_one_identity_and_shakes_less_for_it(reconstructor, prediction):
    states = shaky_states(reconstructor, prediction)
    settler = PointFitter(reconstructor.fitter.surface, FitConfig(n_identity=0))
    settled = [s for chunk in settle(lambda: [states], settler, reconstructor.marks) for s in chunk]
    assert all(np.array_equal(s.identity, common_identity([states])) for s in settled)

    def shake(values) -> float:
        return float(np.std(np.stack(values), axis=0).mean())

    assert shake([s.rotation for s in settled]) < shake([s.rotation for s in states])
    assert shake([s.expression for s in settled]) < shake([s.expression for s in states])


def test_settling_does_not_depend_on_the_size_of_the_face_in_the_picture(reconstructor, prediction):
    states = shaky_states(reconstructor, prediction, 4)
    settler = PointFitter(reconstructor.fitter.surface, FitConfig(n_identity=0))
    far = Crop.around(np.array([127.5, 127.5]), 1024.0, 0.0)  # a quarter of the size, elsewhere
    (moved,) = settle(lambda: [[far.to_crop(state) for state in states]], settler, reconstructor.marks)
    (same,) = settle(lambda: [states], settler, reconstructor.marks)
    for there, here in zip(moved, same, strict=True):
        assert np.allclose(far.to_picture(there).landmarks, here.landmarks, atol=0.05)
        assert np.allclose(there.expression, here.expression, atol=1e-3)


def test_the_surer_states_decide_the_identity(reconstructor, prediction):
    state = reconstructor.states(prediction)[0]
    sure = replace(state, identity=np.ones_like(state.identity), confidence=1.0)
    unsure = replace(state, identity=-np.ones_like(state.identity), confidence=0.1)
    assert (common_identity([[sure, unsure]]) > 0.9).all()


def test_the_common_identity_keeps_no_frames(reconstructor, prediction):
    """A clip of half an hour has forty thousand of them."""
    state = reconstructor.states(prediction)[0]
    given: list[weakref.ref[np.ndarray]] = []

    def chunks():
        for number in range(4):
            states = [replace(state, identity=state.identity.copy(), confidence=0.5 + 0.1 * number)]
            given.append(weakref.ref(states[0].identity))
            yield states
            # The reader still holds the chunk that it was just given.
            assert all(ref() is None for ref in given[:-1])

    assert np.allclose(common_identity(chunks()), state.identity, atol=1e-6)
    assert len(given) == 4
