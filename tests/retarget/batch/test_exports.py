"""Each job's exports: named predictably, recorded, made again only where what they are made from has changed."""

import json
from dataclasses import replace

import pytest

from mmface_core.errors import UserError
from retarget.batch.exports import KINDS, export_name, export_words
from retarget.batch.jobs import Options, options_of, read_jobs
from retarget.exchange.takes import open_take
from tests.retarget.batch.test_batch import contents, run  # noqa: F401

FORMATS = Options(export="glb|livelink|facecap|csv|json|ply")
ENDINGS = (".livelink.csv", ".facecap.txt", ".weights.csv", ".weights.json")


@pytest.fixture
def jobs(clips, rigs):
    """Two clips with a face on both rigs."""
    return [job for job in read_jobs(clips, sorted(rigs.iterdir()), FORMATS) if job.clip.stem in ("clip0", "clip1")]


def test_every_format_that_convert_writes_has_a_word_and_a_name():
    names = {word: export_name("talk", word) for word in KINDS}
    assert len({*names.values()}) == len(names)
    assert {"livelink", "facecap", "csv", "json", "obj", "ply", "glb", "fbx", "usd", "usdz"} <= {*KINDS}
    assert names["glb"] == "talk.glb" and names["obj"] == "talk.obj_frames" and names["csv"] == "talk.weights.csv"
    assert export_words("json, GLB|json") == export_words("glb|json") and not export_words("")


@pytest.mark.parametrize("word", ["take", "blend", "gltf", "../x"])
def test_a_word_that_is_no_format_is_refused_with_those_that_are(word):
    with pytest.raises(UserError, match="known are livelink, facecap"):
        options_of({"export": word}, Options())


def test_a_scene_without_a_rig_is_refused_with_its_place(clips):
    spec = clips / "jobs.toml"
    spec.write_text('[[job]]\nclip = "clip0.npz"\nexport = ["json", "fbx"]\n')
    with pytest.raises(UserError, match=r"job 1: .*clip0.npz has no rig that fbx could show"):
        read_jobs(spec)
    assert read_jobs(spec, [clips / "hero.blend"])[0].options.exports == ("json", "fbx")
    with pytest.raises(UserError, match="no rig"):
        read_jobs(clips, defaults=FORMATS)


def test_exports_lie_beside_their_results_and_stand_in_manifest_and_report(run, jobs, tmp_path):  # noqa: F811
    outcome = run(jobs)
    out = tmp_path / "out"
    assert not outcome.failed
    for clip in ("clip0", "clip1"):
        for ending in ENDINGS:
            assert len(open_take(out / clip / f"{clip}{ending}")) == 30
        assert len([*(out / clip / f"{clip}.ply_frames").glob(f"{clip}.00*.ply")]) == 30
        for rig in ("hero", "villain"):
            assert b"exported" in (out / clip / f"{clip}_{rig}.glb").read_bytes()
    lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    exported = [line for line in lines if line["stage"] == "export"]
    assert len(exported) == 2 * (5 + 2)  # five formats once a clip, and a scene for each rig
    assert {line["format"] for line in exported} == {*FORMATS.exports}
    assert all((out / entry["path"]).exists() for line in exported for entry in line["outputs"])
    page = (out / "report.html").read_text()
    for link in ("clip0/clip0.livelink.csv", "clip0/clip0.ply_frames", "clip1/clip1_hero.glb"):
        assert f'href="{link}"' in page
    assert "clip0.ply_frames (30 files)" in page and "a modifier was left out" in page


def test_they_are_made_again_only_where_their_own_inputs_change(run, jobs, rigs, tmp_path):  # noqa: F811
    first = run(jobs)
    before = contents(tmp_path / "out")
    assert run(jobs).fresh == 0

    (rigs / "hero.blend").write_bytes(b"BLENDER-v405 another hero")
    assert run(jobs).fresh == 4  # two .blend and two .glb
    changed = {name for name, data in contents(tmp_path / "out").items() if before[name] != data}
    assert changed == {f"{clip}/{clip}_hero.{kind}" for clip in ("clip0", "clip1") for kind in ("blend", "glb")}

    smoothed = [replace(job, options=replace(job.options, smooth=1.0)) for job in jobs]
    assert run(smoothed).fresh == first.fresh - 2  # all but the takes
    turned = [replace(job, options=replace(job.options, head="off")) for job in smoothed]
    assert run(turned).fresh == 8  # the head's mode is nothing to what shows no rig


def test_what_was_edited_among_meshes_is_kept(run, jobs, tmp_path):  # noqa: F811
    jobs = jobs[:1]
    run(jobs)
    folder = tmp_path / "out" / "clip0" / "clip0.ply_frames"
    (folder / "clip0.0007.ply").write_bytes(b"an evening's sculpting")
    run([replace(job, options=replace(job.options, smooth=1.0)) for job in jobs])
    kept = folder.with_name("clip0.edited1.ply_frames")
    assert (kept / "clip0.0007.ply").read_bytes() == b"an evening's sculpting"
    assert len([*folder.iterdir()]) == 30 and (folder / "clip0.0007.ply").stat().st_size > 1000


def test_rigs_that_want_other_curves_of_one_clip_get_files_of_their_own(run, jobs, tmp_path):  # noqa: F811
    hero, villain = jobs[:2]
    villain = replace(villain, options=replace(villain.options, smooth=0.0))
    assert not run([hero, villain]).failed
    found = sorted((tmp_path / "out" / "clip0").glob("*.livelink.csv"))
    assert len(found) == 2 and found[0].read_bytes() != found[1].read_bytes()


def test_one_that_fails_stops_no_other(run, jobs, monkeypatch, tmp_path):  # noqa: F811
    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("retarget.exchange.mesh_sequence._ply", full)
    outcome = run(jobs[:1])
    assert "No space left on device" in outcome.failed[0].failure.sentence
    made = contents(tmp_path / "out")
    assert "clip0/clip0.livelink.csv" in made and "clip0/clip0_hero.glb" in made
    assert not [name for name in made if "ply" in name]
