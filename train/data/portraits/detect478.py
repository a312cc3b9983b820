"""Off-the-shelf landmarks of portraits: MediaPipe FaceMesh's 478 points, stored in the training cache.

MediaPipe belongs to the `[train]` extra and is imported only here, inside the functions, so that nothing else needs it.
Run as a script (`python detect478.py INPUT OUT.npz`) it needs nothing but mediapipe, numpy and OpenCV, so it can also
run in an environment of its own. INPUT is a folder of tar shards, or an .npz with `pictures` (N, H, W, 3) u8 RGB.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

POINT_COUNT = 478


def detect(pictures: Iterable[np.ndarray], shrink_on_miss: bool = True) -> np.ndarray:
    """Find 478 points in each RGB uint8 picture (one face each); NaN where no face was found.

    Returns (N, 478, 3) float32: 0-based pixel x, y and relative depth in pixels (negative towards the camera).
    A picture that FaceMesh misses is tried again with a grey border, because it dislikes faces that fill the frame.
    """
    import mediapipe

    found = []
    options = {"static_image_mode": True, "refine_landmarks": True, "max_num_faces": 1}
    with mediapipe.solutions.face_mesh.FaceMesh(min_detection_confidence=0.3, **options) as mesh:
        for picture in pictures:
            points = _detect_one(mesh, picture, 0)
            if points is None and shrink_on_miss:
                points = _detect_one(mesh, picture, picture.shape[0] // 3)
            found.append(np.full((POINT_COUNT, 3), np.nan, np.float32) if points is None else points)
    return np.stack(found) if found else np.zeros((0, POINT_COUNT, 3), np.float32)


def _detect_one(mesh: object, picture: np.ndarray, border: int) -> np.ndarray | None:
    if border:
        picture = cv2.copyMakeBorder(picture, border, border, border, border, cv2.BORDER_CONSTANT, value=(90, 90, 90))
    result = mesh.process(np.ascontiguousarray(picture))  # type: ignore[attr-defined]
    if not result.multi_face_landmarks:
        return None
    height, width = picture.shape[:2]
    normalised = np.array([(p.x, p.y, p.z) for p in result.multi_face_landmarks[0].landmark], np.float32)
    # MediaPipe's coordinates are edge based (0 = left edge); ours put 0 at the first pixel's centre.
    points = normalised * np.float32([width, height, width]) - np.float32([0.5, 0.5, 0.0])
    return points - np.float32([border, border, 0])


def detect_shards(folder: Path, out: Path) -> int:
    """Detect all portraits of the tar shards in `folder` and write names, points and the JPEG index to `out`."""
    sys.path.insert(0, str(Path(__file__).parent))
    from archive import iterate_jpegs  # by path, so that the script runs without the rest of the project

    names: list[str] = []

    def pictures() -> Iterable[np.ndarray]:
        for name, jpeg in iterate_jpegs(folder):
            names.append(name)
            picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            yield cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)

    points = detect(pictures())
    np.savez_compressed(out, names=np.array(names), points=points)
    return int(np.isfinite(points[:, 0, 0]).sum())


def detect_pictures(source: Path, out: Path) -> int:
    """Detect the `pictures` of an .npz file and write their points to `out`."""
    with np.load(source) as file:
        points = detect(file["pictures"])
    np.savez_compressed(out, points=points)
    return int(np.isfinite(points[:, 0, 0]).sum())


def main(arguments: list[str]) -> str:
    """Run as a script; returns the sentence to print."""
    if len(arguments) != 2:
        sys.exit("usage: detect478.py SHARD_FOLDER_OR_NPZ OUT.npz")
    source, out = Path(arguments[0]), Path(arguments[1])
    count = detect_shards(source, out) if source.is_dir() else detect_pictures(source, out)
    return f"{count} faces found\n"


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]))
