"""The arrows between the folders run one way, and the project speaks only of itself."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = {"mmface_core", "retarget", "train", "blender_addon"}
ALLOWED = {
    "mmface_core": {"mmface_core"},
    "retarget": {"mmface_core", "retarget"},
    "train": {"mmface_core", "train"},
    "blender_addon": {"blender_addon"},
}
# What Blender's own Python brings.
BLENDER_HAS = set(sys.stdlib_module_names) | {
    "bpy",
    "mathutils",
    "gpu",
    "bpy_extras",
    "bl_ext",
    "bl_operators",
    "bl_ui",
    "numpy",
}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def files(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, f"{folder} holds no Python"
    return found


@pytest.mark.parametrize("folder", sorted(OURS))
def test_a_folder_imports_only_what_lies_below_it(folder):
    wrong = {
        str(path.relative_to(ROOT)): sorted(extra)
        for path in files(folder)
        if (extra := (imported(path) & OURS) - ALLOWED[folder])
    }
    assert not wrong


@pytest.mark.parametrize("folder", ["mmface_core", "retarget", "train"])
def test_only_the_addon_imports_bpy(folder):
    assert not [str(path) for path in files(folder) if imported(path) & {"bpy", "mathutils"}]


def test_the_addon_needs_nothing_that_blender_does_not_bring():
    wrong = {
        str(path.relative_to(ROOT)): sorted(extra)
        for path in files("blender_addon")
        if (extra := imported(path) - BLENDER_HAS - {"blender_addon"})
    }
    assert not wrong
