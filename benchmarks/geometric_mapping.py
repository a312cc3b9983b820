"""How often geometry alone finds the right key: names hidden, keys shuffled.

    python -m benchmarks.geometric_mapping [RIG ...] [--changes scale,turn,move,cut]

For each rig it prints how many of the live, visible ARKit units get the right key as first choice. Keys that move alike
(cosine above 0.995 on the registered model) cannot be told apart and count as each other. What is right is read from
the rigs' own names, and for the rig with anatomical names from the table below, which was made by reading the names.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmface_core.model.arkit import ARKIT_NAMES
from retarget.blender import Blender
from retarget.mapping.by_geometry import Geometric, descriptors, map_by_geometry
from retarget.mapping.conventions import convention
from retarget.mapping.spelling import SIDE, WAY
from retarget.pipeline import describe_rig
from retarget.registration.fields import key_fields
from retarget.registration.locate import Capture, still_capture
from retarget.registration.rig import register_rig
from retarget.rig import RigDescription

RIGS = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "rigs"
ALIKE = 0.995

# Rigs with ARKit names, and the part of the units that must be right.
NAMED = {
    "readyplayerme_arkit_visemes.glb": 0.90,
    "makehuman_arkit_snake.blend": 0.90,
    "vroid_fcl_arkit.glb": 0.90,
    "JohnSmithHead.fbx": 0.90,
}
# The rig with anatomical names: unit -> the keys that mean it (any of them is right); two-sided keys serve both sides.
# Read from the names alone: depressors pull down, a corner puller smiles, "parling" and "part-later" part the lips,
# "protusion" and "pursing" push them out, "retraction" pulls the corners back, "closure" closes a lid.
ANATOMICAL_FILE = "makehuman_expression_units.blend"
_ANATOMICAL_LEFT = {
    "eyeBlink": ("eye-left-closure",),
    "eyeSquint": ("eye-left-slit",),
    "eyeWide": ("eye-left-opened-up",),
    "browDown": ("eyebrows-left-down",),
    "browOuterUp": ("eyebrows-left-extern-up", "eyebrows-left-up"),
    "noseSneer": ("nose-left-elevation",),
    "mouthSmile": ("mouth-corner-puller",),
    "mouthFrown": ("mouth-depression",),
    "mouthDimple": ("mouth-retraction",),
    "mouthStretch": ("neck-platysma", "mouth-depression-retraction"),
    "mouthPress": ("mouth-compression",),
    "mouthUpperUp": ("mouth-elevation", "mouth-upward-retraction"),
}
ANATOMICAL = {
    "jawOpen": ("mouth-open",),
    "browInnerUp": ("eyebrows-left-inner-up", "eyebrows-right-inner-up"),
    "mouthFunnel": ("mouth-eversion", "mouth-protusion"),
    "mouthPucker": ("mouth-pursing", "mouth-protusion"),
    **{f"{base}Left": keys for base, keys in _ANATOMICAL_LEFT.items()},
    **{f"{base}Right": tuple(k.replace("left", "right") for k in keys) for base, keys in _ANATOMICAL_LEFT.items()},
}
LEAST = {**NAMED, ANATOMICAL_FILE: 0.70}


@dataclass(frozen=True)
class Result:
    """right of total units; misses: (unit, what was expected, what came, its score)."""

    rig: str
    right: int
    total: int
    misses: tuple[tuple[str, str, str, float], ...]
    note: str
    seconds: float

    @property
    def share(self) -> float:
        return self.right / max(self.total, 1)


def truth_of(file: Path, blender: Blender) -> dict[str, tuple[str, ...]]:
    """Unit -> names of the keys that are right, for the live units of the rig as the artist named it."""
    if file.name == ANATOMICAL_FILE:
        return ANATOMICAL
    return arkit_keys(describe_rig(file, blender)[0])


def arkit_keys(rig: RigDescription) -> dict[str, tuple[str, ...]]:
    """Unit -> its live key, where the rig has one that is named after it in any of ARKit's spellings."""
    speller = convention("arkit")[0].speller
    found: dict[str, tuple[str, ...]] = {}
    for mesh in rig.keyed_meshes:
        for key in mesh.keys:
            meaning = None if mesh.is_dead(key) else speller.read(key.name, frozenset())
            unit = meaning.row.replace(SIDE, meaning.side).replace(WAY, meaning.side) if meaning else ""
            if unit in ARKIT_NAMES:
                found[unit] = tuple(dict.fromkeys((*found.get(unit, ()), key.name)))
    return found


