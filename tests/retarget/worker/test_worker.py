"""The engine as a process: its handshake, what it answers, and how it ends."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from mmface_core.model.arkit import ARKIT_NAMES
from retarget.motion import load_motion

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def wait_for(client, event):
    while (message := client.next())["event"] != event:
        pass
    return message


def test_the_handshake_says_who_answers_and_what_can_be_set(shared_client):
    hello = shared_client.hello
    assert hello["protocol"] == "mmface-worker/1" and hello["settings"]["gaps"]["lost"] == "ease"
    assert {"capture", "live", "motion", "map_rig"} <= set(hello["requests"])


def test_another_version_is_refused_with_a_sentence_and_nothing_else_is_done():
    from tests.retarget.worker.conftest import Client

    client = Client(greet=False)
    try:
        assert "first request" in client.error("check")["sentence"]
        assert "different versions" in client.error("hello", protocol="mmface-worker/0")["sentence"]
        assert "first request" in client.error("check")["sentence"]
    finally:
        client.close()


@pytest.mark.parametrize("line", [b"garbage\n", b"[1, 2]\n", b'{"do": 3}\n', b"\xff\xfe\x00\n", b'{"id": 1}\n'])
def test_garbage_is_answered_and_survived(shared_client, line):
    shared_client.raw(line)
    assert wait_for(shared_client, "error")["error"]["kind"] == "protocol"
    assert shared_client.ask("hello")[-1]["event"] == "done"


def test_unknown_requests_and_arguments_are_sentences(shared_client):
    assert "knows no request" in shared_client.error("dance")["sentence"]
    assert "wrong" in shared_client.error("read_mapping")["sentence"]
    assert "seconds cannot be 'x'" in shared_client.error("capture", source="0", take="t.npz", seconds="x")["sentence"]
    assert "wrong" in shared_client.error("live", source="0")["sentence"]


def test_a_rig_is_mapped_and_its_health_fits_one_line(shared_client, rig):
    result = shared_client.ask("map_rig", rig=str(rig), name="hero")[-1]["result"]
    assert result["health"].startswith("3 of 52 channels") and result["found"] == 3
    assert {c["channel"] for c in result["mapping"]["channels"]} == {"jawOpen", "eyeBlinkLeft", "eyeBlinkRight"}


def mapped(client, rig):
    return client.ask("map_rig", rig=str(rig), name="hero")[-1]["result"]["mapping"]


def motion(client, rig, take, folder, **entries):
    path = folder / "motion.json"
    mapping = entries.pop("mapping", None) or mapped(client, rig)
    last = client.ask("motion", take=str(take), rig=str(rig), mapping=mapping, path=str(path), **entries)[-1]
    assert last["event"] == "done", last
    return last["result"], load_motion(path)


def test_a_take_becomes_the_rigs_own_curves(shared_client, rig, take, tmp_path):
    result, curves = motion(shared_client, rig, take, tmp_path, settings={"smooth": 0.0, "start": 7})
    jaw = next(key for key in curves.keys if key.key == "jawOpen")
    assert np.allclose(jaw.values, np.linspace(0, 1, 60), atol=1e-6)
    assert (result["start"], result["frame_count"], result["fps"]) == (7, 60, 30.0)


def test_gain_and_mute_of_the_mapping_count(shared_client, rig, take, tmp_path):
    mapping = mapped(shared_client, rig)
    for channel in mapping["channels"]:
        channel["mute"] = channel["channel"] != "jawOpen"
        channel["targets"][0]["gain"] = 0.5
    _, curves = motion(shared_client, rig, take, tmp_path, mapping=mapping, settings={"smooth": 0.0})
    assert [key.key for key in curves.keys] == ["jawOpen"]
    assert curves.keys[0].values.max() == pytest.approx(0.5)


@pytest.mark.parametrize("fps", [12.0, 24.0, 25.0, 60.0, 30000 / 1001])
def test_on_the_scenes_rate_the_clip_keeps_its_seconds(shared_client, rig, take, tmp_path, fps):
    result, curves = motion(shared_client, rig, take, tmp_path, settings={"smooth": 0.0}, fps=fps)
    jaw = next(key for key in curves.keys if key.key == "jawOpen").values
    seconds = np.arange(len(jaw)) / fps
    assert np.allclose(jaw, seconds * 30 / 59, atol=1e-5) and seconds[-1] <= 59 / 30 < seconds[-1] + 1 / fps
    assert result["fps"] == pytest.approx(fps)


def test_only_the_parts_of_the_face_that_are_wanted_get_curves(shared_client, rig, take, tmp_path):
    _, curves = motion(shared_client, rig, take, tmp_path, settings={"layer": {"only": ["eyes"]}})
    assert {key.key for key in curves.keys} == {"eyeBlinkLeft", "eyeBlinkRight"} and not curves.rotations


def test_cleaning_regions_and_calibration_are_the_command_lines(shared_client, rig, take, tmp_path):
    from mmface_core.take import Take
    from retarget.cleaning import Cleaning
    from retarget.performance import Settings, performance_of

    said = {
        "cleaning": {"outliers": False, "symmetry": 0.0},
        "regions": {"mouth": 0.9},
        "neutral": "off",
        "range": "auto",
    }
    ours = Settings(
        cleaning=Cleaning(outliers=False, symmetry=0.0), regions={"mouth": 0.9}, neutral="off", range="auto"
    )
    _, curves = motion(shared_client, rig, take, tmp_path, settings=said)
    jaw = next(key for key in curves.keys if key.key == "jawOpen").values
    expected = performance_of(Take.load(take), ours).weights[:, ARKIT_NAMES.index("jawOpen")]
    usual = performance_of(Take.load(take), Settings()).weights[:, ARKIT_NAMES.index("jawOpen")]
    assert np.allclose(jaw, expected, atol=1e-6) and not np.allclose(jaw, usual, atol=1e-3)


def test_mapping_by_shape_without_a_file_of_the_rig_is_a_sentence(shared_client, rig):
    said = shared_client.error("map_rig", rig=str(rig), name="hero", how="geometry")
    assert said["kind"] == "user" and said["sentence"]
    assert "by wishes" in shared_client.error("map_rig", rig=str(rig), name="hero", how="wishes")["sentence"]


def test_a_wrong_setting_is_named(shared_client, rig, take, tmp_path):
    entries = dict(take=str(take), rig=str(rig), mapping=mapped(shared_client, rig), path=str(tmp_path / "m.json"))
    assert "settings.wobble" in shared_client.error("motion", settings={"wobble": 1}, **entries)["sentence"]
    assert "gaps.x" in shared_client.error("motion", settings={"gaps": {"x": 1}}, **entries)["sentence"]


def test_a_mapping_of_another_rig_is_refused(shared_client, rig, take, tmp_path):
    mapping = mapped(shared_client, rig)
    for channel in mapping["channels"]:
        channel["targets"][0]["object"] = "Villain"
    entries = dict(take=str(take), rig=str(rig), mapping=mapping, path=str(tmp_path / "m.json"))
    assert "another rig" in shared_client.error("motion", **entries)["sentence"]


def test_a_mapping_file_comes_back_as_it_was(shared_client, rig, tmp_path):
    mapping = mapped(shared_client, rig)
    path = str(tmp_path / "mapping.json")
    assert shared_client.ask("write_mapping", path=path, mapping=mapping)[-1]["event"] == "done"
    assert shared_client.ask("read_mapping", path=path)[-1]["result"]["mapping"] == mapping
    (tmp_path / "bad.json").write_text("{}")
    assert "version" in shared_client.error("read_mapping", path=str(tmp_path / "bad.json"))["sentence"]


def test_a_clip_is_captured_with_progress_and_pictures_and_can_be_cancelled(client, tmp_path):
    clip, out = str(EXAMPLES / "sample.mp4"), tmp_path / "take.npz"
    number = client.send("capture", source=clip, take=str(out), pictures=str(tmp_path / "pictures"))
    said = []
    while len(said) < 2:
        message = client.next()
        if message["event"] == "progress" and message["stage"] == "frames":
            said.append(message)
    assert said[-1]["total"] == 150 and said[-1]["done"] > said[0]["done"] >= 1 and said[0]["seen"]
    assert Path(said[-1]["picture"]).stat().st_size > 1000
    client.send("cancel", to=number)
    assert client.until_end(number)[-1]["event"] == "cancelled"
    assert not out.exists()
    assert "no file" in client.error("capture", source="/no/such.mp4", take=str(out))["sentence"]
    assert client.ask("hello")[-1]["event"] == "done"


def test_a_webcam_can_be_finished_early_and_kept(client, tmp_path):
    """A video file stands in for the camera: what is told is the same."""
    out = tmp_path / "take.npz"
    number = client.send("capture", source=str(EXAMPLES / "sample.mp4"), take=str(out))
    while client.next().get("stage") != "frames":
        pass
    client.send("tell", to=number, finish=True)
    last = client.until_end(number)[-1]
    assert last["event"] == "done" and 1 <= last["result"]["frames"] < 150 and out.exists()


def test_live_sends_values_for_the_rigs_channels_until_cancelled(client, rig):
    mapping = mapped(client, rig)
    source = str(EXAMPLES / "sample.mp4")
    number = client.send("live", source=source, rig=str(rig), mapping=mapping, loop=True)
    channels = wait_for(client, "channels")
    assert {key["key"] for key in channels["keys"]} == {"jawOpen", "eyeBlinkLeft", "eyeBlinkRight"}
    frames = [wait_for(client, "frame") for _ in range(5)]
    for frame in frames:
        assert len(frame["values"]) == 3 and all(0 <= v <= 1 for v in frame["values"])
        assert len(frame["quaternions"]) == len(channels["turns"]) == 1 and 0 < frame["latency"] < 10_000
    assert frames[-1]["time"] > frames[0]["time"]
    for channel in mapping["channels"]:
        channel["mute"] = channel["channel"] != "jawOpen"
    client.send("tell", to=number, mapping=mapping)
    assert [key["key"] for key in wait_for(client, "channels")["keys"]] == ["jawOpen"]
    client.send("cancel", to=number)
    assert client.until_end(number)[-1]["event"] == "cancelled"


def test_live_without_a_camera_is_a_sentence(shared_client, rig):
    error = shared_client.error("live", source="77", rig=str(rig), mapping=mapped(shared_client, rig))
    assert "no camera number 77" in error["sentence"]


def test_shutdown_ends_the_process_and_removes_its_folder(client):
    folder = Path(client.hello["folder"])
    assert folder.is_dir()
    client.send("shutdown")
    assert client.ends() == 0 and not folder.exists()


def test_when_the_parent_is_gone_the_worker_ends_in_the_middle_of_its_work(client, tmp_path):
    folder = Path(client.hello["folder"])
    client.send("capture", source=str(EXAMPLES / "sample.mp4"), take=str(tmp_path / "t.npz"))
    while client.next().get("stage") != "frames":
        pass
    client.child.stdin.close()
    assert client.ends() is not None and not folder.exists()


def test_signs_of_life_come_while_it_works_and_stop_with_the_process(client, tmp_path):
    client.send("capture", source=str(EXAMPLES / "sample.mp4"), take=str(tmp_path / "t.npz"))
    wait_for(client, "alive")
    os.kill(client.child.pid, signal.SIGSTOP)
    time.sleep(0.2)
    while not client.said.empty():
        client.said.get()
    time.sleep(2.5)
    assert client.said.empty()
    os.kill(client.child.pid, signal.SIGCONT)
    wait_for(client, "alive")
