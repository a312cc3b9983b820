"""Takes made of numbers alone."""

import numpy as np

from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.take import Take


def take_of(expression, fps=30.0, **other) -> Take:
    """A take whose expression (T, 52) are the ARKit weights, the head straight ahead; `other` entries take the place
    of these.
    """
    count = len(expression)
    values = np.asarray(expression, np.float32)
    entries = {
        "source": "clip.mp4",
        "fps": fps,
        "image_size": np.array([640, 480], np.int32),
        "frame": np.arange(count, dtype=np.int32),
        "time": np.arange(count) / fps,
        "present": np.ones(count, bool),
        "confidence": np.ones(count, np.float32),
        "landmarks": np.zeros((count, 68, 3), np.float32),
        "rotation": np.tile(np.eye(3, dtype=np.float32), (count, 1, 1)),
        "translation": np.zeros((count, 2), np.float32),
        "scale": np.ones(count, np.float32),
        "identity": np.zeros(80, np.float32),
        "expression": values,
        "weight_names": np.array(ARKIT_NAMES),
        "weights": values,
    }
    return Take(**entries | other)
