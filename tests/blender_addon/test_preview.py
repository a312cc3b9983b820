import cv2
import numpy as np
import pytest

from mmface_core.model.arkit import ARKIT_INDEX
from retarget import Settings, retarget_video
from retarget.preview import HEIGHT
from tests.takes import take_of

pytestmark = pytest.mark.blender
COUNT, FPS = 8, 12.5


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """A video whose pictures get brighter, with a take of it that blinks in picture 4."""
    folder = tmp_path_factory.mktemp("clip")
    video = folder / "clip.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter_fourcc(*"MJPG"), FPS, (320, 240))
    for index in range(COUNT):
        writer.write(np.full((240, 320, 3), 20 * index, np.uint8))
    writer.release()
    weights = np.zeros((COUNT, 52), np.float32)
    weights[4, ARKIT_INDEX["jawOpen"]] = 1.0
    take = take_of(
        weights,
        FPS,
        source=str(video),
        image_size=np.array([320, 240], np.int32),
        landmarks=np.full((COUNT, 68, 3), 5, np.float32),
        translation=np.full((COUNT, 2), 30, np.float32),
        scale=np.full(COUNT, 0.1, np.float32),
    )
    take.save(folder / "clip.npz")
    return folder


@pytest.fixture(scope="session")
def preview(clip, rigs):
    path = clip / "preview.mp4"
    retarget_video(clip / "clip.npz", rigs / "loose.blend", clip / "o.blend", preview=path, settings=Settings(smooth=0))
    return path


def pictures(path):
    video = cv2.VideoCapture(str(path))
    frames = []
    while True:
        good, frame = video.read()
        if not good:
            return video.get(cv2.CAP_PROP_FPS), int(video.get(cv2.CAP_PROP_FOURCC)), frames
        frames.append(frame)


def test_the_preview_is_h264_at_the_clips_rate_with_every_picture(preview):
    fps, code, frames = pictures(preview)
    assert fps == pytest.approx(FPS) and len(frames) == COUNT
    assert code.to_bytes(4, "little") in (b"h264", b"avc1")
    assert frames[0].shape[0] == HEIGHT and abs(frames[0].shape[1] - HEIGHT * (1 + 320 / 240)) < 2


def test_video_and_avatar_stand_side_by_side_in_step(preview):
    frames = pictures(preview)[2]
    left = [float(f[HEIGHT // 2 :, HEIGHT // 2 : HEIGHT].mean()) for f in frames]
    assert np.allclose(left, 20 * np.arange(COUNT), atol=4)
    avatar = [f[:, -HEIGHT:].astype(float) for f in frames]
    change = [np.abs(a - avatar[0]).mean() for a in avatar]
    assert int(np.argmax(change)) == 4 and change[4] > 3 * max(change[:4] + change[5:])


def test_the_avatar_fills_the_picture(preview):
    avatar = pictures(preview)[2][0][:, -HEIGHT:].astype(int)
    background = np.abs(avatar - avatar[5, 5]).max(axis=2) < 12
    covered = ~background
    assert 0.1 < covered.mean() < 0.9 and covered[HEIGHT // 2, HEIGHT // 2]


def test_nothing_but_the_results_is_left(preview, clip):
    assert sorted(p.name for p in clip.iterdir()) == ["clip.avi", "clip.npz", "o.blend", "preview.mp4"]


def test_a_preview_is_no_finer_than_the_viewport(in_blender, tmp_path):
    assert in_blender("preview_levels", tmp_path) == {"fine": 3, "quick": 1}
