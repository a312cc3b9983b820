"""`mmface rig inspect` and `map`, typed as a user would."""

import json

import pytest

from mmface_core.cli import mmface, run
from retarget.mapping.schema import load_mapping

pytestmark = pytest.mark.blender


@pytest.fixture
def say(capsys):
    """Runs `mmface` with arguments; returns (status, what it said, the complaint)."""

    def say(*arguments):
        status = run(mmface, [str(a) for a in arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return say


def test_inspect_says_in_a_line_how_the_rig_is(say, rigs):
    status, text, _ = say("rig", "inspect", rigs / "skinned.blend")
    lines = text.splitlines()
    assert status == 0 and lines[0] == "skinned.blend: 52 of 52 channels, 1 dead"
    assert any(line.startswith("Faces -Y, up is +Z") for line in lines)
    assert any(line.startswith("Head: 52 keys") and "hangs on Rig" in line for line in lines)
    assert "  dead (1): cheek_puff" in lines and "1 unit is 1 m" in text


def test_inspect_names_drivers_and_mutes(say, rigs):
    _, text, _ = say("rig", "inspect", rigs / "driven.blend", "--keys")
    assert "with a driver (1): jawOpen" in text and "muted (1): mouthSmileLeft" in text
    assert "    mouthSmileRight: mouthSmileRight" in text


def test_inspect_of_a_rig_without_keys_tells_its_bones_and_what_can_be_done(say, rigs):
    _, text, _ = say("rig", "inspect", rigs / "bony.blend")
    assert "Bones of a face: neck: Neck; head: Head; jaw: jaw" in text and "-6 to 6 degrees" in text
    status, text, _ = say("rig", "inspect", rigs / "plain.blend")
    assert status == 0 and "create-shapes" in text


def test_inspect_gives_everything_as_json(say, rigs):
    _, text, _ = say("rig", "inspect", rigs / "skinned.blend", "--json")
    data = json.loads(text)
    assert data["schema"] == "mmface-inspection/1" and data["facing"]["front"] == [0.0, -1.0, 0.0]
    head = next(mesh for mesh in data["meshes"] if mesh["name"] == "Head")
    assert ["eye_blink_left", "eye_blink_right"] in head["mirrored"]
    assert next(k for k in head["keys"] if k["name"] == "jaw_open")["means"] == {"jawOpen": 1.0}
    assert {(bone["name"], bone["part"]) for bone in data["bones"]} == {("Neck", "neck"), ("Head", "head")}


def test_a_mapping_is_written_edited_and_used(say, rigs, tmp_path):
    path = tmp_path / "m.json"
    status, text, _ = say("rig", "map", rigs / "skinned.blend", "-o", path)
    assert status == 0 and "Drives 52 of 52 channels" in text and f"Wrote {path}" in text
    path.write_text(path.read_text().replace('"key": "jaw_open", "gain": 1.0', '"key": "jaw_open", "gain": 0.5'))
    assert any(t.gain == 0.5 for c in load_mapping(path).channels for t in c.keys)
    status, _, complaint = say("rig", "map", rigs / "loose.blend", "--mapping", path, "-o", tmp_path / "n.json")
    assert status == 2 and "channels[0].targets[0].key" in complaint and "did you mean" in complaint


def test_a_blank_mapping_and_the_presets_are_there(say, rigs, tmp_path):
    status, _, _ = say("rig", "map", rigs / "unnamed.blend", "--blank", "-o", tmp_path / "m.json")
    assert status == 0 and len(load_mapping(tmp_path / "m.json").channels) == 52
    _, text, _ = say("rig", "presets")
    assert "mmd" in text and "metahuman" in text
    _, text, _ = say("rig", "presets", "vrm")
    assert "Fcl_MTH_A | A | aa: jawOpen 1" in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--preset", "nobody"), "no preset nobody"),
        (("--mapping", "absent.json"), "cannot be read"),
        (("-o", "m.txt"), "should end in .json"),
        (("-o", "absent/m.json"), "does not exist"),
    ],
)
def test_what_cannot_be_mapped_is_a_sentence(say, rigs, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    status, _, complaint = say("rig", "map", rigs / "skinned.blend", *arguments)
    assert status == 2 and sentence in complaint and "Traceback" not in complaint
    assert list(tmp_path.iterdir()) == []
