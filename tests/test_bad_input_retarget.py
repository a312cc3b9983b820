"""Whatever is wrong with what a user gives to `mmface-retarget`: one sentence, status 2, nothing left behind."""

import struct
from pathlib import Path

import numpy as np
import pytest

from mmface_core.cli import run
from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.take import Take
from retarget.command import retarget

ROOT = Path(__file__).resolve().parent.parent


def save_take(path, present=True, **changes):
    count = 3
    take = Take(
        source="clip.mp4",
        fps=25.0,
        image_size=np.array([64, 64], np.int32),
        frame=np.arange(count, dtype=np.int32),
        time=np.arange(count) / 25,
        present=np.full(count, present),
        confidence=np.full(count, float(present), np.float32),
        landmarks=np.zeros((count, 68, 3), np.float32),
        rotation=np.tile(np.eye(3, dtype=np.float32), (count, 1, 1)),
        translation=np.zeros((count, 2), np.float32),
        scale=np.ones(count, np.float32),
        identity=np.zeros(80, np.float32),
        expression=np.zeros((count, 52), np.float32),
        weight_names=np.array(ARKIT_NAMES),
        weights=np.zeros((count, 52), np.float32),
    )
    for name, value in changes.items():
        setattr(take, name, value)
    take.save(path)
    return path


