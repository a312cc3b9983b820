"""Exported scenes, read by pygltflib and by Blender's importers."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from retarget import Settings, retarget_video
from retarget.exchange.convert import convert
from retarget.performance import performance_of

pytestmark = pytest.mark.blender

MAKE_RIGS = Path(__file__).parents[2] / "blender_addon" / "scripts" / "make_rigs.py"
RAW = Settings(smooth=0.0, start=11)
FPS = 30000 / 1001


@pytest.fixture(scope="module")
def folder(lively_take, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    done = subprocess.run([sys.executable, str(MAKE_RIGS), str(folder)], capture_output=True, text=True, timeout=120)
    assert (folder / "skinned.blend").is_file(), done.stdout + done.stderr
    lively_take(fps=FPS).save(folder / "clip.npz")
    retarget_video(folder / "clip.npz", folder / "skinned.blend", folder / "baked.blend", settings=RAW)
    retarget_video(
        folder / "clip.npz",
        folder / "skinned.blend",
        folder / "layer.blend",
        settings=Settings(smooth=0.0, start=11, layer=type(RAW.layer)(additive=True)),
    )
    return folder


@pytest.fixture(scope="module")
def performance(lively_take):
    return performance_of(lively_take(fps=FPS), RAW)


@pytest.fixture(scope="module")
def scenes(folder, readers):
    """FBX and USD of the baked scene, as Blender reads them; one child for both."""
    for kind in ("fbx", "usdc"):
        convert(folder / "baked.blend", folder / f"baked.{kind}")
    return readers["scenes"](folder / "baked.fbx", folder / "baked.usdc")


def unit_of(key):
    """jaw_open -> jawOpen, as the rig names its keys."""
    first, *rest = key.split("_")
    return first + "".join(word.capitalize() for word in rest)


def compare(keys, performance, index):
    known = {key: values for key, values in keys.items() if unit_of(key) in index}
    assert len(known) >= 40
    for key, values in known.items():
        assert np.abs(np.asarray(values) - performance.weights[:, index[unit_of(key)]]).max() <= 0.01, key


@pytest.mark.parametrize("source", ["take", "baked", "layer"])
def test_glb_by_pygltflib(source, folder, performance, readers):
    path = folder / f"{source}.glb"
    if source == "take":
        convert(folder / "clip.npz", path, rig=folder / "skinned.blend", settings=RAW)
    else:
        convert(folder / f"{source}.blend", path)
    times, meshes = readers["glb"](path)
    assert np.abs(times - performance.time).max() <= 0.5 / FPS
    compare(meshes["Head"], performance, readers["index"])
    assert "Teeth" in meshes


def test_fbx_by_blender(scenes, performance, readers):
    head = scenes["baked.fbx"]["meshes"]["Head"]
    seconds = np.array(head["jaw_open"][0]) / scenes["baked.fbx"]["fps"]
    assert np.abs(seconds - 11 / FPS - performance.time).max() <= 0.5 / FPS  # frame 11 of the scene is where it starts
    compare({key: values for key, (_, values) in head.items()}, performance, readers["index"])


def test_usd_by_blender(scenes, performance, readers):
    head = next(keys for keys in scenes["baked.usdc"]["meshes"].values() if "mouth_pucker" in keys)
    codes = np.array(head["jaw_open"][0])  # USD counts in time codes; the file says that they are frames
    assert np.array_equal(codes, 11 + np.arange(60))
    compare({key: values for key, (_, values) in head.items()}, performance, readers["index"])


def test_nothing_half_written_is_left(folder, scenes):
    assert not [path.name for path in folder.iterdir() if "unfinished" in path.name]
    assert json.dumps(sorted(scenes)) == '["baked.fbx", "baked.usdc"]'
