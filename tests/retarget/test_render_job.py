"""Rendering is handed out to threads that wait for children, and Ctrl-C ends them at their next frame."""

import threading
import time

import pytest

from mmface_core.errors import UserError
from retarget.pipeline import check_request
from retarget.render_job import RenderRequest, _submitting, _take


def test_ctrl_c_stops_what_is_being_rendered_and_what_waits():
    begun, frames = threading.Event(), []

    def render(name, progress):
        begun.set()
        for number in range(1000):
            frames.append((name, number))
            time.sleep(0.01)
            progress("stills", number, 1000)

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), _submitting(1, None) as submit:
        submit(render, "a")
        submit(render, "b")
        begun.wait(5)
        raise KeyboardInterrupt
    assert time.monotonic() - start < 5
    assert 0 < len(frames) < 500 and all(name == "a" for name, _ in frames)


def test_a_webcam_is_rendered_from_a_take_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    request = RenderRequest(source=tmp_path / "0", rig=tmp_path / "r.blend", output=tmp_path / "o.mp4")
    with pytest.raises(UserError, match="mmface capture"):
        _take(request, print)


def test_a_webcams_second_run_replaces_the_first_ones_output(tmp_path, monkeypatch):
    from pathlib import Path

    monkeypatch.chdir(tmp_path)
    for name in ("hero.blend", "0_hero.blend"):
        Path(name).write_bytes(b"BLENDER")
    check_request(Path("0"), Path("hero.blend"), {".blend": Path("0_hero.blend")}, "absolute")
    with pytest.raises(UserError, match="never overwritten"):
        check_request(Path("0"), Path("hero.blend"), {".blend": Path("hero.blend")}, "absolute")
