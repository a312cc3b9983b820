"""Every video of a folder onto one rig: one .blend and one take each; clips without a face are told and skipped.

python examples/many_clips.py dailies/ hero.blend results/
"""

import sys
from pathlib import Path

from mmface_core.errors import UserError
from retarget import retarget_video

VIDEOS = {".mp4", ".mov", ".avi", ".mkv", ".webm", ".wmv"}


def main(folder: str, rig: str, results: str) -> int:
    Path(results).mkdir(parents=True, exist_ok=True)
    failed = 0
    for video in sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in VIDEOS):
        output = Path(results, video.stem).with_suffix(".blend")
        take = output.with_suffix(".npz")
        if output.exists():
            continue  # done by an earlier run
        try:
            # What was captured once need not be captured again.
            report = retarget_video(take if take.exists() else video, rig, output, take=None if take.exists() else take)
        except UserError as error:
            print(f"{video.name}: {error}")
            failed += 1
            continue
        performance = report.performance
        print(f"{video.name}: {performance.frame_count} frames, {len(report.driven)} channels -> {output}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
