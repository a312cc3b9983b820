import json

import numpy as np
import pytest

from mmface_core.errors import UserError
from retarget.motion import KeyCurve, Pivot, RigMotion, RotationCurve, load_motion, save_motion
from retarget.timing import FrameRate


def motion(count=5):
    rng = np.random.default_rng(0)
    quaternions = rng.normal(size=(count, 4)).astype(np.float32)
    return RigMotion(
        name="clip",
        rate=FrameRate(30, 1.001),
        start=11,
        frame_count=count,
        keys=(KeyCurve("Head", "jawOpen", rng.random(count, dtype=np.float32)),),
        rotations=(
            RotationCurve("Armature", "Head", quaternions),
            RotationCurve("Turn", None, quaternions, Pivot((0.0, 1.0, 2.0), 0.5, ("A", "B"))),
            RotationCurve("Head", None, quaternions, locations=rng.normal(size=(count, 3)).astype(np.float32)),
        ),
        cuts=((12, 13),),
        tolerance=0.02,
        layer=True,
    )


def test_a_motion_survives_being_saved(tmp_path):
    saved = motion()
    save_motion(saved, tmp_path / "m.json")
    loaded = load_motion(tmp_path / "m.json")
    assert (loaded.name, loaded.rate, loaded.start, loaded.frame_count) == ("clip", FrameRate(30, 1.001), 11, 5)
    assert list(loaded.frames) == [11, 12, 13, 14, 15]
    assert (loaded.cuts, loaded.tolerance, loaded.layer) == (((12, 13),), 0.02, True)
    assert np.array_equal(loaded.keys[0].values, saved.keys[0].values)
    for read, written in zip(loaded.rotations, saved.rotations, strict=True):
        assert (read.object, read.bone, read.pivot) == (written.object, written.bone, written.pivot)
        assert np.array_equal(read.values, written.values)
    assert np.array_equal(loaded.rotations[2].locations, saved.rotations[2].locations)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.f32", "m.json"]


def test_a_motion_of_before_there_were_layers_is_read(tmp_path):
    path = tmp_path / "m.json"
    save_motion(motion(), path)
    data = json.loads(path.read_text())
    for name in ("cuts", "tolerance", "layer"):
        del data[name]
    path.write_text(json.dumps(data))
    assert load_motion(path).cuts == () and not load_motion(path).layer


def test_a_curve_of_the_wrong_length_is_a_fault(tmp_path):
    wrong = RigMotion("clip", None, 1, 3, (KeyCurve("Head", "jawOpen", np.zeros(2)),), ())
    with pytest.raises(ValueError, match="must be"):
        save_motion(wrong, tmp_path / "m.json")


def test_another_version_and_cut_curves_are_refused(tmp_path):
    path = tmp_path / "m.json"
    save_motion(motion(), path)
    curves = tmp_path / "m.f32"
    curves.write_bytes(curves.read_bytes()[:40])
    with pytest.raises(UserError, match="cut short"):
        load_motion(path)
    path.write_text(path.read_text().replace("mmface-motion/1", "mmface-motion/9"))
    with pytest.raises(UserError, match="mmface-motion/9"):
        load_motion(path)
    path.write_text("{}")
    with pytest.raises(UserError, match="not a motion"):
        load_motion(path)
