"""How near created shapes come to those that an artist made: drops a rig's keys, makes the 52, compares.

    python -m benchmarks.created_shapes [RIG ...] [--keep FOLDER]

Prints for each rig the median over the live units of the relative RMS difference over the vertices that the artist's
key moves: as made, with one strength for the whole rig, and with one for each unit. Artists differ in strength, and a
unit is made in proportion to the size of the head, which theirs may not be.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.geometric_mapping import arkit_keys
from mmface_core.model.arkit import ARKIT_INDEX
from retarget.blender import Blender
from retarget.pipeline import describe_rig
from retarget.registration.create import Created, create_shapes
from retarget.registration.locate import Capture, still_capture
from retarget.registration.sheet import draw_sheet
from retarget.rig import RigDescription

RIGS = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "rigs"
NAMED = ("makehuman_arkit_snake.blend", "readyplayerme_arkit_visemes.glb", "JohnSmithHead.fbx")


@dataclass(frozen=True)
class Difference:
    """Relative RMS differences (units,): as made, with one strength for the rig, with one for each unit."""

    units: tuple[str, ...]
    plain: np.ndarray
    one_strength: np.ndarray
    own_strength: np.ndarray
    strength: float


def compare(rig: RigDescription, created: Created) -> Difference:
    """The artist's keys of `rig` against the created ones."""
    made = {mesh.object: mesh for mesh in created.meshes}
    units, squares = [], []  # per unit: |new|^2, new . old, |old|^2
    for unit, names in arkit_keys(rig).items():
        sums = np.zeros(3)
        for mesh in rig.keyed_meshes:
            key = next((k for k in mesh.keys if k.name in names), None)
            if key is None or key.delta is None or mesh.is_dead(key):
                continue
            moved = np.linalg.norm(key.delta, axis=1) > 0.01 * key.max_delta
            old = key.delta[moved]
            new = made[mesh.object].offsets[ARKIT_INDEX[unit]][moved] if mesh.object in made else 0 * old
            sums += (new**2).sum(), (new * old).sum(), (old**2).sum()
        units.append(unit)
        squares.append(sums)
    new2, both, old2 = np.array(squares).T

    def off(strength) -> np.ndarray:  # type: ignore[no-untyped-def]
        return np.sqrt(np.maximum(strength**2 * new2 - 2 * strength * both + old2, 0) / old2)

    own = both / np.maximum(new2, 1e-30)
    one = float(np.median(own))
    return Difference(tuple(units), off(1.0), off(one), off(own), one)


def measure(file: Path, output: Path, capture: Capture, sheet: Path | None = None) -> tuple[Difference, Created]:
    """Create the shapes of one rig whose own keys are dropped first."""
    blender = Blender()
    created = create_shapes(file, output, replace=True, blender=blender, capture=capture)
    if sheet:
        draw_sheet(output, created.registration, sheet, blender)
    return compare(describe_rig(file, blender)[0], created), created


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rigs", nargs="*", help="parts of file names; all rigs by default")
    parser.add_argument("--keep", type=Path, help="a folder for the .blend files and sheets")
    arguments = parser.parse_args()
    capture = still_capture()
    with tempfile.TemporaryDirectory(prefix="mmface-created-") as folder:
        for name in NAMED:
            if arguments.rigs and not any(part in name for part in arguments.rigs):
                continue
            place = arguments.keep or Path(folder)
            output = place / f"{Path(name).stem}.blend"
            found, _ = measure(RIGS / name, output, capture, output.with_suffix(".png") if arguments.keep else None)
            print(
                f"{name:32} {len(found.units)} units, median relative RMS difference: {np.median(found.plain):.3f} as "
                f"made, {np.median(found.one_strength):.3f} with strength {found.strength:.2f}, "
                f"{np.median(found.own_strength):.3f} with a strength for each unit",
                flush=True,
            )
            for unit, *row in zip(found.units, found.plain, found.one_strength, found.own_strength, strict=True):
                print(f"    {unit:22}" + "".join(f"{value:8.3f}" for value in row), flush=True)


if __name__ == "__main__":
    main()
