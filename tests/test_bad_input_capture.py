"""What `mmface capture` says and does when its input is bad: one sentence, status 2, nothing half-written."""

import functools
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmface_core.capture.engine import CaptureEngine
from mmface_core.cli import mmface, run
from mmface_core.errors import UserError
from mmface_core.model.face_model import FaceModel
from mmface_core.take import Take
from tests.mmface_core.capture.stand_in import DiscDetector, DiscPredictor, disc

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def stand_in() -> CaptureEngine:
    model = FaceModel.load()
    return CaptureEngine(DiscPredictor(model), model, DiscDetector(model))


@pytest.fixture
def mmface_capture(stand_in, monkeypatch, capfd):
    """Runs `mmface capture ARGUMENTS`; gives status, what it printed, and what it complained."""
    monkeypatch.setattr("mmface_core.capture.load.load_engine", lambda **_options: stand_in)

    def call(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        status = run(mmface, ["capture", *map(str, arguments)])
        out, err = capfd.readouterr()
        return status, out, err

    return call


def write_video(path: Path, frames: list[np.ndarray]) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25.0, frames[0].shape[1::-1])
    for frame in frames:
        writer.write(frame[:, :, ::-1])
    writer.release()
    return path


def face_picture(path: Path) -> Path:
    cv2.imwrite(str(path), disc((320, 240), 160, 120, 40)[:, :, ::-1])
    return path


def assert_refused(result: tuple[int, str, str], *words: str) -> None:
    status, out, err = result
    assert status == 2
    complaint = err.strip().splitlines()[-1]
    for word in words:
        assert word in complaint
    assert complaint.startswith("Error: ") and complaint.endswith(".")
    assert "Traceback" not in out + err


def bad_file(folder: Path, kind: str) -> Path:
    """A file of the given kind of badness."""
    path = folder / {"broken picture": "broken.jpg"}.get(kind, "bad.mp4")
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "not a video":
        path.write_text("These are words. " * 200)
    elif kind == "broken picture":
        path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))
    elif kind == "truncated":
        whole = write_video(path, [disc((160, 120), 80, 60, 20)] * 10).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "header only":
        whole = write_video(path, [disc((160, 120), 80, 60, 20)] * 10).read_bytes()
        path.write_bytes(whole[:40])
    elif kind == "no face":
        write_video(path, [np.zeros((120, 160, 3), np.uint8)] * 10)
    return path


@pytest.mark.parametrize(
    "kind", ["missing", "empty", "not a video", "broken picture", "truncated", "header only", "no face"]
)
def test_a_bad_input_is_named_in_one_sentence_and_nothing_is_written(mmface_capture, tmp_path, kind):
    path = bad_file(tmp_path, kind)
    assert_refused(mmface_capture(path, "-o", tmp_path / "out" / "take.npz"), path.name)
    assert not list(tmp_path.rglob("*.npz*"))


def test_of_several_inputs_the_bad_ones_are_listed_and_skipped(mmface_capture, tmp_path):
    good = face_picture(tmp_path / "good.png")
    bad = bad_file(tmp_path, "no face")
    status, out, err = mmface_capture(good, bad, "-o", tmp_path / "takes")
    assert status == 0
    assert "Skipped" in err and "bad.mp4" in err and "Traceback" not in err
    assert "good.npz" in out
    assert [p.name for p in (tmp_path / "takes").iterdir()] == ["good.npz"]


def test_several_inputs_without_any_face_are_an_error(mmface_capture, tmp_path):
    bad = bad_file(tmp_path, "no face")
    other = bad_file(tmp_path, "broken picture")
    assert_refused(mmface_capture(bad, other, "-o", tmp_path / "takes"), "None of the 2 inputs")


def test_a_missing_file_among_many_is_refused_before_any_work(mmface_capture, tmp_path):
    good = face_picture(tmp_path / "good.png")
    assert_refused(mmface_capture(good, tmp_path / "gone.png", "-o", tmp_path / "takes"), "gone.png")
    assert not (tmp_path / "takes").exists()


