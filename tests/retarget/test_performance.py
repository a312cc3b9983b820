import numpy as np
import pytest

from mmface_core.conventions import euler_to_rotation
from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_INDEX
from retarget.performance import Settings, clip_name, performance_of
from retarget.timing import FrameRate

RAW = Settings(smooth=0.0)


def unit(performance, name):
    return performance.weights[:, ARKIT_INDEX[name]]


def test_without_smoothing_the_weights_come_through_unchanged(make_take):
    values = np.linspace(0, 1, 30)
    performance = performance_of(make_take({"jawOpen": values}), RAW)
    assert np.allclose(unit(performance, "jawOpen"), values)
    assert (performance.name, performance.rate, performance.start) == ("clip", FrameRate(30, 1.0), 1)
    assert list(performance.row) == list(range(30))


def test_a_still_picture_has_one_frame_and_no_rate(make_take):
    performance = performance_of(make_take({"jawOpen": [0.7]}, count=1, fps=1.0), Settings(start=12))
    assert (performance.rate, performance.start, performance.frame_count) == (None, 12, 1)
    assert unit(performance, "jawOpen")[0] == pytest.approx(0.7)


def test_frames_that_are_not_seen_are_filled_and_counted(make_take):
    present = np.ones(30, bool)
    present[10:13] = False
    performance = performance_of(make_take({"jawOpen": np.where(present, 0.6, 0.0)}, present=present), RAW)
    assert np.allclose(unit(performance, "jawOpen"), 0.6) and performance.filled == 3


def test_an_uneven_clip_is_laid_out_by_its_time_stamps(make_take):
    time = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.08, 60))
    time -= time[0]
    rotation = np.stack([euler_to_rotation(0.5 * t, 0, 0) for t in time]).astype(np.float32)
    performance = performance_of(
        make_take({"jawOpen": time / 10}, rotation=rotation, count=60, time=time, fps=25.0), RAW
    )
    at = np.arange(performance.frame_count) / 25
    assert np.allclose(unit(performance, "jawOpen"), at / 10, atol=1e-6)
    assert np.allclose(performance.rotation, np.stack([euler_to_rotation(0.5 * t, 0, 0) for t in at]), atol=1e-5)
    assert np.abs(time[performance.row] - at).max() <= 0.04 + 1e-9


def test_a_neutral_frame_becomes_the_zero_and_lids_still_close(make_take):
    lids = np.full(30, 0.4)
    lids[20] = 1.0
    smile = np.full(30, 0.3)
    smile[20] = 1.0
    take = make_take({"eyeBlinkLeft": lids, "mouthSmileLeft": smile})
    performance = performance_of(take, Settings(smooth=0.0, neutral=5))
    assert unit(performance, "mouthSmileLeft")[5] == pytest.approx(0, abs=1e-6)
    assert unit(performance, "eyeBlinkLeft")[5] < 0.1
    assert unit(performance, "eyeBlinkLeft")[20] == unit(performance, "mouthSmileLeft")[20] == pytest.approx(1.0)


def test_units_in_another_order_are_put_in_place(make_take):
    take = make_take({"jawOpen": np.full(30, 0.5)})
    take.weight_names, take.weights = take.weight_names[::-1], take.weights[:, ::-1]
    assert np.allclose(unit(performance_of(take, RAW), "jawOpen"), 0.5)


def test_a_take_of_which_nothing_is_believed_is_refused(make_take):
    with pytest.raises(UserError, match="good enough"):
        performance_of(make_take(confidence=np.full(30, 0.01)), RAW)


@pytest.mark.parametrize(
    ("source", "name"), [("a/talk.v2.mp4", "talk.v2"), ("folder/", "folder"), ("webcam 0", "webcam 0")]
)
def test_clips_are_named_after_their_files(source, name):
    assert clip_name(source) == name
