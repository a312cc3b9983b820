"""The extension's zip, installed into an empty user folder and worked with. `make test-headless` adds Blender 5.0."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmface_core.model.arkit import ARKIT_NAMES
from retarget import Settings, retarget_video
from tools.build_extension import build

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
CLIP = ROOT / "examples" / "sample.mp4"
AVATAR = ROOT / "examples" / "avatar.blend"
# Pythons with bpy: this one, and those that the make target names.
PYTHONS = [sys.executable, *filter(None, os.environ.get("MMFACE_BPY_PYTHONS", "").split(os.pathsep))]

pytestmark = [pytest.mark.slow, pytest.mark.blender]


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def take(tmp_path_factory):
    from mmface_core.capture.load import load_engine
    from mmface_core.capture.sources import open_source

    path = tmp_path_factory.mktemp("take") / "talk.npz"
    load_engine().capture(open_source(CLIP))[0].save(path)
    return path


def run_script(script, plan, python, folder):
    """What the script says last; its user folder is empty."""
    plan_path = folder / "plan.json"
    plan_path.write_text(json.dumps({name: str(value) for name, value in plan.items()}))
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "MMFACE_PYTHON")}
    environment["BLENDER_USER_RESOURCES"] = str(folder / "user")
    (folder / "user").mkdir()
    done = subprocess.run(
        [python, str(HERE / script), str(plan_path)], capture_output=True, text=True, timeout=1500, env=environment
    )
    answers = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert answers, done.stdout[-3000:] + done.stderr[-3000:]
    said = json.loads(answers[-1].removeprefix("RESULT "))
    assert "error" not in said, said["error"]
    return said


@pytest.fixture(scope="session", params=PYTHONS, ids=lambda python: Path(python).parents[1].name)
def used(request, archive, take, tmp_path_factory):
    """(what the extension did, the folder with its files)."""
    from cv2 import VideoCapture, imwrite

    folder = tmp_path_factory.mktemp("extension")
    clip = VideoCapture(str(CLIP))
    imwrite(str(folder / "photo.png"), clip.read()[1])
    plan = {
        "zip": archive,
        "rig": AVATAR,
        "take": take,
        "clip": CLIP,
        "photo": folder / "photo.png",
        "out": folder,
        "engine": sys.executable,
    }
    return run_script("use_extension.py", plan, request.param, folder), folder


def test_nothing_heavy_is_loaded_into_blender(used):
    assert used[0]["inherited"] == []


def test_without_an_engine_the_button_says_what_to_do(used):
    assert "Set Up Engine" in used[0]["without_engine"]
    assert "ended unexpectedly" in used[0]["broken_engine"]
    assert used[0]["check"][0] is None and "lite" in used[0]["check"][1]


def test_before_there_is_anything_to_work_on_only_what_needs_nothing_can_run(used):
    can = {name for name, possible in used[0]["polls"].items() if possible}
    cannot = set(used[0]["polls"]) - can
    assert can == {
        *("bake", "dismiss", "engine_check", "live_keep", "load_motion", "map_rig", "mapping_add", "mapping_load"),
        *("neutral_here", "preset_add", "save_motion"),
    }
    assert cannot == {
        *("cancel", "capture_and_bake", "copy_details", "engine_remove", "engine_setup", "engine_stop", "finish"),
        *("live_neutral", "live_record", "live_start", "live_stop", "mapping_remove", "mapping_save", "save_take"),
    }


def test_the_bake_is_that_of_the_command_line(used, take, tmp_path):
    said, folder = used
    output = tmp_path / "out.blend"
    report = retarget_video(take, AVATAR, output, motion=tmp_path / "m.json", settings=Settings(smooth=0.4))
    from retarget.motion import load_motion

    motion = load_motion(tmp_path / "m.json")
    curves = json.loads((folder / f"curves_{said['version'][0]}.json").read_text())
    assert f'"{report.action}"' in said["baked"] and said["health"] == "52 of 52 channels"
    for key in motion.keys:
        found = curves[f'{key.object} key_blocks["{key.key}"].value 0']
        assert np.array_equal(found[0::2], list(motion.frames))
        assert np.allclose(found[1::2], key.values, atol=1e-6)
    turn = motion.rotations[0]
    for index in range(4):
        found = curves[f'{turn.object} pose.bones["{turn.bone}"].rotation_quaternion {index}'][1::2]
        assert np.allclose(np.abs(found), np.abs(turn.values[:, index]), atol=1e-5)


def test_a_second_bake_replaces_the_first_and_does_not_add_to_it(used):
    assert used[0]["again_equal"] == 0.0 and used[0]["actions"] == ["talk"]


def test_saved_and_opened_again_it_is_the_same(used):
    assert used[0]["reopened_equal"]


def test_a_layer_of_the_nla_and_the_scenes_own_rate(used):
    assert used[0]["strips"]["Rig"] == ["talk"]
    assert used[0]["at_50_fps"] == 299.0  # 150 pictures at 25 a second end 149 / 25 seconds after the first


def test_a_mapping_goes_to_a_file_and_back_with_what_the_list_does_not_know(used):
    said = used[0]
    assert said["mapping_kept"] and said["muted_together"] and said["mapping_count"][0] == said["mapping_count"][1]
    assert "not a mapping" in said["bad_mapping"]


def test_a_photo_poses_the_current_frame(used):
    assert used[0]["image_problem"] is None and "Posed on frame 40" in used[0]["image"]
    assert used[0]["posed_keys"] > 60


def test_cancel_and_a_killed_engine_change_nothing(used):
    said = used[0]
    assert said["cancel_problem"] is None and said["cancel_changed_nothing"] and said["kill_changed_nothing"]
    assert "signal 9" in said["kill_problem"] and "busy" in said["busy_refusal"]
    assert "no file /no/such/clip.mp4" in said["missing_clip"]


def test_live_moves_the_rig_rests_it_and_records(used):
    said = used[0]
    assert said["live"][0] >= 25, "updates of the rig a second"
    assert said["live_moved"] and said["live_rested"] and said["live_problem"] is None
    assert said["record_problem"] is None and "Recorded frames 10 to" in said["recorded"]


def test_a_file_that_is_saved_while_live_has_the_rig_at_rest_with_its_own_actions(used):
    assert used[0]["saved_while_live_rests"] and "jawOpen" in used[0]["saved_while_live_plays"]


def test_ten_thousand_frames_are_baked_within_two_seconds(used, capsys):
    keys, seconds = used[0]["long_bake"]
    version = ".".join(map(str, used[0]["version"]))
    with capsys.disabled():
        sys.stdout.write(f"\nBlender {version}: 10,000 frames x {keys} keys, [seconds, of which busy]: {seconds}\n")
    # Of one thread: what it is busy for is what it takes on a machine that does nothing else.
    assert keys > 80 and min(busy for _, busy in seconds) < 2.0


def test_only_the_parts_that_were_chosen_are_driven(used):
    keys, head = used[0]["only_brows"]
    assert keys and all(key.startswith("brow") for key in keys) and not head
    assert used[0]["no_parts"] == ["brows", "eyes", "head", "mouth"]


def test_the_panels_cleaning_is_that_of_the_command_line(used, take):
    from mmface_core.take import Take
    from retarget.performance import performance_of

    said, folder = used
    raw = json.loads((folder / f"raw_{said['version'][0]}.json").read_text())
    performance = performance_of(Take.load(take), Settings(smooth=0.0))
    jaw = raw['Head key_blocks["jawOpen"].value 0'][1::2]
    assert np.allclose(jaw, performance.weights[:, ARKIT_NAMES.index("jawOpen")], atol=1e-6)
    assert said["usual_again"] == 0.0 and said["neutral_frame"] > 0.01 and said["smoother_mouth"] > 0.01


def test_fewer_keys_and_presets(used):
    usual, reduced = used[0]["keys_reduced"]
    assert reduced < 0.8 * usual
    assert used[0]["preset"] == [True, 1.0]


def test_keys_without_telling_names_are_found_by_their_shapes(used):
    assert used[0]["by_shape_problem"] is None
    right, found = used[0]["by_shape"]
    assert right >= 30, f"{right} of {found}"


def test_it_leaves_no_trace_and_comes_back(used):
    assert used[0]["left"] == [] and used[0]["engine_gone"] and used[0]["back"]


def test_the_engine_is_set_up_from_the_zip_in_an_empty_user_folder(archive, tmp_path):
    said = run_script("set_up_engine.py", {"zip": archive, "take": ""}, sys.executable, tmp_path)
    assert said["cancelled"] and "Cancelled" in said["cancelled"]
    assert said["problem"] is None and said["notice"] == "The engine is ready."
    assert "lite" in said["checked"] and str(tmp_path) in said["python"]
    assert said["removed"]
