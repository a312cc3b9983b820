import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmface_core import conventions as c

angle = st.floats(-1.5, 1.5)


def test_positive_yaw_turns_the_face_to_the_subjects_left():
    forward = c.euler_to_rotation(0.5, 0, 0) @ [0, 0, 1]
    assert forward[0] > 0 and forward[1] == pytest.approx(0)


def test_positive_pitch_looks_down():
    assert (c.euler_to_rotation(0, 0.5, 0) @ [0, 0, 1])[1] < 0


def test_positive_roll_tilts_the_crown_to_the_subjects_left():
    assert (c.euler_to_rotation(0, 0, 0.5) @ [0, 1, 0])[0] > 0


@given(angle, angle, angle)
def test_angles_survive_the_rotation(yaw, pitch, roll):
    assert np.allclose(c.rotation_to_euler(c.euler_to_rotation(yaw, pitch, roll)), (yaw, pitch, roll), atol=1e-6)


@given(angle, angle, angle)
def test_300wlp_angles_survive_the_rotation(pitch, yaw, roll):
    assert np.allclose(c.rotation_to_300wlp(c.rotation_from_300wlp(pitch, yaw, roll)), (pitch, yaw, roll), atol=1e-6)


@given(angle, angle, angle)
def test_opencv_and_blender_rotations_come_back(yaw, pitch, roll):
    rotation = c.euler_to_rotation(yaw, pitch, roll)
    assert np.allclose(c.rotation_from_opencv(c.rotation_to_opencv(rotation)), rotation)
    assert np.allclose(c.rotation_from_blender(c.rotation_to_blender(rotation)), rotation)
    assert np.linalg.det(c.rotation_to_opencv(rotation)) == pytest.approx(1)


def test_opencv_sees_the_head_upright_and_in_front():
    # The crown is up (-y in OpenCV), the face points back at the camera (-z).
    rotation = c.rotation_to_opencv(np.eye(3))
    assert np.allclose(rotation @ [0, 1, 0], [0, -1, 0]) and np.allclose(rotation @ [0, 0, 1], [0, 0, -1])


def test_blender_character_faces_minus_y_and_turns_to_its_left():
    face = c.HEAD_TO_BLENDER @ [0, 0, 1]
    assert np.allclose(face, [0, -1, 0])
    turned = c.rotation_to_blender(c.euler_to_rotation(0.5, 0, 0)) @ face
    assert turned[0] > 0  # a character that faces -y has its left on +x


def test_300wlp_translation_comes_back():
    there = c.translation_from_300wlp(200.0, 250.0, 450)
    assert np.allclose(there, [199.0, 200.0])
    assert np.allclose(c.translation_to_300wlp(there, 450), [200.0, 250.0])


@pytest.mark.shared
def test_300wlp_pose_puts_the_landmarks_where_the_files_say(shared):
    """The `.mat` files hold 3D landmarks and pose; undoing the pose must leave upright, frontal, similar faces."""
    scipy_io = pytest.importorskip("scipy.io")
    canonical = []
    for path in sorted((shared / "data/images/aflw2000_3d").glob("image*.mat")):
        mat = scipy_io.loadmat(path)
        pitch, yaw, roll, tx, ty, _, f = mat["Pose_Para"].ravel()[:7].astype(float)
        points = mat["pt3d_68"].astype(float)
        pixels = points[:2] - 1.0  # 0-based
        translation = c.translation_from_300wlp(tx, ty, 450)
        camera = np.stack([pixels[0] - translation[0], translation[1] - pixels[1], points[2]])
        camera[2] -= camera[2].mean()
        face = c.rotation_from_300wlp(pitch, yaw, roll).T @ camera / f
        face -= face.mean(axis=1, keepdims=True)
        canonical.append(face / np.linalg.norm(face))
    assert len(canonical) >= 5
    mean = np.mean(canonical, axis=0)
    residual = [np.linalg.norm(face - mean) for face in canonical]
    assert np.median(residual) < 0.25
    left_eye, right_eye = mean[:, 42:48].mean(1), mean[:, 36:42].mean(1)
    assert left_eye[0] - right_eye[0] > 0 and abs(left_eye[1] - right_eye[1]) < 0.03
