"""The same picture under two names, also where the disk knows no links."""

import os

from retarget.links import same_picture


def test_a_picture_is_linked(tmp_path):
    (tmp_path / "a").write_bytes(b"picture")
    same_picture(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").samefile(tmp_path / "a")


def test_without_links_it_is_copied(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a").write_bytes(b"picture")
    same_picture(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"picture" and not (tmp_path / "b").samefile(tmp_path / "a")