def test_an_unknown_face_number_says_how_many_there_are(mmface_capture, tmp_path):
    picture = face_picture(tmp_path / "one.png")
    assert_refused(mmface_capture(picture, "-o", tmp_path / "t.npz", "--face", "3"), "1 face", "face 3")


@pytest.mark.parametrize("choice", ["\u00b2", "0", "-1", "biggest", "1.5"])
def test_a_choice_of_face_that_makes_no_sense_is_refused(mmface_capture, tmp_path, choice):
    picture = face_picture(tmp_path / "one.png")
    status, _, err = mmface_capture(picture, "-o", tmp_path / "t.npz", f"--face={choice}")
    assert status == 2 and choice in err and "Traceback" not in err


def test_an_output_folder_that_cannot_be_made_is_named(mmface_capture, tmp_path):
    picture = face_picture(tmp_path / "one.png")
    (tmp_path / "file").write_text("in the way")
    for output in (tmp_path / "file" / "t.npz", tmp_path / "file" / "takes"):
        assert_refused(mmface_capture(picture, "-o", output), str(tmp_path / "file"))


def test_an_output_folder_without_permission_is_named(mmface_capture, tmp_path, monkeypatch):
    def refused(**_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refused)  # a locked folder does not stop root, who may run the tests
    picture = face_picture(tmp_path / "one.png")
    assert_refused(mmface_capture(picture, "-o", tmp_path / "locked" / "t.npz"), "locked", "Permission denied")


def test_several_inputs_do_not_fit_into_one_file(mmface_capture, tmp_path):
    pictures = [face_picture(tmp_path / name) for name in ("a.png", "b.png")]
    assert_refused(mmface_capture(*pictures, "-o", tmp_path / "t.npz"), "2 inputs", "folder")


def test_two_inputs_of_one_name_are_refused_instead_of_overwriting_each_other(mmface_capture, tmp_path):
    (tmp_path / "x").mkdir()
    pictures = [face_picture(tmp_path / "a.png"), face_picture(tmp_path / "x" / "a.png")]
    assert_refused(mmface_capture(*pictures, "-o", tmp_path / "takes"), "a.npz")


def test_a_clip_named_like_anothers_second_face_is_refused_where_all_faces_are_wanted(tmp_path):
    from mmface_core.commands.capture import plan

    names = ["talk.mp4", "talk.face2.mp4"]
    with pytest.raises(UserError, match=r"talk\.mp4 and talk\.face2\.mp4 would share .*talk\.face2\.npz"):
        plan(names, tmp_path, further=True)
    assert len(plan(names, tmp_path)) == 2, "of the largest face there is one take"
    assert len(plan(["talk.face2.mp4"], tmp_path, further=True)) == 1


def test_the_folder_that_one_stands_in_gives_the_take_its_name(tmp_path, monkeypatch):
    from mmface_core.commands.capture import plan

    (tmp_path / "shot").mkdir()
    monkeypatch.chdir(tmp_path / "shot")
    assert [path.name for _, path in plan(["."], tmp_path / "out")] == ["shot.npz"]
    assert [path.name for _, path in plan(["..", "0"], tmp_path / "out")] == [f"{tmp_path.name}.npz", "webcam0.npz"]


def test_a_link_gives_the_take_its_own_name(tmp_path):
    from mmface_core.commands.capture import plan

    (tmp_path / "a1b2c3.mp4").touch()
    (tmp_path / "talk.mp4").symlink_to(tmp_path / "a1b2c3.mp4")
    assert [path.name for _, path in plan([str(tmp_path / "talk.mp4")], tmp_path / "out")] == ["talk.npz"]


def test_a_folder_without_pictures_is_named(mmface_capture, tmp_path):
    (tmp_path / "album").mkdir()
    assert_refused(mmface_capture(tmp_path / "album", "-o", tmp_path / "takes"), "album", "no pictures")


def test_a_failed_capture_keeps_the_take_of_an_earlier_one(mmface_capture, tmp_path):
    take = tmp_path / "t.npz"
    assert mmface_capture(face_picture(tmp_path / "one.png"), "-o", take)[0] == 0
    before = take.read_bytes()
    assert mmface_capture(bad_file(tmp_path, "no face"), "-o", take)[0] == 2
    assert take.read_bytes() == before


