"""Pictures from wherever they come: an image, a folder of images, a video file, a webcam.

Decoding runs ahead in a thread of its own, so that it overlaps with the network's work.
"""

import os
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mmface_core import MOST_PIXELS
from mmface_core.capture.stages import NO_STAGES, Stages
from mmface_core.errors import UserError

IMAGE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".jp2"})
LONGEST_SIDE: Final = 32767  # px, from which on OpenCV cannot warp a picture
AHEAD: Final = 8  # frames decoded ahead

# A broken file is reported by us in one sentence; the decoders' own complaints would only surround it.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
cv2.setLogLevel(0)


@dataclass(frozen=True)
class Frame:
    """One picture: image (H, W, 3) u8 RGB, its index in the source, its time in seconds."""

    image: NDArray[np.uint8]
    index: int
    time: float


class Source(Protocol):
    """A finite or endless row of frames. is_live: they come at their own time and do not wait, as a camera's.
    `expected` is what the file claims to hold, None where unknown."""

    name: str
    fps: float
    is_still: bool
    is_live: bool
    expected: int | None

    def frames(self) -> Iterator[Frame]:
        """The frames in order; may be called once."""
        ...

    def close(self) -> None: ...


def read_image(path: Path) -> NDArray[np.uint8]:
    """An image file as (H, W, 3) u8 RGB, turned as its metadata says. Raises UserError where it cannot be read."""
    if not path.is_file():
        raise UserError(f"There is no file {path}.")
    try:
        image = cv2.imread(_spelt(path), cv2.IMREAD_COLOR)
    except (cv2.error, MemoryError):  # among others, more pixels declared than MOST_PIXELS
        image = None
    if image is None:
        raise UserError(f"{path} is not a picture that can be read.")
    if max(image.shape) >= LONGEST_SIDE:
        raise UserError(
            f"{path} is {image.shape[1]} x {image.shape[0]} pixels; a side can have {LONGEST_SIDE - 1} at most."
        )
    return _rgb(image)


def _spelt(path: Path) -> str:
    """The path for OpenCV, which takes the process down at a name that is not Unicode. Raises UserError for such."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(path).decode(errors="replace")
        raise UserError(f"The name {shown} is not valid Unicode; rename the file.") from error
    return str(path)


def _rgb(image: np.ndarray) -> NDArray[np.uint8]:
    """OpenCV's picture as RGB, by its own loop: turning the axis around in NumPy takes forty times as long."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def image_files(folder: Path) -> list[Path]:
    """The images of a folder, numbers in their names in counting order."""

    def natural(path: Path) -> list[tuple[int, int | str]]:
        parts = re.split(r"(\d+)", path.name.lower())
        return [(1, int(part)) if part.isdecimal() else (0, part) for part in parts]

    return sorted((p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file()), key=natural)


class ImageSource:
    """One still picture."""

    fps = 1.0
    is_still, is_live = True, False
    expected: int | None = 1

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._image = read_image(path)

    def frames(self) -> Iterator[Frame]:
        yield Frame(self._image, 0, 0.0)

    def close(self) -> None: ...


class SequenceSource:
    """A folder of images as the frames of one clip, in the order of their names."""

    is_still = is_live = False

    def __init__(self, folder: Path, fps: float, start: int = 0) -> None:
        """start: index of the picture to begin with."""
        self.name = str(folder)
        self.fps = fps
        self._start = start
        self._paths = image_files(folder)
        self.expected: int | None = len(self._paths)
        if not self._paths:
            raise UserError(f"The folder {folder} holds no pictures.")

    def frames(self) -> Iterator[Frame]:
        for index, path in enumerate(self._paths[self._start :], self._start):
            yield Frame(read_image(path), index, index / self.fps)

    def close(self) -> None: ...


