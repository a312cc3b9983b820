import numpy as np
import pytest

from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES
from retarget.mapping.by_name import map_by_name
from retarget.mapping.misspelt import misspelt
from retarget.mapping.schema import Mapping, mapping_from_json


def targets(named, channel):
    return [(t.object, t.key, t.gain) for c in named.channels if c.channel == channel for t in c.targets]


def weights(**values):
    row = np.zeros((1, 52))
    for name, value in values.items():
        row[0, ARKIT_INDEX[name]] = value
    return row


def test_all_meshes_with_a_key_are_driven(maker):
    rig = maker.rig(
        maker.mesh(ARKIT_NAMES, "Head"), maker.mesh(["jawOpen"], "Teeth"), maker.mesh(["jawOpen"], "Tongue")
    )
    named = map_by_name(rig)
    assert {t[0] for t in targets(named, "jawOpen")} == {"Head", "Teeth", "Tongue"}
    assert not named.missing and not named.dead


def test_a_two_sided_key_gets_the_mean_of_both_sides(maker):
    named = map_by_name(maker.rig(maker.mesh({"eyeBlink": "eyeBlinkLeft"})))
    (curve,) = Mapping(named.channels).key_curves(weights(eyeBlinkLeft=1.0, eyeBlinkRight=0.5))
    assert curve.key == "eyeBlink" and curve.values[0] == pytest.approx(0.75)


def test_a_two_sided_key_rests_where_sided_ones_exist(maker):
    mesh = maker.mesh({"eyeBlink": "eyeBlinkLeft", "eyeBlinkLeft": "eyeBlinkLeft", "eyeBlinkRight": "eyeBlinkRight"})
    named = map_by_name(maker.rig(mesh))
    assert targets(named, "eyeBlinkLeft") == [("Head", "eyeBlinkLeft", 1.0)]


def test_two_sided_keys_are_judged_mesh_by_mesh(maker):
    head = maker.mesh(["eyeBlinkLeft", "eyeBlinkRight"], "Head")
    lashes = maker.mesh({"EyeBlink": "eyeBlinkLeft"}, "Lashes")
    assert targets(map_by_name(maker.rig(head, lashes)), "eyeBlinkLeft") == [
        ("Head", "eyeBlinkLeft", 1.0),
        ("Lashes", "EyeBlink", 0.5),
    ]


def test_a_unit_without_a_side_drives_both_halves(maker):
    named = map_by_name(maker.rig(maker.mesh({"cheekPuff_L": "cheekPuff", "cheekPuff_R": "cheekPuff"})))
    assert targets(named, "cheekPuff") == [("Head", "cheekPuff_L", 1.0), ("Head", "cheekPuff_R", 1.0)]


def test_an_exact_name_comes_before_a_copy_of_it(maker):
    mesh = maker.mesh({"jawOpen.001": "jawOpen", "jawOpen": "jawOpen"})
    assert targets(map_by_name(maker.rig(mesh)), "jawOpen") == [("Head", "jawOpen", 1.0)]


def test_a_live_key_comes_before_a_dead_one(maker):
    mesh = maker.mesh({"jawOpen": "jawOpen", "jaw_open": "jawOpen"}, dead=("jawOpen",))
    assert targets(map_by_name(maker.rig(mesh)), "jawOpen") == [("Head", "jaw_open", 1.0)]


def test_dead_keys_are_reported_unless_another_mesh_has_a_live_one(maker):
    head = maker.mesh(["jawOpen", "cheekPuff"], dead=("jawOpen", "cheekPuff"))
    teeth = maker.mesh(["jawOpen"], "Teeth")
    named = map_by_name(maker.rig(head, teeth))
    assert named.dead == ("cheekPuff",)


def test_channels_without_a_key_are_reported(maker):
    named = map_by_name(maker.rig(maker.mesh(["jawOpen"], extra=("Idle",))))
    assert len(named.missing) == 51 and "jawOpen" not in named.missing
    assert named.unread == ("Head: Idle",)


def test_a_key_with_a_driver_is_left_alone(maker):
    named = map_by_name(maker.rig(maker.mesh(["jawOpen", "cheekPuff"], driven=("jawOpen",))))
    assert [c.channel for c in named.channels] == ["cheekPuff"]
    assert named.driven == ("Head: jawOpen",)


def test_a_muted_key_is_driven_and_said(maker):
    named = map_by_name(maker.rig(maker.mesh(["jawOpen"], muted=("jawOpen",))))
    assert named.muted == ("Head: jawOpen",) and targets(named, "jawOpen")


def test_a_misspelt_key_is_pointed_out_on_its_own_side(maker):
    named = map_by_name(maker.rig(maker.mesh(["mouthFrownLeft"], extra=("mouthFromRight",))))
    assert misspelt(named) == [("mouthFrownRight", "Head: mouthFromRight")]


def test_a_mapping_survives_json(maker):
    mapping = Mapping(map_by_name(maker.rig(maker.mesh(ARKIT_NAMES))).channels)
    assert mapping_from_json(mapping.to_json()) == mapping


def test_curves_stay_within_the_keys_limits(maker):
    named = map_by_name(maker.rig(maker.mesh(["jawOpen"])))
    (curve,) = Mapping(named.channels).key_curves(weights(jawOpen=1.7))
    assert curve.values[0] == 1.0
