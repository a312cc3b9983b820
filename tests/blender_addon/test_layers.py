"""Our action over the artist's own, with fewer keys, with cuts: looked at from inside Blender."""

import numpy as np
import pytest

from mmface_core.conventions import euler_to_rotation
from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES
from mmface_core.take import Take
from retarget import Settings
from retarget.blender import Blender
from retarget.gaps import GapPolicy
from retarget.layers import Layer
from retarget.motion import save_motion
from retarget.performance import performance_of
from retarget.pipeline import motion_for, read_and_map, within
from retarget.regions import region_of

pytestmark = pytest.mark.blender

COUNT, START, FPS = 40, 1, 25.0
TIME = np.arange(COUNT) / FPS


@pytest.fixture(scope="module")
def take(tmp_path_factory):
    weights = np.zeros((COUNT, 52), np.float32)
    weights[:, ARKIT_INDEX["jawOpen"]] = 0.3 + 0.3 * np.sin(6 * TIME)
    weights[:, ARKIT_INDEX["mouthPucker"]] = 0.5 + 0.4 * np.cos(5 * TIME)
    weights[:, ARKIT_INDEX["browInnerUp"]] = 0.4
    rotation = np.stack([euler_to_rotation(0.5 * np.sin(4 * t), 0.2 * np.cos(3 * t), 0.0) for t in TIME])
    present = np.ones(COUNT, bool)
    present[15:35] = False
    rotation[~present], weights[~present] = np.eye(3), 0
    path = tmp_path_factory.mktemp("take") / "clip.npz"
    Take(
        source="clip.mp4",
        fps=FPS,
        image_size=np.array([640, 480], np.int32),
        frame=np.arange(COUNT, dtype=np.int32),
        time=TIME,
        present=present,
        confidence=present.astype(np.float32),
        landmarks=np.zeros((COUNT, 68, 3), np.float32),
        rotation=rotation.astype(np.float32),
        translation=np.zeros((COUNT, 2), np.float32),
        scale=np.ones(COUNT, np.float32),
        identity=np.zeros(80, np.float32),
        expression=weights,
        weight_names=np.array(ARKIT_NAMES),
        weights=weights,
    ).save(path)
    return path


@pytest.fixture(scope="module")
def bake(take, rigs, in_blender, tmp_path_factory):
    """Bake with a layer onto a rig and look at some frames; `way`: how the artist animated it, None: not at all."""
    folder = tmp_path_factory.mktemp("layers")
    mapped = {None: read_and_map(rigs / "skinned.blend")}

    def run(way=None, layer=None, **settings):
        rig = folder / f"{way}.blend" if way else rigs / "skinned.blend"
        if way not in mapped:
            in_blender("animate_by_hand", rigs / "skinned.blend", rig, way, mapped[None].mapping.head.bone)
            mapped[way] = read_and_map(rig)
        performance = performance_of(Take.load(take), Settings(smooth=0, **settings))
        save_motion(motion_for(mapped[way], performance, "absolute", layer), folder / "motion.json")
        steps = [{"do": "open", "path": str(rig)}, {"do": "bake", "motion": str(folder / "motion.json")}]
        Blender().run([*steps, {"do": "save", "path": str(folder / "out.blend")}], rig.name)
        return in_blender("inspect_blend", folder / "out.blend", 1, 5, 10, 40)

    return run


@pytest.fixture(scope="module")
def plain(bake):
    return bake()


@pytest.mark.parametrize("way", ["action", pytest.param("strip", marks=pytest.mark.slow)])
def test_a_layer_adds_to_what_the_artist_animated(way, bake, plain):
    seen = bake(way, Layer(additive=True))
    for frame in ("1", "5", "10"):
        own, ours = seen["values"][frame]["Head"], plain["values"][frame]["Head"]
        assert own["jaw_open"] == pytest.approx(min(1.0, ours["jaw_open"] + 0.2), abs=1e-5)
        assert own["mouth_pucker"] == pytest.approx(ours["mouth_pucker"], abs=1e-5)
    assert seen["keys"]["Head"] is None, "the active action must be free for the artist"
    assert "By hand" in seen["actions"] and "clip" in seen["actions"]


def test_a_layer_turns_the_head_as_a_plain_bake_over_the_same_pose_does(bake):
    plain, layered = bake("action"), bake("action", Layer(additive=True))
    for frame in ("1", "5", "10"):
        assert np.allclose(layered["axes"][frame]["Head"]["axes"], plain["axes"][frame]["Head"]["axes"], atol=2e-3)


@pytest.mark.parametrize("parts", [("mouth",), ("head", "eyes")])
def test_the_report_names_only_what_moves(parts, rigs):
    mapping = read_and_map(rigs / "skinned.blend").mapping
    kept = within(mapping, Layer(only=parts))
    assert {region_of(channel.channel) for channel in kept.channels} == set(parts) - {"head"}
    assert kept.head == (mapping.head if "head" in parts else None)
    assert kept.neck == (mapping.neck if "head" in parts else ())


@pytest.mark.slow
def test_a_layer_over_nothing_looks_like_the_plain_bake(bake, plain):
    seen = bake(None, Layer(additive=True))
    for frame in ("1", "5", "10", "40"):
        assert seen["values"][frame]["Head"] == pytest.approx(plain["values"][frame]["Head"], abs=1e-5)
        assert np.allclose(seen["axes"][frame]["Head"]["axes"], plain["axes"][frame]["Head"]["axes"], atol=2e-3)


def test_only_the_mouth_moves_where_only_the_mouth_is_asked_for(bake):
    seen = bake(None, Layer(only=("mouth",)))
    keyed = seen["keys"]["Head"]["curves"]
    assert any("jaw_open" in path for path in keyed) and any("mouth_pucker" in path for path in keyed)
    assert not any("brow" in path or "eye" in path for path in keyed)
    assert seen["objects"]["Rig"]["action"] != "clip"


def test_fewer_keys_within_the_tolerance(bake, plain):
    tolerance = 0.02
    seen = bake(None, Layer(tolerance=tolerance))
    fewer = 0
    for mesh, entry in plain["keys"].items():
        for path, every in entry["curves"].items():
            curve = seen["keys"][mesh]["curves"][path]
            assert np.abs(np.interp(every["frames"], curve["frames"], curve["values"]) - every["values"]).max() < (
                tolerance + 1e-5
            )
            fewer += len(every["frames"]) - len(curve["frames"])
    assert fewer > 0.7 * 40 * 52
    for frame in ("1", "5", "10", "40"):  # a third of a radian is as much as a weight of 1
        assert np.allclose(
            seen["axes"][frame]["Head"]["axes"], plain["axes"][frame]["Head"]["axes"], atol=tolerance / 3
        )


def test_frames_that_were_cut_get_no_keys(bake):
    seen = bake(None, gaps=GapPolicy(lost="cut"))
    frames = seen["keys"]["Head"]["curves"]['key_blocks["jaw_open"].value[0]']["frames"]
    assert frames == [*range(1, 16), *range(36, 41)]
