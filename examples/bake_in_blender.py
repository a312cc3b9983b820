"""Load a motion into the open .blend, inside Blender itself and without mmface's Python packages.

mmface-retarget talk.mp4 hero.blend -o /tmp/unused.blend --motion talk.json
blender -b hero.blend -P examples/bake_in_blender.py -- talk.json hero_talk.blend
"""

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # or install the add-on, and leave this line out

from blender_addon.scene import bake


def main(motion: str, output: str) -> None:
    result = bake.bake(bake.load_motion(motion))
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(output).resolve()), copy=True)
    print(f'Action "{result["action"]}" with {result["keyed"]} curves in {output}')


main(*sys.argv[sys.argv.index("--") + 1 :])
