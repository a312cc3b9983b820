"""The add-on inside Blender, with nothing of ours beside it."""

import tomllib

import numpy as np
import pytest

from retarget.motion import KeyCurve, RigMotion, save_motion
from retarget.timing import FrameRate
from tests.blender_addon.conftest import ADDON


@pytest.mark.blender
def test_the_addon_registers_loads_a_motion_and_leaves_no_trace(in_blender, alone, rigs, tmp_path):
    curve = KeyCurve("Head", "jaw_open", np.linspace(0, 1, 10))
    save_motion(RigMotion("hello", FrameRate(25, 1.0), 1, 10, (curve,), ()), tmp_path / "m.json")
    said = in_blender("use_addon", alone, rigs / "skinned.blend", tmp_path / "m.json")
    assert said["registered"] and said["result"] == ["FINISHED"] and not said["left"]
    assert (said["action"], said["fps"]) == ("hello", 25)
    assert "not a motion file" in said["refusal"]
    assert said["modules"] == []


def test_the_manifest_and_bl_info_agree():
    manifest = tomllib.loads((ADDON / "blender_manifest.toml").read_text())
    source = (ADDON / "__init__.py").read_text()
    version = tuple(int(part) for part in manifest["version"].split("."))
    assert f'"version": {version}' in source
    assert manifest["license"] == ["SPDX:GPL-3.0-or-later"]


@pytest.mark.parametrize("path", sorted(ADDON.rglob("*.py")), ids=lambda p: str(p.relative_to(ADDON)))
def test_every_file_says_its_licence(path):
    assert path.read_text(encoding="utf-8").startswith("# SPDX-License-Identifier: GPL-3.0-or-later\n")
