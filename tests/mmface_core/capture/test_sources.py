"""Frames come in order, with their own times, and what cannot be read is named."""

import os
import struct
import subprocess
import sys
import threading
import time
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmface_core.capture.sources import Ahead, FilteredSource, Frame, image_files, open_source, read_image
from mmface_core.errors import UserError

ROOT = Path(__file__).resolve().parents[3]


def write_video(path: Path, count: int = 12, fps: float = 20.0, size: tuple[int, int] = (64, 48)) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), fps, size)
    for i in range(count):
        frame = np.zeros((size[1], size[0], 3), np.uint8)
        frame[:, :, 2] = 20 * i  # BGR: red grows
        writer.write(frame)
    writer.release()
    return path


def all_frames(source) -> list[Frame]:
    with Ahead(source) as frames:
        return list(frames)


def test_an_image_is_one_rgb_frame(tmp_path):
    image = np.zeros((20, 30, 3), np.uint8)
    image[:, :, 2] = 200  # BGR
    cv2.imwrite(str(tmp_path / "red.png"), image)
    source = open_source(tmp_path / "red.png")
    (frame,) = all_frames(source)
    assert source.is_still
    assert frame.image.shape == (20, 30, 3) and frame.image.dtype == np.uint8
    assert frame.image[0, 0].tolist() == [200, 0, 0]


@pytest.mark.parametrize("depth", ["grey", "alpha", "sixteen"])
def test_images_of_other_kinds_become_rgb(tmp_path, depth):
    array = {
        "grey": np.full((8, 9), 120, np.uint8),
        "alpha": np.full((8, 9, 4), 120, np.uint8),
        "sixteen": np.full((8, 9, 3), 120 * 257, np.uint16),
    }[depth]
    cv2.imwrite(str(tmp_path / "x.png"), array)
    image = read_image(tmp_path / "x.png")
    assert image.shape == (8, 9, 3) and image.dtype == np.uint8
    assert image[0, 0].tolist() == [120, 120, 120]


def test_a_filtered_source_ends_where_its_filter_does_and_says_what_it_wraps(tmp_path):
    wrapped = open_source(write_video(tmp_path / "clip.mp4", fps=20.0))
    source = FilteredSource(wrapped, lambda frames: islice(frames, 5))
    assert [frame.index for frame in all_frames(source)] == [0, 1, 2, 3, 4]
    assert (source.name, source.fps, source.expected) == (wrapped.name, 20.0, 12)
    assert not source.is_still and not source.is_live


def test_video_frames_come_in_order_with_their_times(tmp_path):
    source = open_source(write_video(tmp_path / "a.mp4"))
    frames = all_frames(source)
    assert [f.index for f in frames] == list(range(12))
    assert np.allclose([f.time for f in frames], np.arange(12) / 20, atol=0.002)
    assert source.fps == pytest.approx(20) and not source.is_still and source.expected == 12
    red = [int(f.image[24, 32, 0]) for f in frames]
    assert red == sorted(red) and red[-1] > 180


def test_rotation_metadata_is_respected(tmp_path):
    path = tmp_path / "upright.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 20.0, (64, 48))
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:, :32] = 255  # the left half is bright
    for _ in range(5):
        writer.write(frame)
    writer.release()
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # the track header's display matrix, ISO 14496-12
    quarter_turn = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)  # clockwise
    data[matrix : matrix + 36] = quarter_turn
    path.write_bytes(bytes(data))
    image = all_frames(open_source(path))[0].image
    assert image.shape == (64, 48, 3)
    assert image[5, 24, 0] > 200 and image[60, 24, 0] < 50  # left became top


class Stamped:
    """A capture whose frames carry the given times in milliseconds."""

    def __init__(self, stamps: list[float]) -> None:
        self.stamps, self.at = stamps, -1

    def read(self):
        self.at += 1
        return self.at < len(self.stamps), np.zeros((4, 4, 3), np.uint8)

    def get(self, _property: int) -> float:
        return self.stamps[self.at]

    def release(self) -> None: ...


@pytest.mark.parametrize(
    ("stamps", "times"),
    [
        ([0, 50, 100, 350, 400], [0, 0.05, 0.1, 0.35, 0.4]),  # a variable rate is kept
        ([80, 120, 160], [0.08, 0.12, 0.16]),  # so is a late start
        ([0, 0, 0, 0], [0, 0.05, 0.1, 0.15]),  # no timestamps at all: the nominal 20 fps
        ([0, 50, 40, 100], [0, 0.05, 0.1, 0.15]),  # times that go back are replaced, and all of them increase
    ],
)
def test_a_videos_timestamps_are_kept_where_they_make_sense(tmp_path, stamps, times):
    source = open_source(write_video(tmp_path / "a.mp4"))
    source._capture = Stamped(stamps)
    assert np.allclose([f.time for f in all_frames(source)], times)


