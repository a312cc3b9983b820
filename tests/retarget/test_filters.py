import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmface_core.conventions import euler_to_rotation, rotation_to_euler
from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_INDEX
from retarget import rotations
from retarget.filters import (
    DEFAULT_STRENGTH,
    OneEuro,
    OneEuroRotation,
    live_weights_filter,
    smooth_regions,
    smooth_rotation,
    smooth_weights,
)


def clip(name, values, fps=30.0):
    weights = np.zeros((len(values), 52))
    weights[:, ARKIT_INDEX[name]] = values
    return weights, np.arange(len(values)) / fps, np.ones(len(values))


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0])
@pytest.mark.parametrize("shape", [(0.5, 1.0, 0.5), (1.0, 1.0, 1.0)])
def test_a_blink_of_three_frames_keeps_four_fifths_of_its_peak(fps, shape):
    values = np.zeros(60)
    values[29:32] = shape
    weights, time, confidence = clip("eyeBlinkLeft", values, fps)
    smoothed = smooth_weights(weights, time, confidence, DEFAULT_STRENGTH)[:, ARKIT_INDEX["eyeBlinkLeft"]]
    assert smoothed.max() >= 0.8
    assert smoothed.argmax() == 30


def test_noise_on_a_resting_face_is_reduced_by_half():
    noise = np.clip(0.5 + 0.05 * np.random.default_rng(0).normal(size=300), 0, 1)
    weights, time, confidence = clip("browInnerUp", noise)
    smoothed = smooth_weights(weights, time, confidence, DEFAULT_STRENGTH)[:, ARKIT_INDEX["browInnerUp"]]
    assert smoothed.std() < 0.5 * noise.std()


def test_trembling_lids_come_to_rest_between_blinks():
    values = np.clip(0.2 + 0.04 * np.random.default_rng(0).normal(size=300), 0, 1)
    values[100:103] = (0.6, 1.0, 0.6)
    weights, time, confidence = clip("eyeBlinkRight", values)
    smoothed = smooth_weights(weights, time, confidence, DEFAULT_STRENGTH)[:, ARKIT_INDEX["eyeBlinkRight"]]
    assert smoothed[:95].std() < 0.75 * values[:95].std()
    assert smoothed[101] > 0.9


def test_speech_is_not_delayed():
    time = np.arange(300) / 30
    values = 0.5 + 0.4 * np.sin(2 * np.pi * 3 * time)
    weights, time, confidence = clip("jawOpen", values)
    smoothed = smooth_weights(weights, time, confidence, DEFAULT_STRENGTH)[:, ARKIT_INDEX["jawOpen"]]
    inner = slice(30, -30)
    shifts = [np.corrcoef(np.roll(values, k)[inner], smoothed[inner])[0, 1] for k in (-2, -1, 0, 1, 2)]
    assert int(np.argmax(shifts)) == 2
    assert np.ptp(smoothed[inner]) > 0.85 * np.ptp(values[inner])


def test_strength_0_changes_nothing():
    weights, time, confidence = clip("jawOpen", np.random.default_rng(0).random(20))
    assert smooth_weights(weights, time, confidence, 0.0) is weights


@given(st.floats(0.01, 1.0), st.floats(0.0, 1.0))
def test_a_still_face_stays_as_it_is(strength, level):
    weights, time, confidence = clip("mouthSmileLeft", np.full(30, level))
    assert np.allclose(smooth_weights(weights, time, confidence, strength), weights, atol=1e-9)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.floats(0.05, 1.0))
def test_played_backwards_gives_the_same_backwards(seed, strength):
    rng = np.random.default_rng(seed)
    time = np.cumsum(rng.uniform(0.01, 0.08, 40))
    weights, confidence = rng.random((40, 52)), rng.random(40)
    forwards = smooth_weights(weights, time, confidence, strength)
    backwards = smooth_weights(weights[::-1], (time[-1] - time)[::-1], confidence[::-1], strength)
    assert np.allclose(forwards, backwards[::-1], atol=1e-8)


def test_uneven_time_stamps_do_not_bend_a_steady_movement():
    time = np.cumsum(np.random.default_rng(1).uniform(0.02, 0.06, 80))
    weights = np.zeros((80, 52))
    weights[:, ARKIT_INDEX["jawOpen"]] = 0.1 + 0.8 * (time - time[0]) / np.ptp(time)
    smoothed = smooth_weights(weights, time, np.ones(80), 1.0)
    assert np.allclose(smoothed, weights, atol=5e-3)


