"""Names and geometry together: who is believed, and when geometry is asked."""

from dataclasses import dataclass

import pytest

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_NAMES
from retarget.mapping.by_name import map_by_name
from retarget.mapping.combine import combine, map_by, only_geometry, worth_asking
from retarget.mapping.map_rig import MapOptions, map_rig
from retarget.mapping.schema import Channel, KeyTarget


@dataclass(frozen=True)
class Found:
    channels: tuple
    note: str | None = None


def by_shape(score=0.9, **keys):
    """A stand-in for geometry's result: unit -> key, or a tuple of (key, gain)."""
    channels = []
    for unit, several in keys.items():
        pairs = several if isinstance(several, tuple) else ((several, 1.0),)
        channels.append(Channel(unit, tuple(KeyTarget("Head", k, g) for k, g in pairs), "geometry", score=score))
    return Found(tuple(channels))


def drives(named):
    return {c.channel: [t.key for t in c.targets] for c in named.channels}


class Asker:
    """Stands in for the registration; counts how often it is asked."""

    def __init__(self, found):
        self.found, self.asked = found, 0

    def __call__(self):
        self.asked += 1
        return self.found


def test_geometry_fills_what_names_leave_open(maker):
    named = map_by_name(maker.rig(maker.mesh({"mouthFunnel": "mouthFunnel", "Key 7": "jawOpen"})))
    both = combine(named, by_shape(jawOpen="Key 7"))
    assert drives(both) == {"jawOpen": ["Key 7"], "mouthFunnel": ["mouthFunnel"]}
    assert "jawOpen" not in both.missing


def test_a_low_score_is_left_unmapped(maker):
    named = map_by_name(maker.rig(maker.mesh({"Key 7": "jawOpen"})))
    both = combine(named, by_shape(0.3, jawOpen="Key 7"))
    assert not both.channels and "jawOpen" in both.missing


def test_a_key_that_has_work_of_its_own_is_lent_only_where_shapes_are_sure(maker):
    named = map_by_name(maker.rig(maker.mesh(["mouthFunnel"])))
    assert drives(combine(named, by_shape(0.6, tongueOut="mouthFunnel"))) == {"mouthFunnel": ["mouthFunnel"]}
    assert drives(combine(named, by_shape(0.85, mouthPucker="mouthFunnel")))["mouthPucker"] == ["mouthFunnel"]


def test_a_dead_name_is_overruled_and_reported(maker):
    mesh = maker.mesh({"jawOpen": "jawOpen", "Key 7": "jawOpen"}, dead=("jawOpen",))
    both = combine(map_by_name(maker.rig(mesh)), by_shape(jawOpen="Key 7"))
    (note,) = both.overruled
    assert drives(both)["jawOpen"] == ["Key 7"] and not both.dead
    assert note.channel == "jawOpen" and "jawOpen moves nothing" in note.reason and "90%" in note.reason


def test_agreement_keeps_the_name_and_adds_the_score(maker):
    named = map_by_name(maker.rig(maker.mesh(["jawOpen"])))
    (channel,) = combine(named, by_shape(0.93, jawOpen=(("jawOpen", 0.8), ("Other", 0.2)))).channels
    assert (channel.by, channel.score) == ("name", 0.93)


def test_names_that_lie_are_overruled_where_shapes_say_so_clearly(maker):
    mesh = maker.mesh({"jawOpen": "browInnerUp", "browInnerUp": "jawOpen"})
    both = combine(map_by_name(maker.rig(mesh)), by_shape(jawOpen="browInnerUp", browInnerUp="jawOpen"))
    assert drives(both) == {"jawOpen": ["browInnerUp"], "browInnerUp": ["jawOpen"]}
    assert "moves like browInnerUp" in next(n.reason for n in both.overruled if n.channel == "jawOpen")


def test_a_name_that_shapes_only_doubt_stays(maker):
    named = map_by_name(maker.rig(maker.mesh(["mouthPressLeft", "mouthSmileLeft"])))
    # Another key explains it better, but nothing claims the named one.
    assert drives(combine(named, by_shape(mouthPressLeft="Key 3")))["mouthPressLeft"] == ["mouthPressLeft"]
    # Claimed, but not surely enough.
    shy = by_shape(0.7, mouthPressLeft="mouthSmileLeft", mouthSmileLeft="mouthPressLeft")
    assert drives(combine(named, shy)) == {n: [n] for n in ("mouthPressLeft", "mouthSmileLeft")}


