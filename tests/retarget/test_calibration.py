import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES, MIRRORED_UNIT
from mmface_core.take import Take
from retarget.calibration import (
    MOST_FOUND_OFFSET,
    MOST_LID_OFFSET,
    Calibration,
    CalibrationPolicy,
    apply_calibration,
    calibrate,
    parse_neutral,
    person_range,
    resting_pose,
)
from retarget.performance import Settings, performance_of
from retarget.storing import calibrated, calibration_for, without_calibration

COUNT = 120
TIME = np.arange(COUNT) / 25
GOOD = np.ones(COUNT, bool)
BLINK = ARKIT_INDEX["eyeBlinkLeft"]


def clip(**units):
    weights = np.zeros((COUNT, 52))
    for name, values in units.items():
        weights[:, ARKIT_INDEX[name]] = values
    return weights


def calibration(seed):
    rng = np.random.default_rng(seed)
    neutral = rng.uniform(0, 0.5, 52)
    return Calibration(neutral, rng.uniform(neutral + 0.1, 1.0), "test")


@given(st.integers(0, 10_000))
def test_calibrated_weights_stay_within_0_and_1(seed):
    rng = np.random.default_rng(seed)
    result = apply_calibration(rng.random((20, 52)), calibration(seed))
    assert (result >= 0).all() and (result <= 1).all()


@given(st.integers(0, 10_000))
def test_a_larger_weight_never_becomes_smaller(seed):
    rng = np.random.default_rng(seed)
    low = rng.random(52)
    unit = rng.integers(52)
    high = low.copy()
    high[unit] = rng.uniform(low[unit], 1.0)
    one, other = apply_calibration(np.stack([low, high]), calibration(seed))
    assert other[unit] >= one[unit] - 1e-12


@given(st.integers(0, 10_000))
def test_the_neutral_becomes_zero_and_the_full_movement_one(seed):
    own = calibration(seed)
    assert np.allclose(apply_calibration(own.neutral[None], own), 0.0)
    for name in ("jawOpen", "eyeBlinkLeft", "mouthSmileRight", "browInnerUp"):
        index = ARKIT_INDEX[name]
        weights = own.neutral.copy()
        weights[index] = own.full[index]
        assert apply_calibration(weights[None], own)[0, index] == pytest.approx(1.0)


@given(st.integers(0, 10_000))
def test_mirroring_the_face_before_or_after_is_the_same(seed):
    own = calibration(seed)
    mirrored = Calibration(own.neutral[list(MIRRORED_UNIT)], own.full[list(MIRRORED_UNIT)])
    weights = np.random.default_rng(seed).random((5, 52))
    before = apply_calibration(weights[:, MIRRORED_UNIT], mirrored)
    assert np.allclose(before, apply_calibration(weights, own)[:, MIRRORED_UNIT])


def test_no_calibration_changes_nothing():
    weights = np.random.default_rng(0).random((5, 52))
    assert apply_calibration(weights, Calibration()) is weights


def test_a_gaze_that_rests_downwards_is_straight_and_up_from_there_is_up():
    neutral = np.zeros(52)
    neutral[ARKIT_INDEX["eyeLookDownLeft"]] = 0.2
    weights = clip(eyeLookDownLeft=0.2)[:1]
    assert not apply_calibration(weights, Calibration(neutral)).any()
    straight = apply_calibration(np.zeros((1, 52)), Calibration(neutral))[0]
    assert straight[ARKIT_INDEX["eyeLookUpLeft"]] == pytest.approx(0.2)


def test_blinks_survive_lids_that_rest_half_closed():
    lid = np.full(COUNT, 0.55)
    lid[50:53] = (0.8, 1.0, 0.8)
    weights = clip(eyeBlinkLeft=lid)
    for policy in (CalibrationPolicy(20), CalibrationPolicy("auto"), CalibrationPolicy((5, 40))):
        own = calibrate(weights, TIME, np.arange(COUNT), GOOD, policy)
        assert own.neutral[BLINK] <= MOST_LID_OFFSET
        after = apply_calibration(weights, own)[:, BLINK]
        assert after[51] == pytest.approx(1.0)
        assert after.max() - after[0] > 0.65