class VideoSource:
    """A video file; every frame carries its own timestamp, so a variable frame rate is kept."""

    is_still = is_live = False

    def __init__(self, path: Path, start: int = 0, exact: bool = True) -> None:
        """start: index of the frame to begin with. exact: by decoding all before it; else by seeking, which is quick,
        and which a file with an odd index may answer with other frames."""
        self.name = str(path)
        self._start, self._exact = start, exact
        if path.stat().st_size == 0:
            raise UserError(f"The file {path} is empty (0 bytes).")
        self._capture = cv2.VideoCapture(_spelt(path), cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            raise UserError(f"{path} is neither a picture nor a video that can be read.")
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        width, height = (self._capture.get(key) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if width * height > MOST_PIXELS:
            raise UserError(f"{path} claims pictures of {width:.0f} x {height:.0f} pixels; that is no video to track.")
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.fps = rate if np.isfinite(rate) and 0.1 < rate < 1000 else 25.0
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.expected = int(count) if 0 < count < 1e9 else None

    def frames(self) -> Iterator[Frame]:
        index, last = self._skip()
        while True:
            good, image = self._capture.read()
            if not good:
                break
            stamp = self._stamp(index, last)
            yield Frame(_rgb(image), index, stamp)
            index, last = index + 1, stamp
        if index == 0:
            raise UserError(f"The video {self.name} holds no frame that can be decoded.")

    def _skip(self) -> tuple[int, float]:
        """Go to the first wanted frame; its index and the time of the one before."""
        index, last = 0, -1.0
        if not self._exact and self._start:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, self._start)
            return self._start, last
        while index < self._start and self._capture.grab():
            index, last = index + 1, self._stamp(index, last)
        return index, last

    def _stamp(self, index: int, last: float) -> float:
        """Seconds of the frame just decoded; `last`: of the one before."""
        stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
        if not np.isfinite(stamp) or stamp <= last:  # a container without usable timestamps
            stamp = last + 1.0 / self.fps if index else 0.0
        return stamp

    def close(self) -> None:
        self._capture.release()


class WebcamSource:
    """A camera by its number, for a number of seconds (None: until it is closed)."""

    is_still, is_live = False, True
    expected: int | None = None

    def __init__(self, index: int, seconds: float | None) -> None:
        self.name = f"webcam {index}"
        self._seconds = seconds
        self._capture = cv2.VideoCapture(index)
        if not self._capture.isOpened():
            raise UserError(f"There is no camera number {index}, or another program uses it.")
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.fps = rate if np.isfinite(rate) and 0.1 < rate < 1000 else 30.0

    def frames(self) -> Iterator[Frame]:
        index, start = 0, time.monotonic()
        while True:
            good, image = self._capture.read()
            elapsed = time.monotonic() - start
            if not good or (self._seconds is not None and elapsed > self._seconds):
                return
            yield Frame(_rgb(image), index, elapsed)
            index += 1

    def close(self) -> None:
        self._capture.release()


class FilteredSource:
    """Another source whose frames go through a filter, which may end them early."""

    def __init__(self, source: Source, through: Callable[[Iterator[Frame]], Iterator[Frame]]) -> None:
        self.name, self.fps, self.expected = source.name, source.fps, source.expected
        self.is_still, self.is_live = source.is_still, source.is_live
        self._source, self._through = source, through

    def frames(self) -> Iterator[Frame]:
        return self._through(self._source.frames())

    def close(self) -> None:
        self._source.close()


def open_source(
    name: str | Path,
    sequence: bool = False,
    fps: float | None = None,
    seconds: float | None = None,
    start: int = 0,
    exact: bool = True,
) -> Source:
    """The source that a user means by `name`: an image, a video, a webcam's number, or a folder of images.

    sequence: a folder is taken as the frames of one clip, at `fps` (25 where None). seconds: how long a webcam is read.
    start: index of a clip's frame to begin with; exact: see `VideoSource`.
    Raises UserError where there is nothing to read.
    """
    path = Path(name)
    if path.is_dir():
        if not sequence:
            raise UserError(f"{path} is a folder; use --sequence to read its pictures as the frames of one clip.")
        return SequenceSource(path, 25.0 if fps is None else fps, start)
    if not path.exists():
        if str(name).isdecimal():
            return WebcamSource(int(str(name)), seconds)
        raise UserError(f"There is no file {path}.")
    return ImageSource(path) if path.suffix.lower() in IMAGE_SUFFIXES else VideoSource(path, start, exact)


class Ahead:
    """Frames of a source, decoded ahead in a thread; a context manager that stops the thread and closes the source.

    The thread alone touches the source and closes it when it ends: a decoder that is released, or whose library is
    unloaded, while it decodes takes the process down. So that this also holds where Ctrl-C strikes while we wait for
    the thread, the interpreter waits for it too (it is no daemon), and it ends when the program does.
    """

    def __init__(self, source: Source, ahead: int = AHEAD, stages: Stages = NO_STAGES) -> None:
        self._source = source
        self._stages = stages
        self._queue: queue.Queue[Frame | BaseException | None] = queue.Queue(maxsize=ahead)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._decode, name="decoder", daemon=False)

    def _put(self, item: Frame | BaseException | None) -> bool:
        while not self._stop.is_set() and threading.main_thread().is_alive():
            try:
                self._queue.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def _decode(self) -> None:
        try:
            frames = self._source.frames()
            while True:
                with self._stages("decode"):
                    frame = next(frames, None)
                if not self._put(frame) or frame is None:
                    return
        except BaseException as error:  # handed on to the reader, who raises it in its own thread
            self._put(error)
        finally:
            self._source.close()

    def __enter__(self) -> Iterator[Frame]:
        try:
            self._thread.start()
        except BaseException:  # Ctrl-C: the thread may run, and nobody will read it
            self._stop.set()
            raise
        return self._read()

    def _read(self) -> Iterator[Frame]:
        while True:
            with self._stages("wait for decoding"):
                item = self._queue.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
