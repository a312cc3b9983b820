"""A take comes back as it was written, and a broken one is refused with a sentence."""

import os
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmface_core.errors import UserError
from mmface_core.take import SCHEMA, Take

KEYS = {
    "schema",
    "source",
    "fps",
    "image_size",
    "frame",
    "time",
    "present",
    "confidence",
    "landmarks",
    "rotation",
    "translation",
    "scale",
    "identity",
    "expression",
    "weight_names",
    "weights",
}


def a_take(count: int = 3, weights: int = 52) -> Take:
    random = np.random.default_rng(count)
    return Take(
        source="a film.mp4",
        fps=25.0,
        image_size=np.array([640, 480], np.int32),
        frame=np.arange(count, dtype=np.int32),
        time=np.arange(count) / 25.0,
        present=np.ones(count, bool),
        confidence=random.random(count, np.float32),
        landmarks=random.normal(size=(count, 68, 3)).astype(np.float32),
        rotation=np.broadcast_to(np.eye(3, dtype=np.float32), (count, 3, 3)).copy(),
        translation=random.random((count, 2), np.float32),
        scale=random.random(count, np.float32),
        identity=random.random(80, np.float32),
        expression=random.random((count, 52), np.float32),
        weight_names=np.array([f"unit{i}" for i in range(weights)], dtype=np.str_),
        weights=random.random((count, weights), np.float32),
    )


@given(st.integers(0, 20), st.sampled_from([0, 52]))
@settings(max_examples=20, deadline=None)
def test_a_take_comes_back_as_it_was_written(tmp_path_factory, count, weights):
    take = a_take(count, weights)
    path = tmp_path_factory.mktemp("take") / "t.npz"
    take.save(path)
    again = Take.load(path)
    for field in fields(Take):
        assert np.array_equal(getattr(take, field.name), getattr(again, field.name)), field.name


def test_numpy_alone_reads_every_documented_key_without_pickle(tmp_path):
    a_take().save(tmp_path / "t.npz")
    with np.load(tmp_path / "t.npz", allow_pickle=False) as file:
        assert set(file.files) == KEYS
        assert str(file["schema"]) == SCHEMA
        for key in KEYS:
            assert file[key].dtype != object


def test_the_file_has_exactly_the_given_name_and_ordinary_permissions(tmp_path):
    a_take().save(tmp_path / "no_suffix")
    assert [p.name for p in tmp_path.iterdir()] == ["no_suffix"]
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "no_suffix").stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_failed_write_leaves_the_old_take_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "t.npz"
    a_take(2).save(path)
    before = path.read_bytes()

    def broken(file, _arrays):
        file.write(b"half a take")
        raise KeyboardInterrupt

    monkeypatch.setattr("mmface_core.take.write_arrays", broken)
    with pytest.raises(KeyboardInterrupt):
        a_take(3).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["t.npz"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/t\.npz"):
        a_take().save(tmp_path / "file" / "t.npz")


def test_a_missing_take_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no take .*gone"):
        Take.load(tmp_path / "gone.npz")


@pytest.mark.parametrize("keep", [0, 10, 300, 0.5, 0.95])
def test_a_truncated_take_is_refused(tmp_path, keep):
    path = tmp_path / "t.npz"
    a_take().save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    with pytest.raises(UserError, match=r"t\.npz"):
        Take.load(path)


def test_flipped_bytes_are_refused(tmp_path):
    path = tmp_path / "t.npz"
    a_take(50).save(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    path.write_bytes(bytes(data))
    with pytest.raises(UserError, match=r"t\.npz"):
        Take.load(path)


def test_another_version_is_refused_by_name(tmp_path):
    np.savez(tmp_path / "t.npz", schema="mmface-take/9")
    with pytest.raises(UserError, match="mmface-take/9"):
        Take.load(tmp_path / "t.npz")


@pytest.mark.parametrize("arrays", [{}, {"schema": "mmface-rig/1"}, {"x": np.zeros(3)}])
def test_another_npz_is_no_take(tmp_path, arrays):
    np.savez(tmp_path / "t.npz", **arrays)
    with pytest.raises(UserError, match="not a take"):
        Take.load(tmp_path / "t.npz")


def test_a_lone_array_and_a_pickle_are_no_takes(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(3))
    np.savez(tmp_path / "p.npz", schema=np.array([{"a": 1}], object))
    for name in ("a.npy", "p.npz"):
        with pytest.raises(UserError, match=name):
            Take.load(tmp_path / name)


def test_a_missing_key_is_named(tmp_path):
    path = tmp_path / "t.npz"
    a_take().save(path)
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files if key != "scale"}
    np.savez(path, **arrays)
    with pytest.raises(UserError, match="lacks scale"):
        Take.load(path)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"scale": np.zeros(2, np.float32)}, "scale"),
        ({"landmarks": np.full((3, 68, 3), np.nan, np.float32)}, "landmarks"),
        ({"time": np.zeros(3)}, "times"),
        ({"fps": 0.0}, "frame rate"),
    ],
)
def test_a_take_that_contradicts_itself_is_neither_written_nor_read(tmp_path, changes, word):
    with pytest.raises(ValueError, match=word):
        replace(a_take(), **changes).save(tmp_path / "t.npz")
    a_take().save(tmp_path / "t.npz")
    with np.load(tmp_path / "t.npz") as file:
        arrays = {key: file[key] for key in file.files}
    np.savez(tmp_path / "t.npz", **{**arrays, **changes})
    with pytest.raises(UserError, match=word):
        Take.load(tmp_path / "t.npz")
