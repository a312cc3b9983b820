"""A mapping survives being written and read, and a mistake in it is named with its place."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES
from retarget.mapping.map_rig import MapOptions, blank_mapping, check_against, map_rig
from retarget.mapping.schema import (
    BoneTarget,
    Channel,
    Facing,
    KeyTarget,
    Mapping,
    TurnTarget,
    load_mapping,
    mapping_from_json,
    save_mapping,
)
from retarget.motion import Pivot

numbers = st.floats(-10, 10)
names = st.text(min_size=1, max_size=8)
triples = st.tuples(numbers, numbers, numbers)
curves = st.none() | st.lists(
    st.tuples(st.integers(0, 100), numbers), min_size=2, max_size=5, unique_by=lambda p: p[0]
).map(lambda points: tuple(sorted((x / 100, y) for x, y in points)))
keys = st.builds(
    lambda object, key, gain, limits, offset, curve: KeyTarget(object, key, gain, *sorted(limits), offset, curve),
    names, names, numbers, st.tuples(numbers, numbers), numbers, curves,
)  # fmt: skip
bones = st.builds(BoneTarget, names, names, triples, triples, numbers, numbers, curves)
turns = st.builds(
    TurnTarget,
    object=names,
    bone=st.none() | names,
    by=names,
    pivot=st.none() | st.builds(Pivot, triples, numbers, st.lists(names, max_size=3).map(tuple)),
    about=st.none() | triples,
    share=st.floats(0, 1),
)
channels = st.lists(
    st.builds(
        Channel,
        st.sampled_from(ARKIT_NAMES),
        st.lists(keys | bones, max_size=3).map(tuple),
        st.sampled_from(["name", "geometry", "hand"]),
        st.booleans(),
        st.none() | st.floats(0, 1),
    ),
    max_size=5,
    unique_by=lambda channel: channel.channel,
).map(tuple)
mappings = st.builds(
    Mapping,
    channels=channels,
    facing=st.sampled_from([Facing(), Facing((0, 1, 0), (0, 0, 1), (1, 0, 0), "keys")]),
    head=st.none() | turns,
    eyes=st.dictionaries(st.sampled_from(["Left", "Right"]), turns),
    neck=st.lists(turns, max_size=2).map(tuple),
)


@given(mappings)
def test_a_mapping_survives_json(mapping):
    assert mapping_from_json(json.loads(json.dumps(mapping.to_json()))) == mapping


@given(mappings)
def test_the_file_for_people_holds_the_same(tmp_path_factory, mapping):
    path = tmp_path_factory.getbasetemp() / "m.json"
    save_mapping(mapping, path)
    assert load_mapping(path) == mapping


def test_the_file_has_one_line_for_each_target(tmp_path):
    targets = (KeyTarget("Head", "Key 7", 0.8), KeyTarget("Teeth", "Key 7"))
    save_mapping(Mapping((Channel("jawOpen", targets, score=0.92, by="geometry"),)), tmp_path / "m.json")
    lines = (tmp_path / "m.json").read_text().splitlines()
    assert sum('"key": "Key 7"' in line for line in lines) == 2
    assert '    {"object": "Head", "key": "Key 7", "gain": 0.8, "min": 0.0, "max": 1.0},' in lines


def good():
    target = {"object": "Head", "key": "jawOpen"}
    return {"schema": "mmface-mapping/1", "channels": [{"channel": "jawOpen", "targets": [target]}]}


def test_what_is_left_out_has_its_usual_value():
    (channel,) = mapping_from_json(good()).channels
    assert channel == Channel("jawOpen", (KeyTarget("Head", "jawOpen"),), by="hand")


def put(data, place, value):
    *path, last = place
    for part in path:
        data = data[part]
    if value is ...:
        del data[last]
    else:
        data[last] = value


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (("channels", 0, "targets", 0, "gain"), "high", r'channels\[0\]\.targets\[0\]\.gain is "high"; give a number'),
        (("channels", 0, "targets", 0, "gain"), True, "give a number"),
        (("channels", 0, "targets", 0, "gain"), float("nan"), "give a number"),
        (("channels", 0, "targets", 0, "gian"), 1, 'targets.0. has a field "gian"; did you mean gain'),
        (("channels", 0, "targets", 0, "min"), 2, "no more than max, which is 1"),
        (("channels", 0, "targets", 0, "key"), ..., r"targets\[0\]\.key is null; give a name"),
        (("channels", 0, "targets", 0, "object"), 7, r"\.object is 7"),
        (("channels", 0, "targets", 0, "curve"), [[0, 0]], r"\.curve is .*two or more"),
        (("channels", 0, "targets", 0, "curve"), [[1, 0], [0, 1]], "rising"),
        (("channels", 0, "targets", 0), 5, r"channels\[0\]\.targets\[0\] is 5; give an object in braces"),
        (("channels", 0, "targets"), "all", r"channels\[0\]\.targets is .all.; give a list"),
        (("channels", 0, "channel"), "jawOpenn", r'channels\[0\]\.channel is "jawOpenn"; give the name of an ARKit'),
        (("channels", 0, "score"), 3, "from 0 to 1"),
        (("channels", 0, "mute"), "yes", "true or false"),
        (("channels",), 3, "channels is 3; give a list"),
        (("head",), {"bone": "Head"}, r"head\.object is null"),
        (("head",), {"object": "A", "bone": "Head", "share": "half"}, r"head\.share"),
        (("facing",), {"left": [1, 0, 0], "up": [1, 0, 0], "front": [0, -1, 0]}, "right angles"),
        (("facing",), {"left": [1, 0]}, r"facing\.left is \[1, 0\]; give three numbers"),
        (("eyes",), {"Middle": {"object": "A", "bone": "E"}}, 'eyes has a field "Middle"'),
        (("hed",), {}, 'field "hed"; did you mean head'),
        (("schema",), "mmface-mapping/9", "mmface-mapping/9"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(place, value, sentence):
    data = good()
    put(data, place, value)
    with pytest.raises(UserError, match=sentence):
        mapping_from_json(data)


def test_a_channel_given_twice_is_refused():
    data = good()
    data["channels"].append(data["channels"][0])
    with pytest.raises(UserError, match=r"channels\[1\]\.channel .*channels\[0\] has it already"):
        mapping_from_json(data)


@given(
    st.recursive(
        st.none() | st.booleans() | numbers | names, lambda inner: st.lists(inner) | st.dictionaries(names, inner)
    )
)
def test_anything_else_is_a_sentence(data):
    with pytest.raises(UserError):
        mapping_from_json(data)


def test_a_file_that_is_no_json_is_told_with_its_line(tmp_path):
    (tmp_path / "m.json").write_text('{"schema": 1,\n oops}')
    with pytest.raises(UserError, match="line 2"):
        load_mapping(tmp_path / "m.json")
    with pytest.raises(UserError, match="cannot be read"):
        load_mapping(tmp_path / "absent.json")


def curve(target, *weights):
    rows = np.zeros((len(weights), 52))
    rows[:, ARKIT_INDEX["jawOpen"]] = weights
    (found,) = Mapping((Channel("jawOpen", (target,)),)).key_curves(rows)
    return found.values


def test_gain_offset_and_curve_shape_a_key():
    target = KeyTarget("Head", "k", gain=2.0, max=3.0, offset=0.1, curve=((0.0, 0.0), (0.5, 0.1), (1.0, 1.0)))
    assert np.allclose(curve(target, 0, 0.25, 0.5, 1.0), [0.1, 0.2, 0.3, 2.1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5), numbers, st.tuples(numbers, numbers).map(sorted))
def test_a_key_stays_within_its_limits(weights, gain, limits):
    values = curve(KeyTarget("Head", "k", gain, *limits), *weights)
    assert (values >= limits[0]).all() and (values <= limits[1]).all()


@given(st.lists(st.floats(0, 1), min_size=2, max_size=9))
def test_a_rising_weight_never_lowers_a_key_with_a_rising_curve(weights):
    target = KeyTarget("Head", "k", 0.7, curve=((0.0, 0.0), (0.3, 0.05), (1.0, 1.0)))
    assert (np.diff(curve(target, *sorted(weights))) >= 0).all()


def test_a_muted_channel_moves_nothing():
    channel = Channel("jawOpen", (KeyTarget("Head", "k", offset=0.5),), mute=True)
    assert Mapping((channel,)).key_curves(np.ones((1, 52))) == []


def test_the_tightest_of_several_limits_holds():
    channels = (Channel("jawOpen", (KeyTarget("H", "k", max=0.4),)), Channel("mouthFunnel", (KeyTarget("H", "k"),)))
    (found,) = Mapping(channels).key_curves(np.ones((1, 52)))
    assert found.values[0] == 0.4


def test_a_file_that_names_what_the_rig_has_not_is_refused_with_the_nearest(maker):
    rig = maker.rig(maker.mesh(["jawOpen"]))
    data = good()
    data["channels"][0]["targets"][0]["key"] = "jawOpn"
    with pytest.raises(
        UserError, match=r"m: channels\[0\]\.targets\[0\]\.key .*Head has no such key; did you mean jawOpen"
    ):
        check_against(rig, mapping_from_json(data), "m")
    data = good() | {"head": {"object": "Rig", "bone": "Head"}}
    with pytest.raises(UserError, match=r"head\.object is .Rig."):
        check_against(rig, mapping_from_json(data), "m")


def test_a_mapping_file_is_used_as_it_stands(maker, tmp_path):
    rig = maker.rig(maker.mesh(["jawOpen", "cheekPuff"]))
    data = good()
    data["channels"][0]["targets"][0]["gain"] = 0.5
    (tmp_path / "m.json").write_text(json.dumps(data))
    mapped = map_rig(rig, "rig", options=MapOptions(mapping=tmp_path / "m.json"))
    assert [c.channel for c in mapped.mapping.channels] == ["jawOpen"] and mapped.mapping.head is None
    assert mapped.mapping.channels[0].keys[0].gain == 0.5 and "cheekPuff" in mapped.named.missing


def test_a_blank_mapping_can_be_filled_in(maker):
    blank = blank_mapping(maker.rig(maker.mesh({"Key 1": "jawOpen"})))
    assert [c.channel for c in blank.channels] == list(ARKIT_NAMES)
    assert mapping_from_json(blank.to_json()) == blank and blank.head.object == "Head"
