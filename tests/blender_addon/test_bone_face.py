"""A face of bones alone, animated from a take and looked at from inside Blender."""

import numpy as np
import pytest

from mmface_core.conventions import euler_to_rotation
from mmface_core.model.arkit import ARKIT_INDEX
from retarget import Settings, retarget_video

pytestmark = pytest.mark.blender

SIZE = 0.1  # of the rig: its head is a ball of this radius
EYES = 0.7 * SIZE  # between its eyes
UNITS = ("jawOpen", "jawLeft", "eyeBlinkLeft", "browInnerUp", "browDownRight")
TURNED = len(UNITS) + 1  # the frame in which the head turns
COUNT = TURNED + 1


@pytest.fixture(scope="module")
def animated(rigs, in_blender, save_take, tmp_path_factory):
    """(report, how far each bone's skin has gone from its rest in each frame, in the world).

    The take: a rest, each unit alone in a frame of its own, then a turn of the head to its left.
    """
    folder = tmp_path_factory.mktemp("bony")
    weights = np.zeros((COUNT, 52), np.float32)
    for frame, unit in enumerate(UNITS, 1):
        weights[frame, ARKIT_INDEX[unit]] = 1.0
    rotation = np.tile(np.eye(3, dtype=np.float32), (COUNT, 1, 1))
    rotation[TURNED] = euler_to_rotation(0.6, 0.0, 0.0)
    save_take(folder / "clip.npz", weights, rotation)
    output = folder / "out.blend"
    report = retarget_video(folder / "clip.npz", rigs / "bony.blend", output, settings=Settings(smooth=0.0))
    where = in_blender("groups_over_time", output, "Face", *range(1, COUNT + 1))
    rest = where["1"]
    gone = [{g: np.subtract(where[str(f + 1)][g], rest[g]) for g in rest} for f in range(COUNT)]
    return report, gone


def gone(animated, unit):
    return animated[1][1 + UNITS.index(unit)]


def test_the_report_says_that_bones_do_it(animated):
    text = "\n".join(animated[0].lines())
    assert "By bones" in text and "jawOpen (bone jaw)" in text
    assert "Head: bone Head of Rig (found by name), 60% of the turn; neck: Neck 40%" in text


def test_the_jaw_opens_as_far_as_its_limits_let_it_and_shifts(animated):
    opened, shifted = gone(animated, "jawOpen")["jaw"], gone(animated, "jawLeft")["jaw"]
    # Freely it would turn by 24 degrees, and its tip, 0.9 from the joint, would sink by 0.35.
    assert -0.16 * SIZE < opened[2] < -0.05 * SIZE
    assert shifted[0] > 0.05 * SIZE
    assert np.allclose(gone(animated, "jawOpen")["brow.L"], 0, atol=1e-5)


def test_the_left_lid_closes_alone(animated):
    moved = gone(animated, "eyeBlinkLeft")
    assert moved["upper_lid.L"][2] < -0.1 * EYES and np.allclose(moved["upper_lid.R"], 0, atol=1e-5)


def test_brows_move_up_and_down_unless_they_are_locked(animated):
    assert np.allclose(gone(animated, "browInnerUp")["brow.L"], [0, 0, 0.5 * 0.13 * EYES], atol=1e-5)
    assert np.allclose(gone(animated, "browDownRight")["brow.R"], 0, atol=1e-5)  # it is locked


def test_head_and_neck_turn_together_to_the_left(animated):
    turned = animated[1][TURNED]
    assert turned["eye.R"][1] < 0 < turned["eye.L"][1]  # the left eye goes back, the right one comes forward
    assert turned["brow.L"][0] > 0.2 * SIZE
