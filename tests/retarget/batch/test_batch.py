"""A batch does what its jobs say, once; what changes is redone, and what fails is told and stops nobody."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmface_core.cli import run as command
from mmface_core.errors import UserError
from mmface_core.take import Take
from retarget.batch.cluster import InlinePool
from retarget.batch.jobs import Options, read_jobs
from retarget.batch.progress import Lines, Quiet
from retarget.batch.run import run_batch
from retarget.batch.store import Store
from retarget.command import retarget
from retarget.commands.convert import convert
from retarget.exchange.convert import convert as convert_to
from retarget.mapping.schema import Channel, KeyTarget, Mapping, save_mapping

RENDERED = Options(render="workbench", size="64x64", motion=True)


@pytest.fixture
def run(tmp_path, blender):
    """Runs jobs in this process; gives the outcome."""

    def call(jobs, out=None, watcher=None):
        out = out or tmp_path / "out"
        with Store(out) as store:
            return run_batch(
                jobs, store, lambda tell: InlinePool(out, tell), watcher or Quiet(), 1500, 20, {"program": blender}
            )

    return call


def contents(folder: Path) -> dict[str, bytes]:
    """Every result by name; records and the report tell times and are left out."""
    left_out = (".mmface", "manifest.jsonl", "report.html")
    paths = [p for p in folder.rglob("*") if p.is_file() and not set(left_out) & set(p.relative_to(folder).parts)]
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths}


def test_each_clip_comes_onto_each_rig_and_the_faceless_one_is_told(run, clips, rigs, tmp_path):
    outcome = run(read_jobs(clips, sorted(rigs.iterdir()), RENDERED))
    assert len(outcome.jobs) == 8
    assert {job.name for job in outcome.failed} == {"nobody on hero", "nobody on villain"}
    assert "no frame shows the face" in outcome.failed[0].failure.sentence
    made = contents(tmp_path / "out")
    for clip in ("clip0", "clip1", "clip2"):
        assert f"{clip}/{clip}.npz" in made
        for rig in ("hero", "villain"):
            for ending in (".blend", ".mp4", ".json", ".frames/000030.png"):
                assert f"{clip}/{clip}_{rig}{ending}" in made
    lines = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    assert sum("failed" in line for line in lines) == 6
    assert not [p for p in (tmp_path / "out").rglob("*unfinished*")]
    assert (tmp_path / "out" / "report.html").is_file()


def test_a_second_run_does_nothing(run, clips, rigs, tmp_path):
    jobs = read_jobs(clips, sorted(rigs.iterdir()), RENDERED)
    first = run(jobs)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.blend")}
    second = run(jobs)
    assert first.kept == 0
    assert second.kept == 4 + 3 * 6  # takes; and retarget, render and encode of six jobs
    assert second.fresh == 4  # what failed is tried again: retarget and render of two jobs
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.blend")} == before


def test_a_changed_rig_redoes_what_depends_on_it_alone(run, clips, rigs, tmp_path):
    jobs = read_jobs(clips, sorted(rigs.iterdir()))
    run(jobs)
    before = contents(tmp_path / "out")
    (rigs / "hero.blend").write_bytes(b"BLENDER-v405 another hero")
    outcome = run(jobs)
    after = contents(tmp_path / "out")
    changed = {name for name in after if before.get(name) != after[name]}
    assert changed == {f"clip{i}/clip{i}_hero.blend" for i in range(3)}
    assert outcome.fresh == 3 + 2  # and the two that failed


def test_a_rig_is_looked_into_once_for_all_clips_until_it_changes(run, clips, rigs, monkeypatch):
    from retarget import pipeline

    described = []
    plain = pipeline.describe_rig
    monkeypatch.setattr(
        pipeline, "describe_rig", lambda rig, blender: described.append(rig.stem) or plain(rig, blender)
    )
    jobs = read_jobs(clips, sorted(rigs.iterdir()), RENDERED)
    run(jobs)
    assert sorted(described) == ["hero", "villain"]
    (rigs / "hero.blend").write_bytes(b"BLENDER-v405 another hero")
    run(jobs)
    assert sorted(described) == ["hero", "hero", "villain"]


def test_changed_options_redo_what_depends_on_them(run, clips, rigs, tmp_path):
    jobs = read_jobs(clips, [rigs / "hero.blend"])
    run(jobs)
    takes = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.npz")}
    outcome = run([replace(job, options=Options(smooth=0.0)) for job in jobs])
    assert outcome.fresh == 4  # one retarget for each clip; no capture
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.npz")} == takes


def test_a_mapping_is_used_redone_when_it_changes_and_refused_by_its_mistake(run, clips, rigs, tmp_path):
    path = tmp_path / "hero.json"

    def curves():
        motion = tmp_path / "out" / "clip0" / "clip0_hero.json"
        return {curve["key"] for curve in json.loads(motion.read_text())["keys"]}

    spec = tmp_path / "jobs.csv"
    spec.write_text("clip,mapping\nclips/clip0.npz,hero.json\n")
    save_mapping(Mapping((Channel("jawOpen", (KeyTarget("Head", "browInnerUp"),)),)), path)
    jobs = read_jobs(spec, [rigs / "hero.blend"], RENDERED)
    run(jobs)
    assert curves() == {"browInnerUp"}
    frames = contents(tmp_path / "out" / "clip0" / "clip0_hero.frames")
    assert run(jobs).fresh == 0
    save_mapping(Mapping((Channel("jawOpen", (KeyTarget("Head", "jawOpen", 0.5),)),)), path)
    assert run(jobs).fresh == 5  # retarget, render, two chunks, encode; the take stays
    assert curves() == {"jawOpen"}
    assert contents(tmp_path / "out" / "clip0" / "clip0_hero.frames") != frames
    path.write_text('{"schema": "mmface-mapping/1", "channels": [{"channel": "jawOpn", "targets": []}]}')
    (failed,) = run(jobs).failed
    assert "jawOpn" in failed.failure.sentence
    path.unlink()
    (failed,) = run(jobs).failed
    assert "cannot be read" in failed.failure.sentence


def test_what_somebody_edited_is_kept_when_its_job_is_redone(run, clips, rigs, tmp_path):
    jobs = read_jobs(clips, [rigs / "hero.blend"])
    run(jobs)
    edited = tmp_path / "out" / "clip0" / "clip0_hero.blend"
    edited.write_bytes(b"an artist's evening")
    run(jobs)
    assert edited.read_bytes() == b"an artist's evening"  # nothing changed, so nothing is redone
    (rigs / "hero.blend").write_bytes(b"BLENDER-v405 another hero")
    run(jobs)
    assert edited.with_name("clip0_hero.edited1.blend").read_bytes() == b"an artist's evening"
    assert edited.read_bytes() != b"an artist's evening"


def test_missing_frames_alone_are_rendered_again(run, clips, rigs, tmp_path):
    jobs = [job for job in read_jobs(clips, [rigs / "hero.blend"], RENDERED) if job.clip.stem == "clip1"]
    run(jobs)
    before = contents(tmp_path / "out")
    folder = tmp_path / "out" / "clip1" / "clip1_hero.frames"
    (folder / "000007.png").unlink()
    (tmp_path / "out" / "clip1" / "clip1_hero.mp4").unlink()
    other = (folder / "000008.png").stat().st_mtime_ns
    run(jobs)
    assert contents(tmp_path / "out") == before
    assert (folder / "000008.png").stat().st_mtime_ns == other


def test_a_missing_clip_and_a_missing_rig_fail_alone(run, clips, rigs):
    jobs = read_jobs(clips, [rigs / "hero.blend"])[:1]
    jobs += [replace(jobs[0], clip=clips / "gone.mp4"), replace(jobs[0], rig=rigs / "gone.blend")]
    outcome = run(jobs)
    assert [job.failure is None for job in outcome.jobs] == [True, False, False]
    assert all("There is no file" in job.failure.sentence for job in outcome.failed)


def test_the_same_clip_in_two_ways_gets_two_names(run, clips, rigs, tmp_path):
    job = read_jobs(clips, [rigs / "hero.blend"])[0]
    outcome = run([job, replace(job, options=Options(smooth=0.0))])
    assert not outcome.failed
    assert len(list((tmp_path / "out" / "clip0").glob("*.blend"))) == 2
    assert len(list((tmp_path / "out").rglob("*.npz"))) == 1


def test_takes_without_identity_hold_none(run, clips, tmp_path):
    take = Take.load(clips / "clip0.npz")
    take.identity += 1
    take.save(clips / "clip0.npz")
    run([replace(job, options=Options(identity=False)) for job in read_jobs(clips)[:1]])
    (path,) = (tmp_path / "out").rglob("*.npz")
    kept = Take.load(path)
    assert not kept.identity.any() and np.array_equal(kept.weights, take.weights)


def test_one_clip_at_a_time_leaves_out_the_same_identity(run, clips, rigs, blender, tmp_path):
    take = Take.load(clips / "clip0.npz")
    take.identity += 1
    take.save(clips / "clip0.npz")
    run([replace(job, options=Options(identity=False)) for job in read_jobs(clips)[:1]])
    (of_batch,) = (tmp_path / "out").rglob("*.npz")
    rig = str(rigs / "hero.blend")
    kept, converted = tmp_path / "kept.npz", tmp_path / "converted.npz"
    words = [str(clips / "clip0.npz"), rig, "-o", str(tmp_path / "o.blend"), "--take", str(kept)]
    assert command(retarget, [*words, "--blender", blender, "--no-identity", "--quiet"]) == 0
    assert command(convert, [str(clips / "clip0.npz"), "-o", str(converted), "--no-identity", "--quiet"]) == 0
    assert of_batch.read_bytes() == kept.read_bytes() == converted.read_bytes()


def test_a_recording_that_has_no_identity_is_taken_as_it_is(run, clips, tmp_path):
    convert_to(clips / "clip0.npz", clips / "phone.csv")
    job = replace(read_jobs(clips)[0], clip=clips / "phone.csv", options=Options(identity=False))
    assert not run([job]).failed
    assert len(Take.load(tmp_path / "out" / "phone" / "phone.noid.npz")) == 30


def test_two_batches_never_write_to_one_folder(tmp_path):
    with Store(tmp_path / "out"), pytest.raises(UserError, match="Another batch"), Store(tmp_path / "out"):
        pass


@pytest.mark.parametrize("name", ['a "b" c', "Ünïcödé 顔", "x" * 240, "tab\there", "-dash", "100%"])
def test_odd_names_work(run, clips, rigs, tmp_path, name):
    (clips / "clip0.npz").rename(clips / f"{name}.npz")
    rig = rigs / f"{name}.blend"
    (rigs / "hero.blend").rename(rig)
    outcome = run([job for job in read_jobs(clips, [rig], RENDERED) if job.clip.stem == name])
    assert len(outcome.jobs) == 1 and not outcome.failed, outcome.failed
    (blend,) = [p for p in (tmp_path / "out").rglob("*.blend")]
    assert blend.stat().st_size > 0


def test_a_full_disk_ends_in_a_sentence(run, clips, rigs, monkeypatch):
    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mmface_core.take.write_arrays", full)
    outcome = run(read_jobs(clips, [rigs / "hero.blend"])[:1])
    assert "No space left on device" in outcome.failed[0].failure.sentence
    assert not outcome.failed[0].failure.trace


def test_plain_lines_name_what_is_done_and_what_failed(run, clips, rigs, capsys):
    run(read_jobs(clips, [rigs / "hero.blend"]), watcher=Lines())
    said = capsys.readouterr().err
    assert "done retarget clip0 on hero" in said
    assert "failed retarget nobody on hero" in said
    assert "3 of 4 jobs are done" in said


def test_a_clip_that_cannot_be_read_stops_no_other_job(run, clips, monkeypatch):
    import retarget.batch.run as batch

    real = batch.fingerprint_of

    def unreadable(path):
        if path.name == "clip1.npz":
            raise UserError(f"{path} cannot be read (Permission denied).")
        return real(path)

    monkeypatch.setattr(batch, "fingerprint_of", unreadable)
    outcome = run(read_jobs(clips, [], Options()))
    told = {job.name: job.failure.sentence for job in outcome.failed}
    assert "Permission denied" in told.pop("clip1")
    assert set(told) <= {"nobody"} and len(outcome.jobs) == 4
