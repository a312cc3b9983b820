"""Keys are found by what they move, whatever they are called, on a head of another identity and topology."""

from dataclasses import replace

import numpy as np
import pytest

from mmface_core.model.arkit import ARKIT_NAMES
from retarget.mapping.by_geometry import GeometryConfig, _assigned, combine, map_by_geometry
from retarget.mapping.schema import Mapping
from retarget.registration.surface import Surface


@pytest.fixture(scope="module")
def hidden(head, keyed_rig):
    """The rig with all 52 keys under names that say nothing, and new name -> unit."""
    order = np.random.default_rng(5).permutation(52)
    names = {f"Key {n + 1}": ARKIT_NAMES[u] for n, u in enumerate(order)}
    return keyed_rig({key: head.units[ARKIT_NAMES.index(unit)] for key, unit in names.items()}), names


def test_every_unit_gets_its_key_first(head, registered, hidden):
    rig, names = hidden
    found = map_by_geometry(rig, head.surfaces, registered)
    first = {e.channel: names[e.keys[0][0]] for e in (*found.explanations, *found.rejected)}
    wrong = {unit: key for unit, key in first.items() if unit != key}
    assert len(first) == 52 and not wrong
    assert all(c.by == "geometry" and 0 < c.score <= 1 for c in found.channels)


def test_channels_are_what_a_mapping_takes(head, registered, hidden):
    rig, names = hidden
    found = map_by_geometry(rig, head.surfaces, registered)
    weights = np.zeros((1, 52), np.float32)
    weights[0, ARKIT_NAMES.index("jawOpen")] = 0.5
    curves = {c.key: float(c.values[0]) for c in Mapping(found.channels).key_curves(weights)}
    key = next(key for key, unit in names.items() if unit == "jawOpen")
    assert curves.pop(key) == pytest.approx(0.5)
    assert max(curves.values()) == 0


def test_strength_does_not_matter(head, registered, keyed_rig):
    rig = keyed_rig({"a": 0.2 * head.unit("jawOpen"), "b": 3.0 * head.unit("mouthPucker")})
    found = map_by_geometry(rig, head.surfaces, registered)
    assert found.by_channel["jawOpen"].keys[0][0] == "a"
    assert found.by_channel["mouthPucker"].keys[0][0] == "b"
    assert found.by_channel["mouthPucker"].strength / found.by_channel["jawOpen"].strength == pytest.approx(15, rel=0.1)


def test_a_two_sided_key_serves_both_halves_with_half_of_each(head, registered, keyed_rig):
    rig = keyed_rig({"Key 1": head.unit("eyeBlinkLeft") + head.unit("eyeBlinkRight"), "Key 2": head.unit("jawOpen")})
    found = map_by_geometry(rig, head.surfaces, registered).by_channel
    for unit in ("eyeBlinkLeft", "eyeBlinkRight"):
        assert found[unit].keys == (("Key 1", 0.5),) and found[unit].two_sided and found[unit].score > 0.9


def test_of_a_two_sided_key_and_its_halves_the_halves_are_taken(head, registered, keyed_rig):
    left, right = head.unit("mouthSmileLeft"), head.unit("mouthSmileRight")
    found = map_by_geometry(keyed_rig({"1": left + right, "2": left, "3": right}), head.surfaces, registered).by_channel
    assert found["mouthSmileLeft"].keys[0][0] == "2" and found["mouthSmileRight"].keys[0][0] == "3"


def test_a_unit_without_a_side_takes_its_key_in_two_halves(head, registered, keyed_rig):
    whole = head.unit("browInnerUp")
    left = whole * np.clip(head.neutral[:, :1] / 4 + 0.5, 0, 1)
    rig = keyed_rig({"1": left, "2": whole - left})
    keys = dict(map_by_geometry(rig, head.surfaces, registered).by_channel["browInnerUp"].keys)
    assert keys == {"1": 1.0, "2": 1.0}