@pytest.fixture
def take(tmp_path):
    return save_take(tmp_path / "clip.npz")


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Runs the command in an empty folder; returns the sentence, having checked what every refusal has in common."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def refused(*arguments):
        assert run(retarget, [str(a) for a in arguments]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1 or said.err.startswith("Usage"), said.err
        assert "Traceback" not in said.err
        assert list(folder.iterdir()) == [], "something was left behind"
        return said.err

    return refused


@pytest.fixture
def rig(tmp_path):
    """A file that looks like a rig to whoever does not open it."""
    path = tmp_path / "rig.blend"
    path.write_bytes(b"BLENDER-v405")
    return path


def test_no_such_input(refused, rig, tmp_path):
    assert "no file" in refused(tmp_path / "missing.mp4", rig)


def test_no_such_rig(refused, take, tmp_path):
    assert "no file" in refused(take, tmp_path / "missing.blend")


def test_a_rig_of_another_kind(refused, take):
    assert ".blend, .glb, .gltf or .fbx" in refused(take, take)


def test_an_output_of_another_kind(refused, take, rig):
    assert "should end in .blend" in refused(take, rig, "-o", "out.mp4")
    assert "should end in .mp4" in refused(take, rig, "--preview", "out.avi")


def test_an_output_folder_that_is_not_there(refused, take, rig):
    assert "does not exist" in refused(take, rig, "-o", "nowhere/out.blend")


def test_an_output_folder_that_is_a_file(refused, take, rig):
    assert "does not exist" in refused(take, rig, "-o", str(take) + "/out.blend")


def test_an_output_that_is_a_folder(refused, take, rig, tmp_path):
    (tmp_path / "a.blend").mkdir()
    assert "is a folder" in refused(take, rig, "-o", tmp_path / "a.blend")


def test_the_rig_is_never_overwritten(refused, take, rig):
    before = rig.read_bytes()
    assert "never overwritten" in refused(take, rig, "-o", rig)
    assert rig.read_bytes() == before


@pytest.mark.parametrize("face", ["0", "-1", "second", "all"])
def test_an_impossible_face_number(refused, take, rig, face):
    assert "choice of face" in refused(take, rig, "--face", face)


def test_a_smoothing_out_of_range(refused, take, rig):
    assert "0<=x<=1" in refused(take, rig, "--smooth", "2")


def test_a_blender_that_is_not_there(refused, take, rig):
    assert "no Blender program" in refused(take, rig, "--blender", "/no/such/blender")


class TestWithBlender:
    """What only the child finds out."""

    pytestmark = pytest.mark.blender

    def test_not_a_blend(self, refused, take, tmp_path):
        (tmp_path / "text.blend").write_text("hello " * 100)
        assert "not a Blender file" in refused(take, tmp_path / "text.blend")

    @pytest.mark.shared
    def test_a_truncated_blend(self, refused, take, tmp_path, shared):
        whole = (shared / "data" / "rigs" / "makehuman_arkit_snake.blend").read_bytes()
        (tmp_path / "cut.blend").write_bytes(whole[: len(whole) // 2])
        sentence = refused(take, tmp_path / "cut.blend")
        assert "cut.blend" in sentence and "cut short" in sentence

    @pytest.mark.shared
    def test_a_truncated_glb(self, refused, take, tmp_path, shared):
        whole = (shared / "data" / "rigs" / "RobotExpressive.glb").read_bytes()
        (tmp_path / "cut.glb").write_bytes(whole[: len(whole) // 2])
        assert "cut short" in refused(take, tmp_path / "cut.glb")

    def test_a_glb_with_meshopt_compression(self, refused, take, tmp_path):
        text = b'{"asset":{"version":"2.0"},"extensionsRequired":["EXT_meshopt_compression"]}'
        text += b" " * (-len(text) % 4)
        head = struct.pack("<4sII", b"glTF", 2, 20 + len(text)) + struct.pack("<I4s", len(text), b"JSON")
        (tmp_path / "packed.glb").write_bytes(head + text)
        assert "EXT_meshopt_compression" in refused(take, tmp_path / "packed.glb")

    def test_not_an_fbx(self, refused, take, tmp_path):
        (tmp_path / "text.fbx").write_text("hello " * 100)
        assert "could not be imported" in refused(take, tmp_path / "text.fbx")

    @pytest.mark.shared
    def test_no_channel_matches(self, refused, take, shared):
        assert "No channel matched" in refused(
            take, shared / "data" / "rigs" / "RobotExpressive.glb", "--preset", "mmd", "--map-by", "names"
        )


class TestWithRig:
    """What is found out after the rig was read; Blender is told of by a stand-in, so that these take no time."""

    @pytest.fixture(autouse=True)
    def _mapped(self, monkeypatch):
        from retarget import pipeline

        monkeypatch.setattr(pipeline, "read_and_map", lambda *_: None)

    def test_a_broken_take(self, refused, rig, tmp_path):
        (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 nonsense")
        assert "broken.npz" in refused(tmp_path / "broken.npz", rig)

    def test_a_take_without_a_face(self, refused, rig, tmp_path):
        assert "no frame shows the face" in refused(save_take(tmp_path / "empty.npz", present=False), rig)

    def test_a_take_without_arkit_weights(self, refused, rig, tmp_path):
        other = {"weight_names": np.zeros(0, "<U1"), "weights": np.zeros((3, 0), np.float32)}
        assert "no ARKit weights" in refused(save_take(tmp_path / "other.npz", **other), rig)

    def test_a_neutral_frame_that_is_not_there(self, refused, rig, take):
        assert "Frame 99 cannot be the neutral one" in refused(take, rig, "--neutral", 99)

    def test_not_a_video(self, refused, rig, tmp_path):
        (tmp_path / "text.mp4").write_text("hello " * 100)
        assert "text.mp4" in refused(tmp_path / "text.mp4", rig)

    def test_an_empty_video(self, refused, rig, tmp_path):
        (tmp_path / "empty.mp4").write_bytes(b"")
        assert "empty" in refused(tmp_path / "empty.mp4", rig)

    def test_a_folder_without_pictures(self, refused, rig, tmp_path):
        (tmp_path / "none").mkdir()
        assert "holds no pictures" in refused(tmp_path / "none", rig)


@pytest.mark.blender
def test_a_blend_without_shape_keys(refused, take, tmp_path):
    import subprocess
    import sys

    path = tmp_path / "plain.blend"
    script = f"import bpy, os; bpy.ops.wm.save_as_mainfile(filepath={str(path)!r}); os._exit(0)"
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert "no shape keys" in refused(take, path)


def test_help_answers_without_importing_torch_or_scipy():
    import subprocess
    import sys

    script = (
        "import sys; from mmface_core.cli import run; from retarget.command import retarget; "
        "run(retarget, ['--help']); "
        "assert not {'torch', 'scipy', 'cv2', 'bpy'} & set(sys.modules), 'heavy'"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and "INPUT" in done.stdout, done.stderr
