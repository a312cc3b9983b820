"""What is typed becomes the settings it means, on every command that makes curves."""

import click
import numpy as np
import pytest

from mmface_core.cli import run
from mmface_core.model.arkit import ARKIT_INDEX
from mmface_core.take import Take
from retarget import Settings
from retarget.cleaning import RAW, Cleaning
from retarget.commands.calibrate import calibrate
from retarget.commands.cleaning_options import cleaning_options
from retarget.commands.convert import convert
from retarget.commands.stream import stream
from retarget.exchange.takes import open_take
from retarget.performance import performance_of
from retarget.timing import Moment, Span


@pytest.fixture
def typed():
    def settings(*words):
        got = []

        @click.command()
        @cleaning_options
        def command(settings):
            got.append(settings)

        assert run(command, words) == 0
        return got[0]

    return settings


def test_nothing_typed_is_what_settings_mean_by_themselves(typed, make_take):
    take = make_take({"jawOpen": 0.5 + 0.3 * np.sin(np.arange(60)), "mouthFrownLeft": np.full(60, 0.1)}, count=60)
    typed_curves = performance_of(take, typed()).weights
    assert np.array_equal(typed_curves, performance_of(take, Settings()).weights)


@pytest.mark.parametrize("words", [("--no-clean",), ("--no-clean", "--smooth", "0.8", "--smooth-region", "mouth=1")])
def test_no_clean_gives_the_curves_as_captured(words, typed, make_take):
    values = np.random.default_rng(0).random((52, 60)).astype(np.float32)
    take = make_take(dict(zip(ARKIT_INDEX, values, strict=True)), count=60)
    take.neutral, take.full = np.full(52, 0.2, np.float32), np.ones(52, np.float32)
    assert np.array_equal(performance_of(take, typed(*words)).weights, take.weights)


def test_each_step_can_be_switched(typed):
    assert typed().steps == Cleaning()
    assert typed("--no-smooth").steps == RAW
    assert typed("--no-outliers").steps == Cleaning(outliers=False)
    assert typed("--no-pairs", "--symmetry", "0").steps == Cleaning(pairs=False, symmetry=0.0)
    assert typed("--no-blinks", "--no-lips").steps == Cleaning(blinks=False, lips=False)


def test_times_parts_and_layers(typed):
    settings = typed("--fps", "24", "--from", "10", "--to", "3.5s", "--only", "mouth", "--only", "head", "--nla")
    assert settings.fps == 24 and settings.span == Span(Moment(10), Moment(3.5, True))
    assert settings.layer.only == ("mouth", "head") and settings.layer.additive
    assert typed("--reduce", "0.02").layer.tolerance == 0.02
    assert typed("--neutral", "4-9").neutral == (4, 9)
    assert typed("--smooth-region", "eyes=0.1").regions == {"eyes": 0.1}


@pytest.mark.parametrize("words", ["--smooth-region mouth", "--smooth-region nose=1", "--neutral x", "--from later"])
def test_words_that_mean_nothing_are_refused(words, capsys):
    @click.command()
    @cleaning_options
    def command(settings):
        pass

    assert run(command, words.split()) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_region_is_smoothed_by_its_own_strength(typed, make_take):
    noise = np.random.default_rng(0).random(80)
    take = make_take({"jawOpen": noise, "browInnerUp": noise}, count=80)
    settings = typed("--smooth-region", "mouth=0", "--neutral", "off", "--no-lips", "--no-outliers")
    curves = performance_of(take, settings).weights
    assert np.allclose(curves[:, ARKIT_INDEX["jawOpen"]], noise, atol=1e-6)
    assert curves[:, ARKIT_INDEX["browInnerUp"]].std() < 0.6 * noise.std()


