"""One clip onto one rig.

python examples/single_clip.py talk.mp4 hero.blend
"""

import sys

from retarget import Settings, retarget_video


def main(video: str, rig: str) -> None:
    report = retarget_video(video, rig, "animated.blend", preview="look.mp4", settings=Settings(smooth=0.4))
    print("\n".join(report.lines()))


if __name__ == "__main__":
    main(*sys.argv[1:3])
