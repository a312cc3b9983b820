import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmface_core.model.arkit import ARKIT_NAMES, SIDEWAYS
from retarget.mapping.names import Unit, common_prefixes, read_key, split_channel, words

PARTS = {name: re.findall(r"[A-Z]?[a-z]+", name) for name in ARKIT_NAMES}
JOINTS = ["_", "-", ".", " ", "__", " - "]


@pytest.mark.parametrize("name", ARKIT_NAMES)
def test_every_arkit_name_means_itself(name):
    assert read_key(name) == split_channel(name)


@given(
    st.sampled_from(ARKIT_NAMES),
    st.sampled_from(JOINTS),
    st.sampled_from([str.lower, str.upper, str.title, str.swapcase]),
)
def test_any_separator_and_capitals_are_read(name, joint, case):
    assert read_key(case(joint.join(PARTS[name]))) == split_channel(name)


@given(st.sampled_from(ARKIT_NAMES), st.randoms())
def test_capitals_at_random_are_read(name, random):
    assert read_key("".join(random.choice([c.lower(), c.upper()]) for c in name)) == split_channel(name)


@given(
    st.sampled_from([n for n in ARKIT_NAMES if n.endswith(("Left", "Right")) and n not in SIDEWAYS]),
    st.sampled_from(["{b}_{s}", "{b}.{s}", "{s}_{b}", "{b}{s}", "{s}.{b}", "{b}-{s}", "{b} {s}"]),
    st.booleans(),
    st.booleans(),
)
def test_sides_are_read_as_letters_or_words_before_or_after(name, form, letter, small):
    unit = split_channel(name)
    side = unit.side[0] if letter else unit.side
    base = "_".join(PARTS[unit.base + unit.side][:-1]).lower() if small else unit.base
    read = read_key(form.format(b=base, s=side.lower() if small else side))
    assert read == unit


@given(
    st.sampled_from(ARKIT_NAMES),
    st.sampled_from(["Face.", "blendShape1.", "head_", "BlendShapes|", "ARKit_", "Face.M_", "mesh:", "Expression "]),
    st.sampled_from(["", ".001", "_Shape", ".012"]),
)
def test_common_prefixes_and_endings_are_looked_through(name, prefix, ending):
    assert read_key(prefix + name + ending) == split_channel(name)


@given(st.sampled_from(ARKIT_NAMES), st.sampled_from(ARKIT_NAMES))
def test_combinations_of_two_units_are_neither(first, second):
    read = read_key(f"{first}_{second}")
    assert read is None or read == split_channel(first) == split_channel(second)


@given(st.text(max_size=25))
def test_any_text_is_read_without_failing(text):
    read_key(text)


@given(st.sampled_from(ARKIT_NAMES))
def test_left_and_right_are_never_swapped(name):
    for spelling in (name, name.lower(), "_".join(words(name)), name + ".001", "head_" + name):
        read = read_key(spelling)
        other = {"Left": "Right", "Right": "Left"}.get(split_channel(name).side)
        assert read is not None and read.side != other


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("eyeBlink_L", Unit("eyeBlink", "Left")),
        ("eye_left_blink", Unit("eyeBlink", "Left")),
        ("BrowInnerUp_R", Unit("browInnerUp", "Right")),
        ("eyeBlink", Unit("eyeBlink", "")),
        ("jaw_L", Unit("jawLeft", "")),
        ("left_jaw", Unit("jawLeft", "")),
    ],
)
def test_spellings_met_in_files(name, unit):
    assert read_key(name) == unit


@pytest.mark.parametrize(
    "name",
    [
        "Basis",
        "viseme_aa",
        "jaw",
        "mouth",
        "lips",
        "mouthFromRight",
        "mouth-corner-puller",
        "eye-left-closure",
        "Angry",
        "Idle",
    ],
)
def test_names_of_other_things_mean_nothing(name):
    assert read_key(name) is None


def test_a_prefix_of_most_keys_is_found():
    names = [f"Alice_v2_{name}" for name in ARKIT_NAMES]
    prefixes = common_prefixes(names)
    assert all(read_key(n, prefixes) == split_channel(a) for n, a in zip(names, ARKIT_NAMES, strict=True))
    assert read_key(names[0]) is None


def test_the_meshs_own_name_is_a_prefix():
    assert read_key("Wolf3D_Head.jawOpen", common_prefixes(["x"], ["Wolf3D_Head"])) == Unit("jawOpen", "")