def test_a_folder_is_a_clip_only_when_asked_and_counts_like_a_person(tmp_path):
    for number in (1, 2, 10):
        cv2.imwrite(str(tmp_path / f"f{number}.png"), np.full((8, 8, 3), number, np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    assert [p.name for p in image_files(tmp_path)] == ["f1.png", "f2.png", "f10.png"]
    frames = all_frames(open_source(tmp_path, sequence=True, fps=10))
    assert [int(f.image[0, 0, 0]) for f in frames] == [1, 2, 10]
    assert [f.time for f in frames] == [0, 0.1, 0.2]
    with pytest.raises(UserError, match="--sequence"):
        open_source(tmp_path)


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("this is no video" * 100)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    whole = write_video(tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 3])
    (tmp_path / "folder").mkdir()
    for name, word in (
        ("gone.mp4", "no file"),
        ("empty.mp4", "0 bytes"),
        ("text.mp4", "neither"),
        ("broken.jpg", "not a picture"),
        ("cut.mp4", "cut.mp4"),
    ):
        with pytest.raises(UserError, match=word) as caught:
            all_frames(open_source(tmp_path / name))
        assert name in str(caught.value)
    with pytest.raises(UserError, match="no pictures"):
        open_source(tmp_path / "folder", sequence=True)


@pytest.mark.parametrize("ending", [b".png", b".mp4"])
def test_a_name_that_is_not_unicode_is_refused_instead_of_taking_the_process_down(tmp_path, ending):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/gr\xfcn" + ending))
    path.write_bytes(b"something")
    with pytest.raises(UserError, match="rename the file"):
        open_source(path)


def test_a_picture_too_wide_for_a_crop_is_refused_in_a_sentence(tmp_path):
    cv2.imwrite(str(tmp_path / "wide.png"), np.zeros((4, 33000, 3), np.uint8))
    with pytest.raises(UserError, match="33000 x 4 pixels"):
        open_source(tmp_path / "wide.png")


def test_a_camera_that_is_not_there_is_named():
    with pytest.raises(UserError, match="camera number 77"):
        open_source("77")


class Endless:
    name, fps, is_still, is_live, expected = "endless", 25.0, False, False, None

    def __init__(self) -> None:
        self.given = 0
        self.closed = False

    def frames(self):
        while True:
            self.given += 1
            yield Frame(np.zeros((2, 2, 3), np.uint8), self.given - 1, self.given / 25)

    def close(self) -> None:
        self.closed = True


def test_decoding_runs_ahead_but_not_away():
    source = Endless()
    with Ahead(source, ahead=4) as frames:
        next(frames)
        deadline = time.monotonic() + 2
        while source.given < 6 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        assert source.given == 6  # one taken, four waiting, one in the decoder's hand


def test_leaving_early_stops_the_decoder_and_closes_the_source():
    source = Endless()
    with pytest.raises(KeyboardInterrupt), Ahead(source) as frames:
        next(frames)
        raise KeyboardInterrupt
    assert source.closed
    assert not any(thread.name == "decoder" for thread in threading.enumerate())


def test_a_source_is_never_closed_while_it_decodes(monkeypatch):
    """A second Ctrl-C strikes while we wait for the decoder, which is in the middle of a frame."""
    told, goes_on, closed_amid = threading.Event(), threading.Event(), []

    class Held(Endless):
        def frames(self):
            yield Frame(np.zeros((2, 2, 3), np.uint8), 0, 0.0)
            self.decoding = True
            told.set()
            goes_on.wait(10)
            self.decoding = False

        def close(self) -> None:
            closed_amid.append(self.decoding)

    def interrupted(timeout: float | None = None) -> None:
        raise KeyboardInterrupt

    source = Held()
    ahead = Ahead(source)
    thread = ahead._thread
    next(ahead.__enter__())
    assert told.wait(10)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(thread, "join", interrupted)
        ahead.__exit__(None, None, None)
    assert closed_amid == []
    goes_on.set()
    thread.join(10)
    assert closed_amid == [False]


LEFT = """
import time
import numpy as np
from mmface_core.capture.sources import Ahead, Frame

class Slow:
    name, fps, is_still, is_live, expected = "slow", 25.0, False, False, None

    def frames(self):
        while True:
            time.sleep(0.3)
            print("decoded", flush=True)
            yield Frame(np.zeros((2, 2, 3), np.uint8), 0, 0.0)

    def close(self):
        print("closed", flush=True)

next(Ahead(Slow()).__enter__())
"""


def test_a_program_that_ends_amid_a_frame_waits_for_its_decoder():
    """As where Ctrl-C strikes before the context is entered: nobody is left to stop the thread."""
    done = subprocess.run([sys.executable, "-c", LEFT], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "closed"


def test_an_error_of_the_decoder_reaches_the_reader(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "b.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"b\.png"):
        all_frames(open_source(tmp_path, sequence=True))