def test_left_and_right_are_never_exchanged(maker):
    named = map_by_name(maker.rig(maker.mesh(["eyeBlinkLeft", "eyeBlinkRight"])))
    swapped = by_shape(1.0, eyeBlinkLeft="eyeBlinkRight", eyeBlinkRight="eyeBlinkLeft")
    assert drives(combine(named, swapped))["eyeBlinkLeft"] == ["eyeBlinkLeft"]


def test_a_sure_shape_comes_before_a_viseme(maker):
    keys = {f"viseme_{v}": "jawOpen" for v in ("aa", "E", "I", "O", "U", "PP")} | {"Key 1": "jawOpen"}
    named = map_by_name(maker.rig(maker.mesh(keys)))
    assert drives(combine(named, by_shape(0.9, jawOpen="Key 1")))["jawOpen"] == ["Key 1"]
    assert drives(combine(named, by_shape(0.7, jawOpen="Key 1")))["jawOpen"] == ["viseme_aa"]


def test_a_key_with_a_driver_is_not_taken_by_geometry_either(maker):
    named = map_by_name(maker.rig(maker.mesh(["jawOpen"], driven=("jawOpen",))))
    assert not combine(named, by_shape(jawOpen="jawOpen")).channels


def test_geometry_alone_forgets_the_names(maker):
    named = map_by_name(maker.rig(maker.mesh(["jawOpen", "cheekPuff"])))
    assert drives(only_geometry(named, by_shape(jawOpen="cheekPuff"))) == {"jawOpen": ["cheekPuff"]}


def test_geometry_is_not_asked_where_names_settle_all(maker):
    ask = Asker(by_shape())
    rig = maker.rig(maker.mesh({n: n for n in ARKIT_NAMES if n != "tongueOut"} | {"Key 1": "jawOpen"}))
    map_by(rig, map_by_name(rig), "both", ask)
    assert not ask.asked


def test_geometry_is_not_asked_where_no_key_is_to_spare(maker):
    rig = maker.rig(maker.mesh(["jawOpen", "cheekPuff"], extra=("Idle",)))
    assert not worth_asking(rig, map_by_name(rig))  # Idle moves nothing


def test_geometry_is_asked_where_names_say_nothing_at_all(maker):
    ask = Asker(by_shape(jawOpen="Key 1"))
    rig = maker.rig(maker.mesh({"Key 1": "jawOpen", "Key 2": "cheekPuff"}))
    mapped = map_rig(rig, "rig.blend", geometry=ask)
    assert ask.asked == 1 and drives(mapped.named) == {"jawOpen": ["Key 1"]}
    with pytest.raises(UserError, match=r"No channel matched: none of the 2 shape keys of rig\.blend .Key 1, Key 2\)"):
        map_rig(rig, "rig.blend", options=MapOptions(how="names"), geometry=ask)


def test_a_rig_without_a_face_is_mapped_by_names_and_that_is_said(maker):
    ask = Asker(Found((), "no face was found on it"))
    rig = maker.rig(maker.mesh(["jawOpen"], extra=()), maker.mesh({"Key 1": "cheekPuff"}, "B"))
    mapped = map_rig(rig, "rig.blend", geometry=ask)
    assert drives(mapped.named) == {"jawOpen": ["jawOpen"]} and "no face was found on it" in mapped.warnings
    with pytest.raises(UserError, match="no face was found"):
        map_rig(rig, "rig.blend", options=MapOptions(how="geometry"), geometry=ask)


def test_a_description_alone_cannot_be_mapped_by_geometry(maker):
    rig = maker.rig(maker.mesh(["jawOpen"]))
    assert drives(map_rig(rig, "rig.blend").named) == {"jawOpen": ["jawOpen"]}
    with pytest.raises(UserError, match="mmface rig map"):
        map_rig(rig, "rig.blend", options=MapOptions(how="geometry"))


def test_options_that_contradict_each_other_are_refused(tmp_path):
    for options, word in (
        (MapOptions(how="magic"), "magic"),
        (MapOptions(neck=2), "neck"),
        (MapOptions(preset="mmd", mapping=tmp_path / "m.json"), "either"),
    ):
        with pytest.raises(UserError, match=word):
            options.check()


def test_where_shapes_cannot_be_compared_names_stay_and_it_is_said(maker):
    rig = maker.rig(maker.mesh({"mouthFunnel": "mouthFunnel", "Key 7": "jawOpen"}))

    def fails():
        raise UserError("Blender found no OpenGL.")

    named, notes = map_by(rig, map_by_name(rig), "both", fails)
    assert drives(named) == {"mouthFunnel": ["mouthFunnel"]}
    assert len(notes) == 1 and "no OpenGL" in notes[0]
    with pytest.raises(UserError, match="no OpenGL"):
        map_by(rig, map_by_name(rig), "geometry", fails)