def test_an_outlier_without_confidence_hardly_counts():
    values = np.full(41, 0.3)
    values[20] = 1.0
    weights, time, confidence = clip("browInnerUp", values)
    confidence[20] = 0.0
    smoothed = smooth_weights(weights, time, confidence, DEFAULT_STRENGTH)[:, ARKIT_INDEX["browInnerUp"]]
    assert smoothed.max() < 0.35


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_smoothing_a_rotation_commutes_with_turning_the_camera(seed):
    rng = np.random.default_rng(seed)
    base = rotations.exp(np.cumsum(0.05 * rng.normal(size=(30, 3)), axis=0))
    camera = rotations.exp(rng.normal(size=3))
    time, confidence = np.arange(30) / 30, rng.uniform(0.2, 1, 30)
    turned = smooth_rotation(camera @ base, time, confidence)
    assert np.allclose(turned, camera @ smooth_rotation(base, time, confidence), atol=1e-7)
    assert np.allclose(np.linalg.det(turned), 1.0)


def test_jitter_of_the_head_is_reduced_and_its_turn_kept():
    rng = np.random.default_rng(0)
    time = np.arange(200) / 30
    yaw = np.radians(40) * np.sin(2 * np.pi * 0.5 * time)
    clean = np.stack([euler_to_rotation(y, 0.0, 0.0) for y in yaw])
    noisy = clean @ rotations.exp(np.radians(1.0) * rng.normal(size=(200, 3)))
    smoothed = smooth_rotation(noisy, time, np.ones(200))

    def error(rotation):
        return np.degrees(np.linalg.norm(rotations.log(np.swapaxes(clean, 1, 2) @ rotation), axis=1)).mean()

    assert error(smoothed) < 0.6 * error(noisy)
    assert np.degrees(np.abs(rotation_to_euler(smoothed)[0]).max()) == pytest.approx(40, abs=1.5)


def test_a_strength_out_of_range_is_refused():
    weights, time, confidence = clip("jawOpen", np.zeros(5))
    with pytest.raises(UserError, match="from 0 "):
        smooth_weights(weights, time, confidence, 1.5)


def test_one_euro_is_smooth_at_rest_and_quick_in_motion():
    rng = np.random.default_rng(0)
    slow = live_weights_filter()
    rest = np.stack([slow(0.5 + 0.03 * rng.normal(size=52), t / 30) for t in range(120)])
    assert rest[60:].std() < 0.6 * 0.03
    step = OneEuro()
    values = [step(np.array([0.0 if t < 30 else 1.0]), t / 30)[0] for t in range(36)]
    assert values[29] == 0.0 and values[33] > 0.8


def test_one_euro_for_rotations_follows_a_turn():
    follow = OneEuroRotation()
    turned = [follow(euler_to_rotation(np.radians(min(t, 30)), 0, 0), t / 30) for t in range(60)]
    assert np.degrees(rotation_to_euler(turned[-1])[0]) == pytest.approx(30, abs=0.5)


def test_a_region_can_be_smoothed_by_a_strength_of_its_own():
    noise = np.random.default_rng(0).random((60, 52))
    time, confidence = np.arange(60) / 30, np.ones(60)
    result = smooth_regions(noise, time, confidence, 0.4, {"mouth": 0.0, "brows": 1.0})
    jaw, brow, squint = (ARKIT_INDEX[name] for name in ("jawOpen", "browInnerUp", "eyeSquintLeft"))
    assert np.array_equal(result[:, jaw], noise[:, jaw])
    assert np.array_equal(result[:, brow], smooth_weights(noise, time, confidence, 1.0)[:, brow])
    assert np.array_equal(result[:, squint], smooth_weights(noise, time, confidence, 0.4)[:, squint])


def test_a_live_region_of_less_strength_follows_sooner():
    follow, trail = live_weights_filter(0.4, {"mouth": 0.1}), live_weights_filter(0.4)
    for filtered in (follow, trail):
        filtered(np.zeros(52), 0.0)
    step = np.full(52, 0.3)
    one, other = follow(step, 1 / 30), trail(step, 1 / 30)
    jaw, brow = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["browInnerUp"]
    assert one[jaw] > other[jaw] and one[brow] == other[brow]
