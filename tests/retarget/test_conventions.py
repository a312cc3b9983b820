"""The name tables are sound, and each is recognised, whole, on a rig that follows it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES
from retarget.mapping.by_name import map_by_name
from retarget.mapping.conventions import CONVENTIONS, convention, preset_names
from retarget.mapping.schema import Mapping
from retarget.mapping.spelling import BOTH, LEFT, RIGHT, Speller

TABLES = [pytest.param(table, id=f"{table.name}-{table.kind}") for table in CONVENTIONS]


def spelt(table):
    """Every row's first name, on both sides, as its makers write it -> a unit that it follows (or None)."""
    names = {}
    for row in table.rows:
        if " || " in row:
            whole, left, right = (part.split(" | ")[0] for part in row.split(" || "))
            forms = [(whole, BOTH), (left, LEFT), (right, RIGHT)]
        else:
            first = row.split(" | ")[0]
            sides = (LEFT, RIGHT) if "{" in first else (BOTH,)
            forms = [(first.replace("{side}", s).replace("{way}", s), s) for s in sides]
        for name, side in forms:
            units = [unit for unit, gain in table.drives(row, side).items() if gain > 0]
            names[name] = (row, side, units)
    return names


def value(named, key, **weights):
    row = np.zeros((1, 52))
    for name, amount in weights.items():
        row[0, ARKIT_INDEX[name]] = amount
    return next((float(c.values[0]) for c in Mapping(named.channels).key_curves(row) if c.key == key), None)


@pytest.mark.parametrize("table", TABLES)
def test_every_row_drives_arkit_units(table):
    assert table.check() == [] and table.rows


@pytest.mark.parametrize("table", TABLES)
def test_every_name_as_its_makers_write_it_means_its_own_row_and_side(table):
    for name, (row, side, _) in spelt(table).items():
        found = table.speller.read(name)
        assert found is not None and (found.row, found.side) == (row, side), name


@pytest.mark.parametrize("table", TABLES)
def test_no_name_is_read_on_the_other_side(table):
    for name, (_, side, _) in spelt(table).items():
        for variant in (name.lower(), name.replace("_", " "), f"head_{name}", f"{name}.001"):
            found = table.speller.read(variant)
            assert found is None or found.side == side, variant


@pytest.mark.parametrize("table", TABLES)
def test_a_rig_of_one_convention_has_every_unit_of_its_table(maker, table):
    keys = {name: (units or ["jawOpen"])[0] for name, (_, _, units) in spelt(table).items()}
    named = map_by_name(maker.rig(maker.mesh(keys)), table.name)
    wanted = {unit for _, _, units in spelt(table).values() for unit in units}
    assert wanted <= {channel.channel for channel in named.channels} and not named.unread


@pytest.mark.parametrize("name", ["character_creator", "metahuman", "facewarehouse", "facs", "makehuman", "vrm", "mmd"])
def test_a_convention_is_recognised_without_being_named(maker, name):
    keys = {}
    for table in convention(name):
        keys |= {key: (units or ["jawOpen"])[0] for key, (_, _, units) in spelt(table).items()}
    named = map_by_name(maker.rig(maker.mesh(keys)))
    assert named.conventions[0].name == name


def test_an_arkit_rig_with_visemes_is_driven_by_its_units_alone(maker):
    visemes = {name: "jawOpen" for name in ("viseme_aa", "viseme_O", "viseme_PP", "viseme_U")}
    named = map_by_name(maker.rig(maker.mesh({n: n for n in ARKIT_NAMES} | visemes)))
    assert {t.key for c in named.channels for t in c.targets} == set(ARKIT_NAMES)


def test_a_rig_with_only_visemes_gets_a_mouth(maker):
    visemes = ["sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U"]
    named = map_by_name(maker.rig(maker.mesh({f"viseme_{v}": "jawOpen" for v in visemes})))
    assert value(named, "viseme_aa", jawOpen=0.8) == pytest.approx(0.8)
    assert value(named, "viseme_U", mouthPucker=1.0, jawOpen=0.3) == pytest.approx(1.0)
    # Rounded lips are an O or a U, not an A.
    assert value(named, "viseme_aa", mouthPucker=1.0, jawOpen=0.3) == 0.0
    assert value(named, "viseme_PP", mouthPressLeft=1.0, mouthPressRight=1.0) == pytest.approx(1.0)
    assert all(channel.by == "viseme" for channel in named.channels)