class TestCommands:
    @pytest.fixture
    def take(self, make_take, tmp_path):
        path = tmp_path / "clip.npz"
        make_take({"jawOpen": np.full(60, 0.3), "browInnerUp": np.full(60, 0.1)}, count=60).save(path)
        return path

    def test_calibrate_stores_and_takes_out_again(self, take, capsys):
        assert run(calibrate, [str(take), "--neutral", "10-20"]) == 0
        assert "neutral by frames 10-20: at rest jawOpen 0.30, browInnerUp 0.10" in capsys.readouterr().out
        assert Take.load(take).neutral[ARKIT_INDEX["jawOpen"]] == pytest.approx(0.3)
        assert run(calibrate, [str(take), "--neutral", "off"]) == 0
        assert Take.load(take).neutral is None

    def test_calibrate_uses_another_take_of_the_same_person(self, take, make_take, tmp_path):
        make_take({"jawOpen": np.full(60, 0.1)}, count=60).save(tmp_path / "rest.npz")
        assert run(calibrate, [str(tmp_path / "rest.npz"), "--neutral", "5"]) == 0
        assert run(calibrate, [str(take), "--from", str(tmp_path / "rest.npz"), "--neutral", "5"]) == 0
        assert Take.load(take).neutral[ARKIT_INDEX["jawOpen"]] == pytest.approx(0.1)

    def test_calibrate_from_a_take_uses_what_that_take_stores(self, take, make_take, tmp_path):
        rest = tmp_path / "rest.npz"
        jaw = np.concatenate([np.full(40, 0.1), np.full(20, 0.6)])  # what it shows most is not what was chosen
        make_take({"jawOpen": jaw}, count=60).save(rest)
        assert run(calibrate, [str(rest), "--neutral", "45-50"]) == 0
        assert run(calibrate, [str(take), "--from", str(rest)]) == 0
        assert Take.load(take).neutral[ARKIT_INDEX["jawOpen"]] == pytest.approx(0.6)
        assert run(calibrate, [str(rest)]) == 0  # of the take itself it is found anew
        assert Take.load(rest).calibrated_by == "auto"

    def test_convert_writes_what_the_ending_says(self, take, tmp_path, capsys):
        for name in ("a.csv", "a.txt", "a.json"):
            assert run(convert, [str(take), "-o", str(tmp_path / name), "--neutral", "off", "--fps", "60"]) == 0
            assert open_take(tmp_path / name).fps == pytest.approx(60)
        assert "119 frames at 60 fps" in capsys.readouterr().out
        assert run(convert, [str(tmp_path / "a.csv"), "-o", str(tmp_path / "b.npz")]) == 0
        assert Take.load(tmp_path / "b.npz").weights[5, ARKIT_INDEX["jawOpen"]] == pytest.approx(0.3, abs=0.01)

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("clip.npz", "-o", "x.abc"), "in no format that can be written"),
            (("clip.npz", "-o", "x.glb"), "name the rig that should move"),
            (("clip.npz", "-o", "x.json", "--format", "csv"), "should end in .csv"),
            (("clip.npz", "-o", "clip.npz"), "is the input and is never overwritten"),
            (("none.npz", "-o", "x.csv"), "There is no file none.npz"),
            (("clip.npz", "-o", "none/x.csv"), "does not exist; make it first"),
            (("clip.npz", "-o", "x.csv", "--rig", "r.blend"), "--rig has no use"),
            (("clip.npz", "-o", "x.csv", "--from", "500"), "Nothing is left of the clip"),
        ],
    )
    def test_convert_refuses_in_a_sentence_and_leaves_nothing(self, words, said, take, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert run(convert, words) == 2
        assert said in capsys.readouterr().err
        assert [path.name for path in tmp_path.iterdir()] == ["clip.npz"]

    def test_an_animated_scene_is_no_table(self, tmp_path, capsys):
        (tmp_path / "baked.blend").write_bytes(b"BLENDER")
        assert run(convert, [str(tmp_path / "baked.blend"), "-o", str(tmp_path / "x.csv")]) == 2
        assert "can be written as .glb, .fbx or .usd" in capsys.readouterr().err

    def test_a_video_cannot_be_streamed(self, tmp_path, capsys):
        assert run(stream, [str(tmp_path / "talk.mp4")]) == 2
        assert "cannot be streamed" in capsys.readouterr().err