def test_the_auto_neutral_is_what_a_calm_face_shows_most_of_the_time():
    brow, jaw = np.full(COUNT, 0.09), np.zeros(COUNT)
    jaw[60:110] = 0.5 + 0.3 * np.sin(TIME[60:110] * 20)
    brow[60:110] = 0.6
    noise = 0.01 * np.random.default_rng(0).random(COUNT)
    rest = resting_pose(clip(browDownLeft=brow + noise, jawOpen=jaw), TIME, GOOD)
    assert rest[ARKIT_INDEX["browDownLeft"]] == pytest.approx(0.095, abs=0.01)
    assert rest[ARKIT_INDEX["jawOpen"]] < 0.02


@given(st.integers(0, 1000))
def test_the_auto_neutral_never_takes_an_expression_away(seed):
    weights = np.random.default_rng(seed).uniform(0.3, 0.9, (COUNT, 52))
    rest = resting_pose(weights, TIME, GOOD)
    lids = [name.startswith("eyeBlink") for name in ARKIT_NAMES]
    assert (rest <= np.where(lids, MOST_LID_OFFSET, MOST_FOUND_OFFSET)).all()


def test_somebody_who_looks_beside_the_camera_keeps_looking_there():
    rest = resting_pose(clip(eyeLookOutLeft=0.1, eyeLookInRight=0.1), TIME, GOOD)
    assert rest[ARKIT_INDEX["eyeLookOutLeft"]] == 0


def test_a_still_tells_no_neutral():
    assert not resting_pose(np.full((1, 52), 0.5), np.zeros(1), np.ones(1, bool)).any()


def test_the_range_of_lids_comes_from_blinks_and_unused_units_keep_theirs():
    lid = np.zeros(COUNT)
    for middle in (20, 60, 90):
        lid[middle - 1 : middle + 2] = (0.4, 0.7, 0.4)
    full = person_range(clip(eyeBlinkLeft=lid, jawOpen=0.2, mouthSmileLeft=np.linspace(0, 0.8, COUNT)), TIME, GOOD)
    assert full[BLINK] == pytest.approx(0.7)
    assert full[ARKIT_INDEX["jawOpen"]] == 1
    assert full[ARKIT_INDEX["mouthSmileLeft"]] == full[ARKIT_INDEX["mouthSmileRight"]] == pytest.approx(0.79, abs=0.02)


@pytest.mark.parametrize(
    ("text", "meaning"), [("40", 40), ("40-60", (40, 60)), ("auto", "auto"), ("off", "off"), (" 7 - 9 ", (7, 9))]
)
def test_a_neutral_is_typed_as_a_frame_a_stretch_or_a_word(text, meaning):
    assert parse_neutral(text) == meaning


@pytest.mark.parametrize("text", ["", "first", "-3", "9-7", "4.5", "1-2-3"])
def test_other_words_for_a_neutral_are_refused(text):
    with pytest.raises(UserError):
        parse_neutral(text)


def test_a_stretch_without_a_face_is_refused():
    with pytest.raises(UserError, match="stretch 200-210"):
        calibrate(clip(), TIME, np.arange(COUNT), GOOD, CalibrationPolicy((200, 210)))


class TestStored:
    def test_what_the_take_stores_is_used_and_its_weights_stay(self, make_take, tmp_path):
        take = make_take({"jawOpen": np.full(40, 0.3)}, count=40)
        own = calibration_for(take, CalibrationPolicy(10))
        calibrated(take, own).save(tmp_path / "t.npz")
        loaded = Take.load(tmp_path / "t.npz")
        assert np.array_equal(loaded.weights, take.weights)
        assert loaded.calibrated_by == "frame 10"
        assert not performance_of(loaded, Settings()).weights.any()
        off = performance_of(loaded, Settings(neutral="off"))
        assert np.allclose(off.weights[:, ARKIT_INDEX["jawOpen"]], 0.3, atol=1e-6)

    def test_a_take_without_one_has_no_new_entries(self, make_take, tmp_path):
        make_take().save(tmp_path / "t.npz")
        with np.load(tmp_path / "t.npz") as file:
            assert not {"neutral", "full", "calibrated_by"} & set(file.files)
        assert Take.load(tmp_path / "t.npz").neutral is None

    def test_it_can_be_taken_out_again(self, make_take, tmp_path):
        take = make_take({"jawOpen": np.full(40, 0.3)}, count=40)
        without_calibration(calibrated(take, calibration_for(take, CalibrationPolicy(10)))).save(tmp_path / "t.npz")
        assert Take.load(tmp_path / "t.npz").full is None

    def test_a_calibration_without_range_is_refused(self, make_take, tmp_path):
        zero = np.zeros(52, np.float32)
        with pytest.raises(ValueError, match="no range"):
            make_take(neutral=zero, full=zero).save(tmp_path / "t.npz")
