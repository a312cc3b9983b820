"""What the report shows of a clip: a strip of small pictures, and curves thinned to what a screen shows."""

import base64
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmface_core.errors import UserError
from mmface_core.take import Take
from retarget.exchange.takes import is_take

PICTURES = 8
HEIGHT = 96  # px of a picture of the strip
COLUMNS = 480  # values of a curve
# Shown as curves: what the eye follows. All 52 lie in the table below them.
SHOWN = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft", "eyeBlinkRight", "browInnerUp")


def clip_facts(take: Take, clip: Path) -> str:
    """The facts as JSON: pictures (data URLs), weights as bytes 0..100, confidence, presence, lost stretches."""
    footage = Path(take.source) if is_take(clip) else clip
    rows = _rows(len(take))
    names = [str(name) for name in take.weight_names]
    weights = take.weights[rows] if len(names) else np.zeros((len(rows), 0))
    facts: dict[str, Any] = {
        "pictures": strip(footage, take),
        "seconds": float(take.time[-1] - take.time[0]) if len(take) > 1 else 0.0,
        "names": names,
        "weights": np.round(100 * weights).astype(int).T.tolist(),
        "confidence": np.round(100 * take.confidence[rows]).astype(int).tolist(),
        "lost": lost_stretches(take),
    }
    return json.dumps(facts)


def _rows(count: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, max(count - 1, 0), min(count, COLUMNS)).round().astype(np.intp))


def lost_stretches(take: Take) -> list[tuple[float, float]]:
    """Beginning and end, in seconds, of each stretch in which no face was seen."""
    gone = np.concatenate([[False], ~take.present, [False]])
    edges = np.flatnonzero(gone[1:] != gone[:-1])
    step = 1.0 / take.fps
    return [
        (round(float(take.time[a]), 3), round(float(take.time[b - 1]) + step, 3))
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]


def strip(footage: Path, take: Take) -> list[str]:
    """Small pictures spread over the clip, as data URLs; none where the footage is not there any more."""
    from mmface_core.capture.sources import open_source

    if not footage.exists():
        return []
    wanted = np.unique(np.linspace(0, len(take) - 1, PICTURES + 2).round()[1:-1].astype(int)) if len(take) > 1 else [0]
    pictures: list[str] = []
    for row in wanted:
        try:
            source = open_source(footage, sequence=True, start=int(take.frame[row]), exact=False)
            frame = next(source.frames(), None)
            source.close()
        except UserError:
            return pictures
        if frame is not None:
            pictures.append(data_url(frame.image))
    return pictures


def data_url(image: NDArray[np.uint8]) -> str:
    """A picture (H, W, 3 RGB) as a small JPEG in a data URL."""
    height, width = image.shape[:2]
    size = (max(1, round(width * HEIGHT / height)), HEIGHT)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    good, data = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode() if good else ""
