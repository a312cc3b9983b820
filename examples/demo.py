"""`make demo`: animate the bundled avatar from the bundled clip, and pose it from a photograph.

The clip is a rendered head. The photograph is NASA's portrait of the astronaut Eileen Collins (public domain), which
comes with scikit-image.
"""

from pathlib import Path

import cv2
from skimage import data

from mmface_core.errors import UserError
from retarget import retarget_video

HERE = Path(__file__).resolve().parent
AVATAR = HERE / "avatar.blend"
OUTPUT = HERE.parent / "demo_output"


def animate(source: Path, name: str) -> None:
    print(f"\n{source.name} -> {OUTPUT / name}.blend", flush=True)
    report = retarget_video(source, AVATAR, OUTPUT / f"{name}.blend", preview=OUTPUT / f"{name}.mp4")
    print("\n".join(report.lines()))


def main() -> None:
    OUTPUT.mkdir(exist_ok=True)
    animate(HERE / "sample.mp4", "sample")
    photograph = OUTPUT / "astronaut.png"
    if not cv2.imwrite(str(photograph), cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)):
        raise UserError(f"Nothing can be written in {OUTPUT}.")
    animate(photograph, "astronaut")
    print(f"\nOpen {OUTPUT / 'sample.blend'} in Blender and press Space, or play {OUTPUT / 'sample.mp4'}.")


if __name__ == "__main__":
    main()
