"""A clip to judge by: the video with the tracked face on the left, the animated avatar beside it.

The avatar's pictures come from a child Blender one by one; each is joined with the video's picture as soon as it is
there, so that no more than one clip of small pictures lies on the disk, whatever its length. A second child encodes
them to H.264, since OpenCV's wheels may not.
"""

import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmface_core.take import Take
from retarget.blender import Blender, Progress
from retarget.exchange.takes import is_take
from retarget.links import same_picture
from retarget.mapping.facing import head_view
from retarget.motion import RigMotion
from retarget.performance import Performance
from retarget.timing import STILL_RATE, STILL_SECONDS

if TYPE_CHECKING:
    from retarget.mapping.map_rig import MappedRig

Image = NDArray[np.uint8]

HEIGHT = 512  # px of the clip; the avatar's picture is square. Where there is no GPU, time grows with its area.
WIDEST = 1024  # px that the video's picture may take


class PreviewMaker:
    """Makes the preview while a child Blender renders; a context manager, whose temporary files vanish with it.

    Give `render_step()` to the child after the bake, call `on_progress` with what it tells, then `encode`.
    """

    def __init__(self, path: Path, motion: RigMotion, take: Take, source: Path, performance: Performance) -> None:
        """path: the .mp4 to write. source: the video or pictures to show on the left; where it is a take, that take's
        own source
        if it can still be read, else the avatar stands alone."""
        self._path = path
        self._motion = motion
        self._lefts = _pictures(_footage(source, take), take, performance)
        self._left: Image | None = None

    def __enter__(self) -> "PreviewMaker":
        self._temporary = tempfile.TemporaryDirectory(prefix=".mmface-preview-", dir=self._path.resolve().parent)
        self._avatar, self._joined = Path(self._temporary.name, "avatar"), Path(self._temporary.name, "joined")
        self._joined.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        self._lefts.close()
        self._temporary.cleanup()

    def render_step(self, mapped: "MappedRig") -> dict[str, Any]:
        """The step for `blender_addon/scene/job.py` that renders the avatar."""
        facing = mapped.mapping.facing
        view = head_view(mapped.rig, mapped.mapping.channels, facing)
        camera = {"centre": view.centre, "height": view.height, "front": facing.front, "up": facing.up}
        frames, size = list(self._motion.frames), [HEIGHT, HEIGHT]
        return {"do": "render", "folder": str(self._avatar), "frames": frames, "size": size, "view": camera}

    def on_progress(self, step: str, done: int, total: int) -> None:
        """Join the avatar's picture number `done`, which has just been rendered, with the video's."""
        if step == "render":
            # The video's last picture stays should it end early: all pictures of a clip have one size.
            self._left = next(self._lefts, self._left)
            _join(self._left, self._avatar / f"{done:06d}.jpg", self._joined / f"{done:06d}.jpg")

    def encode(self, blender: Blender, progress: Progress | None = None) -> None:
        """Write the .mp4 at the clip's own rate: whole, or not at all."""
        rate = self._motion.rate or STILL_RATE
        if self._motion.rate is None:
            _repeat(self._joined / "000001.jpg", STILL_SECONDS * STILL_RATE.fps)
        clip = Path(self._temporary.name, self._path.name)
        # Blender's encoder cuts fractions of a rate's base off after a few decimals; whole numbers it keeps.
        fps, base = rate.fraction
        step = {"do": "encode", "folder": str(self._joined), "path": str(clip), "fps": fps, "fps_base": base}
        blender.run([step], self._path.name, progress)
        os.replace(clip, self._path)


def _footage(source: Path, take: Take) -> Path | None:
    """The file that shows the person; None where there is none."""
    if not is_take(source):
        return source if source.exists() else None  # a webcam's pictures are gone
    named = Path(take.source)
    return named if named.exists() and not is_take(named) else None  # a recording of weights shows nobody


def _pictures(footage: Path | None, take: Take, performance: Performance) -> Generator[Image, None, None]:
    """The drawn-on picture (H, W, 3 RGB) for each of the performance's frames; none without footage."""
    if footage is None:
        return
    from mmface_core.capture.overlay import TakePainter
    from mmface_core.capture.sources import Ahead, open_source

    painter = TakePainter(take)
    wanted = iter(performance.row)
    row = next(wanted, None)
    with Ahead(open_source(footage, sequence=True, fps=take.fps)) as frames:
        for frame in frames:
            while row is not None and int(take.frame[row]) == frame.index:
                yield _fitted(painter.draw(frame.image, int(row)))
                row = next(wanted, None)
            if row is None:
                return


def _fitted(image: Image) -> Image:
    """The picture at the clip's height, or less high where it would be too wide."""
    height, width = image.shape[:2]
    scale = min(HEIGHT / height, WIDEST / width)
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=interpolation).astype(np.uint8)


def _join(left: Image | None, right_path: Path, path: Path) -> None:
    """Put the video's picture (RGB) to the left of the avatar's and remove the latter's file."""
    right = cv2.imread(str(right_path), cv2.IMREAD_COLOR)
    right_path.unlink()
    if left is None:
        joined = right
    else:
        margin = HEIGHT - left.shape[0]
        # H.264 wants even sides.
        sides = (margin // 2, margin - margin // 2, 0, left.shape[1] % 2)
        padded = cv2.copyMakeBorder(left[:, :, ::-1], *sides, cv2.BORDER_CONSTANT)
        joined = np.hstack([padded, right])
    cv2.imwrite(str(path), joined, [cv2.IMWRITE_JPEG_QUALITY, 95])


def _repeat(picture: Path, count: int) -> None:
    for number in range(2, count + 1):
        same_picture(picture, picture.with_name(f"{number:06d}.jpg"))
