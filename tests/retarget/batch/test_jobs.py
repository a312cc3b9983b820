"""Job files say what is meant, and mistakes in them are named with their place."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmface_core.errors import UserError
from retarget.batch.jobs import Options, options_of, read_jobs
from retarget.batch.plan import safe_name, unique_names
from retarget.mapping.map_rig import MapOptions


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_gives_each_clip_its_rigs_and_options(tmp_path):
    spec = written(tmp_path, "j.csv", '\ufeffclip;rig;smooth;preview\na.mp4;x.blend|y.glb;0.2;yes\n"b c.mp4";;;\n\n')
    jobs = read_jobs(spec, [Path("z.fbx")], Options(head="relative"))
    assert [(j.clip.name, j.rig.name) for j in jobs] == [
        ("a.mp4", "x.blend"),
        ("a.mp4", "y.glb"),
        ("b c.mp4", "z.fbx"),
    ]
    assert jobs[0].options == Options(smooth=0.2, preview=True, head="relative")
    assert jobs[2].options == Options(head="relative")
    assert jobs[0].clip.parent == tmp_path


def test_a_toml_has_defaults_and_lists(tmp_path):
    text = '[defaults]\nsmooth = 0.1\n[[job]]\nclip = ["a.mp4", "b.mp4"]\nrigs = ["x.blend"]\nstart = 101\n'
    jobs = read_jobs(written(tmp_path, "j.toml", text))
    assert [j.clip.name for j in jobs] == ["a.mp4", "b.mp4"]
    assert jobs[0].options == Options(smooth=0.1, start=101)


def test_a_job_says_how_its_rig_is_mapped(tmp_path):
    text = "clip,mapping,map_by,preset,neck\na.mp4,maps/hero.json,,,0.2\nb.mp4,,names,vrm,\n"
    first, second = read_jobs(written(tmp_path, "j.csv", text))
    assert first.options.map_options() == MapOptions(mapping=tmp_path / "maps" / "hero.json", neck=0.2)
    assert second.options.map_options() == MapOptions("names", "vrm")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("j.csv", "clip,rig\na.mp4\n", "line 2"),
        ("j.csv", "clip,smoth\na.mp4,1\n", "do you mean smooth"),
        ("j.csv", "clip,smooth\na.mp4,much\n", "line 2: smooth is 'much'"),
        ("j.csv", "clip,smooth\na.mp4,7\n", "from 0 to 1"),
        ("j.csv", "clip,rig\na.mp4,b.obj\n", "not a rig"),
        ("j.csv", "rig\nb.blend\n", "names no clip"),
        ("j.csv", "", "names no clips"),
        ("j.toml", "[[job]]\nclip = 3\n", "job 1"),
        ("j.toml", "[[jobs]]\nclip = 'a'\n", "jobs means nothing"),
        ("j.toml", "[[job]\n", "not TOML"),
        ("j.toml", "[[job]]\nclip='a'\nrender='blendermarket'\n", "no render engine"),
        ("j.txt", "a.mp4", "no list of jobs"),
        ("j.csv", "clip,map_by\na.mp4,feeling\n", "line 2: The rig cannot be mapped by feeling"),
        ("j.csv", "clip,neck\na.mp4,2\n", "line 2: The neck's part is 2"),
        ("j.csv", "clip,preset\na.mp4,arkitt\n", "line 2: There is no preset arkitt"),
        ("j.csv", "clip,mapping,preset\na.mp4,m.json,arkit\n", "line 2: Give either a mapping file or a preset"),
        ("j.csv", "clip,mapping\na.mp4,m.json|n.json\n", "line 2: mapping is .* give one file"),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path, name, text, said):
    with pytest.raises(UserError, match=said):
        read_jobs(written(tmp_path, name, text))


@given(st.dictionaries(st.text(max_size=8), st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none())))
def test_options_of_anything_are_options_or_a_sentence(values):
    try:
        assert isinstance(options_of(values, Options()), Options)
    except UserError as error:
        assert str(error)


@given(st.lists(st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=200), max_size=8))
def test_names_of_outputs_are_one_for_each_input_and_fit_every_system(names):
    paths = [Path("a", name) for name in names] + [Path("b", name) for name in names]
    found = unique_names(paths)
    assert len({name.casefold() for name in found.values()}) == len(set(paths))
    for name in found.values():
        assert 0 < len(name.encode()) < 120 and not set('/\\:*?"<>|\0\n') & set(name)


def test_names_stay_as_they_are_where_they_can():
    assert safe_name("Take 3 (final)") == "Take 3 (final)"
    assert unique_names([Path("x/a.mp4"), Path("x/a.mov"), Path("x/b.mp4")]) == {
        Path("x/a.mp4"): "a_mp4",
        Path("x/a.mov"): "a_mov",
        Path("x/b.mp4"): "b",
    }