def measure(file: Path, capture: Capture, changes: tuple[str, ...] = (), seed: int = 1) -> Result:
    """Hide the names of one rig, apply the changes, map it by geometry, and compare."""
    started, blender = time.monotonic(), Blender()
    truth = truth_of(file, blender)
    with tempfile.TemporaryDirectory(prefix="mmface-disguise-") as folder:
        hidden, names = Path(folder, "rig.blend"), Path(folder, "names.json")
        command = [sys.executable, "-m", "benchmarks.disguise_rig", str(file), str(hidden), str(names), str(seed)]
        subprocess.run([*command, *changes], check=True, capture_output=True, cwd=Path(__file__).parent.parent)
        known = json.loads(names.read_text())
        rig = describe_rig(hidden, blender)[0]
        found = register_rig(hidden, rig, blender, capture)
        geometric = map_by_geometry(rig, found.surfaces, found.registration)
        alike = _alike(rig, found, geometric)
    return _compare(file.name, truth, known, geometric, alike, time.monotonic() - started)


def _alike(rig: RigDescription, found, geometric: Geometric) -> np.ndarray:  # type: ignore[no-untyped-def]
    if found.registration is None:
        return np.zeros((0, 0))
    _, keys, _ = descriptors(found.registration.template, key_fields(rig, found.surfaces, found.registration))
    return keys @ keys.T


def _compare(rig, truth, known, geometric, alike, seconds) -> Result:  # type: ignore[no-untyped-def]
    real = [known[key] for key in geometric.keys]
    first = {e.channel: e for e in (*geometric.explanations, *geometric.rejected)}
    right, total, misses = 0, 0, []
    for unit in ARKIT_NAMES:
        wanted = [real.index(key) for key in truth.get(unit, ()) if key in real]
        wanted = [w for w in wanted if alike[w, w] > 0]  # a key that shows nowhere on the face is not visible
        if not wanted:
            continue
        total += 1
        entry = first.get(unit)
        came = geometric.keys.index(entry.keys[0][0]) if entry else None
        if came is not None and max(alike[came, w] for w in wanted) > ALIKE:
            right += 1
        else:
            score = entry.score if entry else 0.0
            misses.append((unit, real[wanted[0]], real[came] if came is not None else "nothing", score))
    if geometric.registration is None:
        total = len(truth)
    fit = geometric.registration
    note = f"{fit.residual_mm:.2f} mm off, {100 * fit.covered:.0f} % covered" if fit else geometric.note or ""
    return Result(rig, right, total, tuple(misses), note, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rigs", nargs="*", help="parts of file names; all rigs by default")
    parser.add_argument("--changes", default="", help="of scale, turn, move, cut, by commas; or 'every' one in turn")
    arguments = parser.parse_args()
    capture = still_capture()
    changes = [tuple(arguments.changes.split(",")) if arguments.changes else ()]
    if arguments.changes == "every":
        changes = [(), ("scale",), ("turn",), ("move",), ("cut",)]
    for name, least in LEAST.items():
        if arguments.rigs and not any(part in name for part in arguments.rigs):
            continue
        for change in changes:
            result = measure(RIGS / name, capture, change)
            mark = "" if result.share >= least else f"   MISSES {100 * least:.0f} %"
            print(
                f"{name:32} {'+'.join(change) or 'as it is':22} {result.right:2d} of {result.total:2d} = "
                f"{100 * result.share:5.1f} %   {result.note}, {result.seconds:.0f} s{mark}",
                flush=True,
            )
            for unit, wanted, came, score in result.misses:
                print(f"    {unit}: {came} ({score:.2f}) instead of {wanted}", flush=True)


if __name__ == "__main__":
    main()
