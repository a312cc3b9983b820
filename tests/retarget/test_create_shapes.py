"""Created keys arrive in the file as they were computed, and the rig itself stays as it is."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES
from retarget.blender import Blender, BlenderError
from retarget.commands.create_shapes import create_shapes as command
from retarget.pipeline import describe_rig
from retarget.registration.create import write_plan
from retarget.registration.surface import read_surfaces
from retarget.registration.transfer import Transferred

AVATAR = Path(__file__).resolve().parents[2] / "examples" / "avatar.blend"


@pytest.fixture(scope="module")
def surfaces(tmp_path_factory):
    return read_surfaces(AVATAR, Blender(), tmp_path_factory.mktemp("surface"))


def made_up(surfaces):
    """Random offsets on the largest mesh, none for half of the units."""
    mesh = max(surfaces, key=lambda s: len(s.positions))
    offsets = np.random.default_rng(0).normal(size=(52, len(mesh.positions), 3)) * 0.01
    offsets[::2] = 0
    return Transferred(mesh.object, offsets, ("skin",), False)


def write(folder, surfaces, mesh, replace, strength=1.0):
    plan = write_plan(folder, surfaces, [mesh], strength)
    steps = [
        {"do": "open", "path": str(AVATAR)},
        {"do": "make_keys", "path": str(plan), "replace": replace},
        {"do": "save", "path": str(folder / "out.blend")},
    ]
    return Blender().run(steps, "avatar.blend")


@pytest.mark.blender
def test_keys_come_back_from_the_file_as_they_were_made(tmp_path, surfaces):
    before = hashlib.sha256(AVATAR.read_bytes()).hexdigest()
    mesh = made_up(surfaces)
    assert write(tmp_path, surfaces, mesh, replace=True, strength=2.0)[1] == {"made": 52}
    described = describe_rig(tmp_path / "out.blend", Blender())[0]
    assert [m.object for m in described.keyed_meshes] == [mesh.object]  # the others' keys went
    keys = described.keyed_meshes[0].keys
    assert tuple(key.name for key in keys) == ARKIT_NAMES
    assert all(key.value == 0 and key.max == 1 for key in keys)
    assert keys[0].delta is None
    jaw = keys[ARKIT_INDEX["jawOpen"]].delta
    assert np.abs(jaw - 2.0 * mesh.offsets[ARKIT_INDEX["jawOpen"]]).max() < 1e-5
    rest = next(s for s in surfaces if s.object == mesh.object).positions
    again = {s.object: s for s in read_surfaces(tmp_path / "out.blend", Blender(), tmp_path)}[mesh.object]
    assert np.abs(again.positions - rest).max() < 1e-6
    assert hashlib.sha256(AVATAR.read_bytes()).hexdigest() == before


@pytest.mark.blender
def test_keys_that_exist_already_are_an_error_unless_replaced(tmp_path, surfaces):
    with pytest.raises(BlenderError, match="already has the shape keys"):
        write(tmp_path, surfaces, made_up(surfaces), replace=False)
    assert not (tmp_path / "out.blend").exists()


def run(*arguments):
    return CliRunner().invoke(command, [str(a) for a in arguments])


def test_what_cannot_work_is_refused_before_anything_starts(tmp_path):
    for arguments, sentence in (
        ((tmp_path / "none.blend", "-o", tmp_path / "x.blend"), "There is no file"),
        ((AVATAR, "-o", tmp_path / "x.glb"), "should end in .blend"),
        ((AVATAR, "-o", AVATAR), "never overwritten"),
        ((AVATAR, "-o", tmp_path / "x.blend", "--sheet", tmp_path / "x.gif"), "should end in .png"),
        ((AVATAR, "-o", tmp_path / "no" / "x.blend"), "does not exist"),
    ):
        error = run(*arguments).exception
        assert isinstance(error, UserError) and sentence in str(error)


@pytest.mark.slow
@pytest.mark.blender
def test_the_avatar_without_its_keys_gets_them_back(tmp_path):
    """The avatar is the face model itself, so that what is lost is lost by finding, registering and transferring."""
    from retarget.registration.create import create_shapes

    old = describe_rig(AVATAR, Blender())[0]
    made = {m.object: m for m in create_shapes(AVATAR, tmp_path / "out.blend", replace=True).meshes}
    skin = max(old.keyed_meshes, key=lambda m: len(m.positions))
    differences = []
    for key in skin.keys:
        if key.name in ARKIT_INDEX and key.delta is not None and not skin.is_dead(key):
            new = made[skin.object].offsets[ARKIT_INDEX[key.name]]
            differences.append(np.linalg.norm(new - key.delta) / np.linalg.norm(key.delta))
    assert len(differences) > 40
    assert np.median(differences) <= 0.15


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.blender
def test_deleted_keys_of_an_artists_rig_come_back(tmp_path, shared):
    from benchmarks.created_shapes import measure
    from retarget.registration.locate import still_capture

    rig = shared / "data" / "rigs" / "makehuman_arkit_snake.blend"
    found, created = measure(rig, tmp_path / "out.blend", still_capture())
    assert len(found.units) == 52
    assert np.median(found.plain) <= 0.15
    assert all(mesh.symmetric for mesh in created.meshes)
