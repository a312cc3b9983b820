import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmface_core.conventions import euler_to_rotation, rotation_to_euler
from mmface_core.errors import UserError
from retarget.timing import (
    FrameRate,
    Moment,
    Span,
    frame_rate,
    parse_moment,
    resample,
    resample_rotations,
    timeline,
)


@pytest.mark.parametrize(
    ("fps", "rate"),
    [
        (24.0, FrameRate(24, 1.0)),
        (30000 / 1001, FrameRate(30, 1.001)),
        (29.97, FrameRate(30, 1.001)),
        (23.976, FrameRate(24, 1.001)),
        (60000 / 1001, FrameRate(60, 1.001)),
        (59.94, FrameRate(60, 1.001)),
        (25.0, FrameRate(25, 1.0)),
        (1.0, FrameRate(1, 1.0)),
        (12.5, FrameRate(25, 2.0)),
    ],
)
def test_common_rates_are_exact(fps, rate):
    assert frame_rate(fps) == rate


@given(st.floats(0.1, 1000))
def test_any_rate_is_kept_to_ten_parts_in_a_million(fps):
    rate = frame_rate(fps)
    assert rate.value == pytest.approx(fps, rel=2.1e-5) and rate.fps >= 1
    numerator, denominator = rate.fraction
    assert numerator / denominator == pytest.approx(fps, rel=1e-3) and 1 <= numerator <= 32767


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf"), 1e6])
def test_what_is_no_rate_is_refused(fps):
    with pytest.raises(UserError):
        frame_rate(fps)


def test_each_picture_of_a_steady_clip_is_one_frame():
    fps = 30000 / 1001
    time = np.round(np.arange(1000) / fps, 3)  # a container that keeps whole milliseconds
    line = timeline(time, np.arange(1000), fps)
    assert line.constant and line.start == 1 and len(line) == 1000


def test_a_late_clock_does_not_shift_the_first_picture():
    line = timeline(0.5 + np.arange(10) / 25, np.arange(10), 25.0, start=101)
    assert line.start == 101 and len(line) == 10


def test_a_take_from_the_middle_of_a_video_keeps_its_place():
    frame = np.arange(40, 60)
    line = timeline(frame / 25, frame, 25.0)
    assert line.start == 41 and line.constant


def test_a_variable_rate_is_laid_out_by_its_time_stamps():
    rng = np.random.default_rng(0)
    time = np.concatenate([[0.0], np.cumsum(rng.uniform(0.01, 0.1, 200))])
    line = timeline(time, np.arange(201), 30.0)
    values = resample(np.sin(time), line)
    at = np.arange(len(line)) / 30.0
    assert not line.constant
    assert np.abs(values - np.sin(at)).max() < 2e-3
    assert len(line) == int(time[-1] * 30 + 1e-6) + 1


def test_pictures_left_out_are_filled_in():
    frame = np.array([0, 1, 2, 5, 6])
    line = timeline(frame / 25, frame, 25.0)
    assert np.allclose(resample(frame.astype(float), line), np.arange(7))


def test_rotations_are_resampled_along_the_arc():
    angles = np.array([0.0, 30.0, 40.0])
    rotation = np.stack([euler_to_rotation(np.radians(a), 0, 0) for a in angles])
    line = timeline(np.array([0.0, 0.3, 0.4]), np.arange(3), 10.0)
    yaw = np.degrees(rotation_to_euler(resample_rotations(rotation, line))[0])
    assert np.allclose(yaw, [0, 10, 20, 30, 40])


def test_one_picture_is_one_frame():
    line = timeline(np.array([0.0]), np.array([0]), 1.0, start=7)
    assert line.start == 7 and len(line) == 1


def test_an_empty_take_and_falling_time_are_refused():
    with pytest.raises(UserError, match="empty"):
        timeline(np.zeros(0), np.zeros(0, int), 25.0)
    with pytest.raises(UserError, match="rise"):
        timeline(np.array([0.0, 0.2, 0.1]), np.arange(3), 25.0)


class TestOtherRatesAndParts:
    """Curves at another rate than the clip's, and of a part of it."""

    time, frame = np.arange(100) / 25, np.arange(100)

    @given(st.sampled_from([12.0, 24.0, 25.0, 30.0, 30000 / 1001, 60.0]), st.integers(-50, 200))
    def test_every_frame_shows_what_the_source_shows_at_its_time(self, fps, start):
        line = timeline(self.time, self.frame, 25.0, start, out_fps=fps)
        shown = resample(self.time, line)
        assert np.abs(shown - np.arange(len(line)) / fps).max() < 1e-9
        assert line.start == start
        assert (len(line) - 1) / fps <= self.time[-1] + 1e-9 < len(line) / fps

    @given(st.floats(0, 90), st.floats(0, 120))
    def test_a_part_lies_within_its_ends_and_begins_at_the_start(self, first, length):
        line = timeline(self.time, self.frame, 25.0, 7, span=Span(Moment(first), Moment(first + length)))
        shown = 25 * resample(self.time, line)
        assert line.start == 7
        assert shown[0] == pytest.approx(first) and shown[-1] <= min(first + length, 99) + 1e-6
        assert np.allclose(np.diff(shown), 1.0)

    def test_seconds_and_frames_mean_the_same_moment(self):
        a = timeline(self.time, self.frame, 25.0, 1, span=Span(parse_moment("20"), parse_moment("2s")))
        b = timeline(self.time, self.frame, 25.0, 1, span=Span(parse_moment("0.8s"), parse_moment("0:02")))
        assert len(a) == len(b) == 31
        assert np.allclose(resample(self.time, a), resample(self.time, b))

    def test_a_part_of_nothing_is_refused(self):
        with pytest.raises(UserError, match="Nothing is left"):
            timeline(self.time, self.frame, 25.0, span=Span(Moment(200)))

    @pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "1:2:3:4", "nan", "inf", "1:x"])
    def test_other_words_for_a_moment_are_refused(self, text):
        with pytest.raises(UserError, match="no moment"):
            parse_moment(text)