def test_a_cartoon_rig_with_three_moods_has_a_face(maker):
    named = map_by_name(maker.rig(maker.mesh({"Angry": "browDownLeft", "Sad": "browInnerUp", "Surprised": "jawOpen"})))
    assert value(named, "Angry", browDownLeft=1.0, browDownRight=1.0) == 1.0
    assert value(named, "Sad", browInnerUp=1.0) == pytest.approx(0.5)
    assert value(named, "Surprised", browOuterUpLeft=1.0, browOuterUpRight=1.0) > 0.7
    assert all(channel.by == "expression" for channel in named.channels)


def test_moods_are_left_alone_where_the_face_has_parts_of_its_own(maker):
    keys = {"Angry": "browDownLeft", "mouthSmileLeft": "mouthSmileLeft", "mouthSmileRight": "mouthSmileRight"}
    named = map_by_name(maker.rig(maker.mesh(keys)))
    assert "Angry" not in {t.key for c in named.channels for t in c.targets}


def test_a_dead_unit_gives_way_to_a_live_vowel_and_says_so(maker):
    keys = {"jawOpen": "jawOpen", "mouthSmileLeft": "mouthSmileLeft"}
    vowels = {f"Fcl_MTH_{v}": "jawOpen" for v in "AIUEO"}
    named = map_by_name(maker.rig(maker.mesh(keys | vowels, dead=("jawOpen",))))
    (note,) = named.overruled
    assert note.channel == "jawOpen" and "Fcl_MTH_A" in note.reason and not named.dead
    assert [t.key for c in named.channels if c.channel == "jawOpen" for t in c.targets] == ["Fcl_MTH_A"]


def test_one_letter_means_nothing_by_itself(maker):
    assert not map_by_name(maker.rig(maker.mesh({"A": "jawOpen"}))).channels


def test_winks_without_a_side_are_the_left_ones(maker):
    keys = {"まばたき": "eyeBlinkLeft", "ｳｨﾝｸ２": "eyeBlinkLeft", "ウィンク２右": "eyeBlinkRight"}
    named = map_by_name(maker.rig(maker.mesh(keys)))
    assert {c.channel: [t.key for t in c.targets] for c in named.channels} == {
        "eyeBlinkLeft": ["ｳｨﾝｸ２"],
        "eyeBlinkRight": ["ウィンク２右"],
    }


def test_the_gaze_of_character_creator_keeps_eye_and_direction_apart(maker):
    keys = {f"Eye_{eye}_Look_{way}": "eyeLookInLeft" for eye in "LR" for way in ("L", "R", "Up", "Down")}
    named = map_by_name(maker.rig(maker.mesh(keys)), "character_creator")
    got = {c.channel: c.targets[0].key for c in named.channels}
    assert got["eyeLookOutLeft"] == "Eye_L_Look_L" and got["eyeLookInRight"] == "Eye_R_Look_L"
    assert got["eyeLookUpRight"] == "Eye_R_Look_Up"


@given(st.sampled_from(CONVENTIONS), st.text(max_size=25))
def test_any_text_is_read_without_failing(table, text):
    table.speller.read(text)


@given(st.sampled_from(CONVENTIONS), st.data())
def test_numbers_with_zeros_and_other_separators_mean_the_same(table, data):
    name, (row, side, _) = data.draw(st.sampled_from(sorted(spelt(table).items())))
    joined = data.draw(st.sampled_from(["_", "-", ".", " "])).join(name.split("_"))
    found = table.speller.read(joined)
    assert found is None or (found.row, found.side) == (row, side)


def test_leading_zeros_do_not_matter():
    speller = Speller(["AU1{side}", "AU12{side}"])
    assert speller.read("AU01_L").row == "AU1{side}" and speller.read("AU012").side == BOTH


def test_an_unknown_preset_is_refused_with_what_there_is():
    with pytest.raises(UserError, match="mmd"):
        convention("nobody")
    assert len(preset_names()) == len(set(preset_names()))