def test_keys_of_one_name_on_two_meshes_act_together(head, registered, keyed_rig):
    rig = keyed_rig({"Key 1": head.unit("jawOpen"), "Key 2": head.unit("mouthSmileLeft")})
    mesh, positions = rig.meshes[0], head.surfaces[0].positions
    left = positions[head.surfaces[0].triangles].mean(axis=1)[:, 0] > 0
    halves, meshes = [], []
    for name, chosen in (("A", left), ("B", ~left)):
        used = np.unique(head.surfaces[0].triangles[chosen])
        number = np.full(len(positions), -1)
        number[used] = np.arange(len(used))
        halves.append(Surface(name, positions[used], number[head.surfaces[0].triangles[chosen]], keyed=True))
        keys = tuple(replace(key, delta=key.delta[used]) for key in mesh.keys)
        meshes.append(
            replace(mesh, object=name, datablock=name, vertices=len(used), positions=positions[used], keys=keys)
        )
    cut = replace(rig, meshes=tuple(meshes))
    found = map_by_geometry(cut, halves, replace(registered, objects=("A", "B")))
    channel = next(c for c in found.channels if c.channel == "jawOpen")
    assert {(t.object, t.key) for t in channel.targets} == {("A", "Key 1"), ("B", "Key 1")}


def test_what_moves_unlike_any_unit_is_not_mapped_but_listed(head, registered, keyed_rig):
    noise = np.random.default_rng(0).normal(size=head.neutral.shape)
    found = map_by_geometry(keyed_rig({"Key 1": noise}), head.surfaces, registered)
    assert not found.channels
    assert {key for e in found.rejected for key, _ in e.keys} <= {"Key 1"}
    assert len(found.rejected) + len(found.missing) == 52


def test_without_a_face_nothing_is_mapped_and_it_is_said(keyed_rig, head):
    found = map_by_geometry(keyed_rig({"Key 1": head.unit("jawOpen")}))
    assert not found.channels and len(found.missing) == 52
    assert "No human face" in found.note


def test_a_name_can_be_judged_by_its_likeness(head, registered, keyed_rig):
    found = map_by_geometry(keyed_rig({"jawOpen": head.unit("browInnerUp")}), head.surfaces, registered)
    assert found.likeness_of("jawOpen", "jawOpen") < 0.2
    assert found.likeness_of("browInnerUp", "jawOpen") > 0.9
    assert found.likeness_of("jawOpen", "nothing") is None


def test_a_unit_in_two_keys_is_put_together_from_both():
    rng = np.random.default_rng(2)
    keys = np.linalg.qr(rng.normal(size=(40, 4)))[0].T
    unit = 0.8 * keys[0] + 0.6 * keys[2]
    chosen, shares = combine(unit, keys, 0, {0}, GeometryConfig())
    assert chosen == [0, 2] and np.allclose(shares, [0.8, 0.6], atol=1e-6)
    assert combine(unit, keys, 0, {0, 2}, GeometryConfig())[0] == [0]  # another unit needs that key


def test_a_unit_like_nothing_much_keeps_its_key_where_another_gains_little_by_it():
    """By a sum, 0.75 + 0.10 against 0.30 + 0.50, the first unit would lose its only key."""
    likeness = np.array([[0.30, 0.10, 0.0], [0.75, 0.50, 0.0], [0.0, 0.0, 0.04]])
    assert _assigned(likeness, np.zeros((3, 3))) == {0: 0, 1: 1}  # what is below chance is no choice


def test_of_two_keys_that_move_alike_the_stronger_goes_to_the_larger_movement():
    likeness = np.array([[0.50, 0.52, 0.0], [0.50, 0.50, 0.0], [0.0, 0.0, 0.9]])  # a smile, a dimple, a jaw
    strengths = np.log([[1.0, 0.2, 1.0], [5.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
    assert _assigned(likeness, np.zeros((3, 3))) == {0: 1, 1: 0, 2: 2}
    assert _assigned(likeness, strengths) == {0: 0, 1: 1, 2: 2}
    assert _assigned(likeness, strengths + np.log(0.3)) == {0: 0, 1: 1, 2: 2}  # on a rig whose keys are all weak


def test_an_explanation_reads_as_a_sentence(head, registered, hidden):
    found = map_by_geometry(hidden[0], head.surfaces, registered)
    text = str(found.by_channel["jawOpen"])
    assert text.startswith("jawOpen: Key ") and text.endswith(" %") and ", explains " in text
