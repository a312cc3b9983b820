"""Rendered frames: the same however they were divided, only where they are missing, with alpha and sound if wanted."""

import subprocess

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from click.testing import CliRunner

from mmface_core.errors import UserError
from retarget.blender import Blender
from retarget.commands.render import render
from retarget.mapping.schema import Channel, KeyTarget, Mapping, save_mapping
from retarget.render_job import RenderRequest, run_render
from retarget.rendering import RenderOptions
from tests.fuzz.readers import seed_take

pytestmark = pytest.mark.blender

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


@pytest.fixture(scope="module")
def take(tmp_path_factory):
    path = tmp_path_factory.mktemp("take") / "clip.npz"
    seed_take(path)
    return path


def rendered(take, rig, output, only=None, workers=1, **options):
    request = RenderRequest(take, rig, output, RenderOptions(size=(48, 40), **options), only=only)
    run_render(request, Blender(), workers, chunk=2)
    return {path.name: path.read_bytes() for path in request.folder.glob("*.png")}


@pytest.mark.parametrize("engine", ["workbench", "cycles"])
def test_a_frame_is_the_same_file_however_the_work_was_divided(take, rigs, tmp_path, engine):
    rig = rigs / "loose.blend"
    together = rendered(take, rig, tmp_path / "a", range(3, 7), engine=engine, samples=2)
    apart = rendered(take, rig, tmp_path / "b", range(6, 7), engine=engine, samples=2)
    apart |= rendered(take, rig, tmp_path / "b", range(3, 6), engine=engine, samples=2)
    assert sorted(together) == [f"{frame:06d}.png" for frame in range(3, 7)]
    assert together == apart
    assert len(set(together.values())) > 1  # it moves


def test_frames_that_are_there_are_not_rendered_again(take, rigs, tmp_path):
    folder = tmp_path / "frames"
    before = rendered(take, rigs / "loose.blend", folder, range(1, 5))
    times = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.png")}
    (folder / "000002.png").unlink()
    assert rendered(take, rigs / "loose.blend", folder, range(1, 5)) == before
    again = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.png")}
    assert {name for name in times if times[name] != again[name]} == {"000002.png"}
    other = rendered(take, rigs / "loose.blend", folder, range(1, 3), transparent=True)
    assert sorted(other) == ["000001.png", "000002.png"]  # frames of other options were replaced


def test_transparent_frames_have_alpha(take, rigs, tmp_path):
    rendered(take, rigs / "loose.blend", tmp_path / "f", range(1, 2), transparent=True)
    image = cv2.imread(str(tmp_path / "f" / "000001.png"), cv2.IMREAD_UNCHANGED)
    assert image.shape == (40, 48, 4) and image[..., 3].min() == 0 and image[..., 3].max() == 255


def test_the_video_has_the_clips_sound(take, rigs, tmp_path):
    from mmface_core.take import Take

    def ffmpeg(*arguments: str) -> bytes:
        return subprocess.run([FFMPEG, "-v", "error", *arguments], check=True, capture_output=True).stdout

    clip, video = tmp_path / "clip.mp4", tmp_path / "out.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "color=gray:size=64x48:rate=25", "-f", "lavfi", "-i", "sine=440", "-t", "0.48", str(clip)
    )
    own = Take.load(take)
    own.source = str(clip)
    own.save(tmp_path / "own.npz")
    rendered(tmp_path / "own.npz", rigs / "loose.blend", video, workers=2)
    sound = np.frombuffer(ffmpeg("-i", str(video), "-map", "0:a", "-ac", "1", "-ar", "8000", "-f", "s16le", "-"), "<i2")
    frames = cv2.VideoCapture(str(video))
    seconds = frames.get(cv2.CAP_PROP_FRAME_COUNT) / frames.get(cv2.CAP_PROP_FPS)
    assert seconds == pytest.approx(0.48, abs=0.01)
    assert len(sound) / 8000 == pytest.approx(0.48, abs=0.06)
    assert np.abs(np.fft.rfft(sound)).argmax() * 8000 / len(sound) == pytest.approx(440, abs=5)


def test_pictures_of_others_are_not_touched(take, rigs, tmp_path):
    folder = tmp_path / "album"
    folder.mkdir()
    cv2.imwrite(str(folder / "000003.png"), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(UserError, match="did not render"):
        rendered(take, rigs / "loose.blend", folder, range(1, 2))
    assert [path.name for path in folder.glob("*.png")] == ["000003.png"]


def test_a_mapping_says_what_moves(take, rigs, tmp_path):
    """A mapping that drives nothing but one key that stands still in the take leaves the rig at rest."""
    arguments = [str(take), str(rigs / "loose.blend"), "--size", "48x40", "--frames", "3-6", "--head", "off"]
    mapping = tmp_path / "still.json"
    save_mapping(Mapping((Channel("tongueOut", (KeyTarget("Head", "jawOpen", 0.0),)),)), mapping)
    kinds = {}
    for name, extra in (("found", []), ("given", ["--mapping", str(mapping)])):
        folder = tmp_path / name
        done = CliRunner().invoke(render, [*arguments, "-o", str(folder), *extra])
        assert done.exit_code == 0, (done.output, done.exception)
        kinds[name] = len({path.read_bytes() for path in folder.glob("*.png")})
    assert kinds["found"] > 1 and kinds["given"] == 1
    wrong = CliRunner().invoke(render, [*arguments, "-o", str(tmp_path / "no"), "--preset", "no_such"])
    assert isinstance(wrong.exception, UserError) and "no preset no_such" in str(wrong.exception)
    assert not (tmp_path / "no").exists()