@pytest.mark.parametrize("name", ["gone.onnx", "text.onnx"])
def test_weights_that_are_missing_or_no_weights_are_named(tmp_path, capfd, name):
    picture = face_picture(tmp_path / "one.png")
    (tmp_path / "text.onnx").write_text("no network")
    command = ["capture", picture, "-o", tmp_path / "t.npz", "--weights", tmp_path / name]
    status = run(mmface, list(map(str, command)))
    assert_refused((status, *capfd.readouterr()), name)


def test_debug_shows_the_traceback(tmp_path):
    command = ["capture", "gone.mp4", "-o", str(tmp_path / "t.npz"), "--debug"]
    script = "import sys; from mmface_core.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0 and "Traceback" in done.stderr and "gone.mp4" in done.stderr


INTERRUPTED = """
import sys, time
import mmface_core.capture.load as load
from mmface_core.capture.engine import CaptureEngine
from mmface_core.cli import main
from mmface_core.model.face_model import FaceModel
from tests.mmface_core.capture.stand_in import DiscDetector, DiscPredictor

class Slow(DiscPredictor):
    def predict(self, crops):
        print("working", flush=True)
        time.sleep(0.2)
        return super().predict(crops)

model = FaceModel.load()
load.load_engine = lambda **options: CaptureEngine(Slow(model), model, DiscDetector(model))
main()
"""


def test_ctrl_c_stops_cleanly_and_writes_nothing(tmp_path):
    video = write_video(tmp_path / "long.mp4", [disc((160, 120), 80, 60, 20)] * 300)
    command = [sys.executable, "-c", INTERRUPTED, "capture", str(video), "-o", str(tmp_path / "take.npz")]
    # A shell that runs the tests in the background hands down an ignored Ctrl-C.
    listening = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, preexec_fn=listening, **pipes) as process:
        assert process.stdout is not None
        while "working" not in process.stdout.readline():
            assert process.poll() is None
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert [p.name for p in tmp_path.iterdir()] == ["long.mp4"]


def test_what_was_captured_is_a_take_that_loads(mmface_capture, tmp_path):
    video = write_video(tmp_path / "clip.mp4", [disc((320, 240), 160, 120, 40)] * 8)
    status, out, err = mmface_capture(video, "-o", tmp_path / "takes")
    assert status == 0 and "clip.npz: 8 frames at 25 fps" in out
    assert "stand-in" in err  # what ran is said
    take = Take.load(tmp_path / "takes" / "clip.npz")
    assert take.source == str(video) and take.fps == 25


def test_further_faces_get_files_of_their_own_and_old_ones_go(mmface_capture, tmp_path):
    both = np.maximum(disc((320, 240), 80, 120, 30), disc((320, 240), 220, 120, 45))
    cv2.imwrite(str(tmp_path / "p.png"), both[:, :, ::-1])
    assert mmface_capture(tmp_path / "p.png", "-o", tmp_path / "t.npz", "--face", "all")[0] == 0
    assert sorted(p.name for p in tmp_path.glob("*.npz")) == ["t.face2.npz", "t.npz"]
    face_picture(tmp_path / "p.png")
    assert mmface_capture(tmp_path / "p.png", "-o", tmp_path / "t.npz", "--face", "all")[0] == 0
    assert sorted(p.name for p in tmp_path.glob("*.npz")) == ["t.npz"]


def test_a_folder_of_pictures_gives_a_take_each_or_one_clip_as_a_sequence(mmface_capture, tmp_path):
    (tmp_path / "album").mkdir()
    for i in range(6):
        face_picture(tmp_path / "album" / f"{i}.png")
    assert mmface_capture(tmp_path / "album", "-o", tmp_path / "takes", "--face", "all")[0] == 0
    assert sorted(p.name for p in (tmp_path / "takes").iterdir()) == [f"{i}.npz" for i in range(6)]
    sequence = ("--sequence", "--fps", "12")
    assert mmface_capture(tmp_path / "album", "-o", tmp_path / "clip.npz", *sequence)[0] == 0
    take = Take.load(tmp_path / "clip.npz")
    assert len(take) == 6 and take.fps == 12
