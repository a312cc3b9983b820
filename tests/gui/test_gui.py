"""A real Blender with a window, driven by clicks. `make test-gui` runs it; the screenshots stay in gui_screenshots/."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tools.build_extension import build

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
SAMPLE = ROOT / "examples" / "sample.mp4"
SCREENSHOTS = ROOT / "gui_screenshots"
SCREEN = "-screen 0 1280x800x24 +extension GLX"
EXPORT = """
import os, sys, bpy
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
bpy.ops.export_scene.gltf(filepath=sys.argv[2])
os._exit(0)
"""


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def avatar(tmp_path_factory):
    """The bundled avatar in a format that an old Blender reads."""
    path = tmp_path_factory.mktemp("rig") / "avatar.glb"
    subprocess.run(
        [sys.executable, "-c", EXPORT, ROOT / "examples" / "avatar.blend", path], check=True, capture_output=True
    )
    return path


@pytest.fixture(scope="session")
def talk():
    """The bundled clip where its path on a screenshot says nothing of whoever ran the tests."""
    folder = Path(tempfile.mkdtemp(prefix="clips-"))
    yield shutil.copy(SAMPLE, folder / "talk.mp4")
    shutil.rmtree(folder)


@pytest.fixture
def play(archive, avatar, talk, tmp_path):
    """Play a story; return what it found out."""

    def run(story, rig=avatar, clip=talk, folder=None, **plan):
        out = SCREENSHOTS / (folder or story)
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        plan_path = tmp_path / "plan.json"
        plan |= {"zip": str(archive), "module": "mmface", "out": str(out), "clip": str(clip), "rig": str(rig)}
        plan_path.write_text(json.dumps({**plan, "story": story}))
        environment = {
            **os.environ,
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "MMFACE_PYTHON": sys.executable,
            "TMPDIR": str(tmp_path / "tmp"),
            "BLENDER_USER_CONFIG": str(tmp_path / "config"),
            "BLENDER_USER_SCRIPTS": str(tmp_path / "scripts"),
            "BLENDER_USER_DATAFILES": str(tmp_path / "datafiles"),
        }
        for name in ("config", "scripts/addons", "datafiles", "tmp"):
            (tmp_path / name).mkdir(parents=True)
        window = ["--window-geometry", "0", "0", "1280", "800"]
        blender = ["blender", "--factory-startup", "--enable-event-simulate", "-noaudio", *window]
        done = subprocess.run(
            ["xvfb-run", "-a", "-s", SCREEN, *blender, "-P", str(HERE / "drive.py"), "--", str(plan_path)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=900,
        )
        result = out / "result.json"
        stacks = [path.read_text(errors="replace")[-6000:] for path in (tmp_path / "tmp").glob("*.crash.txt")]
        assert result.is_file(), "\n".join([done.stdout[-3000:], done.stderr[-3000:], *stacks])
        facts = json.loads(result.read_text())
        assert facts["error"] is None, facts["error"]
        return facts

    return run


def test_a_clip_is_baked_with_one_click_undone_and_redone(play):
    facts = play("bake")
    assert facts["problem"] == "None" and facts["health"] == "52 of 52 channels"
    assert facts["baked"]["Head"] == [51, 150] and facts["rate"] == 25.0 and facts["range"] == [1, 150]
    assert facts["after_undo"] == {} and facts["after_redo"] == facts["baked"]


@pytest.mark.shared
def test_an_artists_rig_and_a_real_clip(play, shared):
    rig = shared / "data" / "rigs" / "readyplayerme_arkit_visemes.glb"
    clip = shared / "data" / "videos" / "smirk_dafoe.mp4"
    facts = play("bake", rig, clip, folder="real")
    assert facts["problem"] == "None" and facts["baked"], facts
    assert facts["after_undo"] == {} and facts["after_redo"] == facts["baked"]


def test_cancel_and_a_killed_engine_leave_the_scene_as_it_was(play):
    facts = play("trouble")
    assert "nothing was changed" in facts["cancelled"] and facts["after_cancel"] == {}
    assert "signal 9" in facts["killed"] and facts["after_kill"] == {}
    for words in ("System:", "Blender: 3.", "Engine: mmface"):
        assert words in facts["details"]
    assert facts["baked"]["Head"] == [51, 150]


def test_live_drives_and_records(play, capsys):
    facts = play("live")
    for name, figures in facts["figures"].items():
        with capsys.disabled():
            sys.stdout.write(f"\nlive, 1280 x 800 in software GL, {name}: {figures}\n")
        # The rig gets its values between the drawings; what is recorded is every picture that the engine saw.
        assert min(figures["updates"], figures["drawn"], figures["pictures"]) > 0, figures
    assert facts["figures"]["quick view"]["updates"] >= 25
    assert facts["quick"] == ["OFF", False] and facts["viewport_kept"]
    assert facts["problem"] == "None" and "Recorded frames" in facts["notice"] and "Head" in facts["recorded"]
    assert facts["after_stop"] == facts["recorded"]


def test_twenty_bakes_cancels_and_killed_engines_leave_no_orphan_and_little_memory(play, tmp_path):
    from mmface_core.capture.load import load_engine
    from mmface_core.capture.sources import open_source

    take = tmp_path / "talk.npz"
    load_engine().capture(open_source(SAMPLE))[0].save(take)
    facts = play("endurance", take=str(take), turns=20)
    assert facts["interrupted"] >= 10, "captures that were under way when they were cancelled or killed"
    grown = facts["memory"][-1] - facts["memory"][1]
    assert grown < 50, f"{grown:.0f} MB"
    assert len(facts["children"]) <= 1 and facts["children_after_stop"] == []
