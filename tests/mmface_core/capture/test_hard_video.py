"""Files as they come: turned, of one frame, grey, with alpha, ten bits, odd sizes, cut short. What decodes is used."""

import subprocess
from itertools import pairwise

import imageio_ffmpeg
import pytest

from mmface_core.capture.sources import open_source

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
LOOK = "testsrc=size=160x90:rate=25:duration=0.4"


def made(path, *options, look=LOOK):
    command = [FFMPEG, "-v", "error", "-y", "-f", "lavfi", "-i", look, *options, str(path)]
    subprocess.run(command, capture_output=True, check=True)
    return path


def frames(path):
    return list(open_source(path).frames())


@pytest.mark.parametrize(
    ("name", "options", "size"),
    [
        ("grey.mp4", ("-c:v", "libx264", "-pix_fmt", "gray"), (160, 90)),
        ("ten_bit.mp4", ("-c:v", "libx264", "-pix_fmt", "yuv420p10le"), (160, 90)),
        ("alpha.mov", ("-c:v", "qtrle", "-pix_fmt", "argb"), (160, 90)),
        ("alpha.webm", ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p"), (160, 90)),
        ("odd.avi", ("-c:v", "mjpeg", "-vf", "scale=161:91"), (161, 91)),
        ("one.mp4", ("-c:v", "libx264", "-frames:v", "1"), (160, 90)),
        ("444.mkv", ("-c:v", "libx264", "-pix_fmt", "yuv444p"), (160, 90)),
        ("interlaced.mpg", ("-c:v", "mpeg2video", "-flags", "+ilme+ildct"), (160, 90)),
    ],
)
def test_unusual_pixels_become_rgb(tmp_path, name, options, size):
    got = frames(made(tmp_path / name, *options))
    assert len(got) == (1 if name == "one.mp4" else 10)
    assert got[0].image.shape == (size[1], size[0], 3) and got[0].image.dtype.name == "uint8"
    assert got[0].image.std() > 20


def test_a_phones_rotation_is_obeyed(tmp_path):
    plain = made(tmp_path / "plain.mp4", "-c:v", "libx264")
    turned = tmp_path / "turned.mp4"
    command = [FFMPEG, "-v", "error", "-y", "-display_rotation", "90", "-i", str(plain), "-c", "copy", str(turned)]
    subprocess.run(command, capture_output=True, check=True)
    assert frames(turned)[0].image.shape == (160, 90, 3)


def test_a_variable_rate_keeps_its_times(tmp_path):
    path = made(tmp_path / "v.mp4", "-vf", "select='not(mod(n,3))+lt(n,4)'", "-fps_mode", "vfr", "-c:v", "libx264")
    steps = [b.time - a.time for a, b in pairwise(frames(path))]
    assert min(steps) == pytest.approx(0.04, abs=0.002) and max(steps) == pytest.approx(0.12, abs=0.002)


def test_of_a_file_cut_short_what_decodes_is_used(tmp_path):
    whole = made(tmp_path / "whole.ts", "-c:v", "libx264", look="testsrc=size=160x90:rate=25:duration=2")
    data = whole.read_bytes()
    (tmp_path / "cut.ts").write_bytes(data[: len(data) // 2])
    got = frames(tmp_path / "cut.ts")
    assert 0 < len(got) < 50
