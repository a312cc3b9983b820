"""Packs the Blender add-on with the engine's wheel inside: `python tools/build_extension.py [OUT_FOLDER]`.

The .zip has one folder, `mmface`, so that the installers of Blender 3.4 to 4.1 (add-on) and of 4.2 and later both
take it. The wheel is data: Set Up Engine installs it into an environment of its own, never into Blender's Python.
"""

import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADDON = ROOT / "blender_addon"
FOLDER = "mmface"
# What the engine needs of the tested versions; the rest of constraints.txt is for development.
ENGINE = ("torch", "numpy", "scipy", "trimesh", "opencv-python", "click", "onnxruntime", "safetensors", "rich", "numba")


def build_wheel(out: Path) -> Path:
    """The project's wheel in `out`."""
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("mmface-*.whl"))


def engine_constraints() -> str:
    """The pinned versions of the engine's own libraries."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.split("==")[0].lower() in ENGINE]
    return "\n".join(kept) + "\n"


def build(out: Path) -> Path:
    """Write out/mmface-VERSION.zip, whole or not at all."""
    version = tomllib.loads((ADDON / "blender_manifest.toml").read_text(encoding="utf-8"))["version"]
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"mmface-{version}.zip"
    unfinished = target.with_suffix(".unfinished")
    with tempfile.TemporaryDirectory() as folder:
        wheel = build_wheel(Path(folder))
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(ADDON.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    archive.write(path, f"{FOLDER}/{path.relative_to(ADDON).as_posix()}")
            archive.write(wheel, f"{FOLDER}/wheel/{wheel.name}", zipfile.ZIP_STORED)
            archive.writestr(f"{FOLDER}/wheel/constraints.txt", engine_constraints())
    unfinished.replace(target)
    return target


def validate(archive: Path) -> None:
    """Ask Blender's own validator."""
    import importlib.util

    spec = importlib.util.find_spec("bpy")
    assert spec is not None and spec.origin is not None, "the validator comes with bpy: make setup installs it"
    package = next(folder for folder in Path(spec.origin).parents if folder.parent.name == "site-packages")
    tool = next(package.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    subprocess.run([sys.executable, str(tool), "validate", str(archive)], check=True)


def main() -> None:
    archive = build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist")
    validate(archive)
    print(f"{archive} ({archive.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
